"""What every implementation of `cozysync.gateway.view.View` must hold.

Subclass, and give the fixture `view`: one with the folder `Documents`, empty, and its `staging`.
"""

from contextlib import aclosing
from functools import partial

import pytest
import trio
import trio.testing

from cozysync.gateway.blocking import BlockingView
from cozysync.gateway.errors import (
    BadPath,
    CursorGone,
    Exists,
    Forbidden,
    IsDirectory,
    NotDirectory,
    NotFound,
    Stale,
)
from cozysync.gateway.view import ABSENT, Outcome
from cozysync_conflict import Kind

LINES = b"".join(b"line %d of the text\n" % n for n in range(30))
TOP = LINES.replace(b"line 1 of", b"line one of")
BOTTOM = LINES.replace(b"line 28 of", b"line twenty-eight of")
BOTH = TOP.replace(b"line 28 of", b"line twenty-eight of")
LARGE = bytes(range(256)) * 1200

D = "/Documents"


async def put(view, path, data, **said):
    staged = view.staging / "staged"
    staged.write_bytes(data)
    written = await view.write(path, staged, **said)
    assert staged.read_bytes() == data
    staged.unlink()
    return written


async def content(view, path, *args):
    async with aclosing(view.read(path, *args)) as pieces:
        return b"".join([piece async for piece in pieces])


async def names(view, path):
    return [child.name for child in await view.children(path)]


async def everything(view, path, cursor=None, limit=1000):
    changed, removed, more = [], [], True
    while more:
        page = await view.changes(path, cursor, limit)
        assert len(page.changed) + len(page.removed) <= limit
        changed += page.changed
        removed += page.removed
        cursor, more = page.cursor, page.more
    return changed, removed, cursor


class ViewContract:
    async def test_the_root_holds_the_folders(self, view):
        root = await view.entry("/")
        assert (root.path, root.kind, root.name) == ("/", Kind.DIRECTORY, "")
        assert "Documents" in await names(view, "/")
        folder = await view.entry(D)
        assert folder.path == D
        assert folder.name == "Documents"
        assert folder.kind is Kind.DIRECTORY
        assert await view.children(D) == []

    async def test_what_was_written_is_read(self, view):
        written = await put(
            view, f"{D}/a.txt", b"text", base=ABSENT, mtime_ns=1_700_000_000 * 10**9
        )
        assert written.outcome is Outcome.WRITTEN
        entry = await view.entry(f"{D}/a.txt")
        assert entry == written.entry
        assert (entry.kind, entry.size, entry.mtime_ns) == (Kind.FILE, 4, 1_700_000_000 * 10**9)
        assert await view.children(D) == [entry]
        assert await view.find(entry.node) == entry
        assert await content(view, f"{D}/a.txt") == b"text"

    @pytest.mark.parametrize("data", [b"", b"short", LARGE])
    async def test_any_range_is_read(self, view, data):
        await put(view, f"{D}/f.bin", data)
        assert await content(view, f"{D}/f.bin") == data
        for start, length in [(0, 1), (1, 3), (100, 70_000), (len(data), 5), (2, None), (0, 0)]:
            end = None if length is None else start + length
            assert await content(view, f"{D}/f.bin", None, start, length) == data[start:end]

    async def test_names_of_all_sorts(self, view):
        for name in [
            "ä ö",
            "e\u0301",
            "漢字",
            "a\\b",
            "%2e%2e",
            "...",
            "con",
            "\udcff\udcfe",
            "x" * 255,
        ]:
            await put(view, f"{D}/{name}", name.encode("utf-8", "surrogateescape"))
            assert (await view.entry(f"{D}/{name}")).name == name
        assert len(await view.children(D)) == 9

    async def test_what_is_no_path_is_refused(self, view):
        staged = view.staging / "staged"
        staged.write_bytes(b"x")
        await put(view, f"{D}/a", b"a")
        for path in (
            "", "a", "//", f"{D}/", f"{D}/..", f"{D}/../x", f"{D}/./a", f"{D}//a", f"{D}/a\0b",
            "/..", f"{D}/{'x' * 256}", f"{D}/\ud800", D + "/abc" * 1100,
        ):  # fmt: skip
            for deed in (
                partial(view.entry, path),
                partial(view.children, path),
                partial(content, view, path),
                partial(view.write, path, staged),
                partial(view.make_directory, path),
                partial(view.remove, path),
                partial(view.move, path, f"{D}/b"),
                partial(view.copy, path, f"{D}/b"),
                partial(view.changes, path),
                partial(view.move, f"{D}/a", path),
                partial(view.copy, f"{D}/a", path),
            ):
                staged.write_bytes(b"x")
                with pytest.raises(BadPath):
                    await deed()
        assert await names(view, D) == ["a"]

    async def test_what_is_not_there_is_said(self, view):
        await put(view, f"{D}/f", b"x")
        for path in (f"{D}/none", f"{D}/f/x", "/None", f"{D}/none/x"):
            for deed in (view.entry, view.children, view.remove, view.changes, view.versions):
                with pytest.raises(NotFound):
                    await deed(path)
            with pytest.raises(NotFound):
                await content(view, path)
            with pytest.raises(NotFound):
                await view.move(path, f"{D}/y")
        for node in ("", "zz", "02" * 16, "not a node"):
            with pytest.raises(NotFound):
                await view.find(node)
        for path in (f"{D}/none/x", f"{D}/f/x", "/None/x"):
            with pytest.raises(NotDirectory):
                await put_only(view, path)
            with pytest.raises(NotDirectory):
                await view.make_directory(path)
            with pytest.raises(NotDirectory):
                await view.move(f"{D}/f", path)
        with pytest.raises(NotDirectory):
            await view.children(f"{D}/f")
        with pytest.raises(IsDirectory):
            await content(view, D)

    async def test_the_version_of_a_file_is_its_content(self, view):
        one = (await put(view, f"{D}/f", b"one")).entry.version
        two = (await put(view, f"{D}/f", b"two", base=one)).entry.version
        assert one != two
        again = (await put(view, f"{D}/f", b"one", base=two)).entry.version
        assert again == one
        assert (await put(view, f"{D}/g", b"one")).entry.version == one
        assert not {'"', "\n", " "} & set(one)

    async def test_older_versions_are_read(self, view):
        one = (await put(view, f"{D}/f", b"first")).entry.version
        two = (await put(view, f"{D}/f", LARGE)).entry.version
        await put(view, f"{D}/f", b"third")
        assert await content(view, f"{D}/f", one) == b"first"
        assert await content(view, f"{D}/f", two, 256, 3) == b"\0\1\2"
        assert [each.version for each in await view.versions(f"{D}/f")][-2:] == [two, one]
        with pytest.raises(Stale):
            await content(view, f"{D}/f", "0" * len(one))

    async def test_a_base_of_none_writes_over_and_absent_over_nothing(self, view):
        await put(view, f"{D}/f", b"one")
        with pytest.raises(Exists):
            await put(view, f"{D}/f", b"two", base=ABSENT)
        assert await content(view, f"{D}/f") == b"one"
        assert (await put(view, f"{D}/f", b"two")).outcome is Outcome.WRITTEN
        with pytest.raises(Stale):
            await put(view, f"{D}/f", b"three", base="0" * 32)
        with pytest.raises(Stale):
            await put(view, f"{D}/new", b"three", base="0" * 32)
        assert await content(view, f"{D}/f") == b"two"
        assert await names(view, D) == ["f"]

    async def test_a_stale_write_whose_base_is_known_is_merged(self, view):
        base = (await put(view, f"{D}/f.txt", LINES)).entry.version
        newer = (await put(view, f"{D}/f.txt", TOP, base=base)).entry.version
        written = await put(view, f"{D}/f.txt", BOTTOM, base=base)
        assert written.outcome is Outcome.MERGED
        assert written.entry.version not in (base, newer)
        assert await content(view, f"{D}/f.txt") == BOTH
        assert written.entry == await view.entry(f"{D}/f.txt")
        assert await view.conflicts() == 0

    async def test_large_texts_are_merged_too(self, view):
        middle = b"".join(b"%d is a line that pads\n" % n for n in range(4000))
        base = (await put(view, f"{D}/f.txt", TOP + middle + LINES)).entry.version
        await put(view, f"{D}/f.txt", LINES + middle + LINES, base=base)
        written = await put(view, f"{D}/f.txt", TOP + middle + BOTTOM, base=base)
        assert written.outcome is Outcome.MERGED
        assert await content(view, f"{D}/f.txt") == LINES + middle + BOTTOM

    async def test_what_cannot_be_merged_is_kept_beside(self, view):
        base = (await put(view, f"{D}/f.bin", b"\0base")).entry.version
        await put(view, f"{D}/f.bin", b"\0one", base=base)
        written = await put(view, f"{D}/f.bin", b"\0two", base=base)
        assert written.outcome is Outcome.CONFLICT
        assert len(written.beside) == 1
        kept = {await content(view, path) for path in (written.entry.path, *written.beside)}
        assert kept == {b"\0one", b"\0two"}
        assert await view.conflicts() == 1

    async def test_the_same_write_twice_is_one(self, view):
        base = (await put(view, f"{D}/f.bin", b"\0base")).entry.version
        await put(view, f"{D}/f.bin", b"\0new", base=base)
        assert (await put(view, f"{D}/f.bin", b"\0new", base=base)).outcome is Outcome.WRITTEN
        assert await names(view, D) == ["f.bin"]

    async def test_a_directory_changes_with_all_below_it_and_only_then(self, view):
        await view.make_directory(f"{D}/a")
        await view.make_directory(f"{D}/a/b")
        await view.make_directory(f"{D}/c")
        await put(view, f"{D}/a/b/f", b"one")

        async def versions():
            paths = ("/", D, f"{D}/a", f"{D}/a/b", f"{D}/c")
            return [(await view.entry(path)).version for path in paths]

        before = await versions()
        assert await versions() == before

        async def deeds():
            await put(view, f"{D}/a/b/f", b"two")
            yield
            await view.move(f"{D}/a/b/f", f"{D}/a/b/g")
            yield
            await view.copy(f"{D}/a/b/g", f"{D}/a/b/h")
            yield
            await view.remove(f"{D}/a/b/g")
            yield

        async for _ in deeds():
            after = await versions()
            assert all(old != new for old, new in zip(before[:4], after[:4], strict=True))
            assert before[4] == after[4]
            before = after

    async def test_directories_are_made_and_removed_whole(self, view):
        made = await view.make_directory(f"{D}/a")
        assert made == await view.entry(f"{D}/a")
        await view.make_directory(f"{D}/a/b")
        await put(view, f"{D}/a/b/f", b"one")
        with pytest.raises(Exists):
            await view.make_directory(f"{D}/a")
        with pytest.raises(Exists):
            await view.make_directory(f"{D}/a/b/f")
        with pytest.raises(IsDirectory):
            await put_only(view, f"{D}/a")
        with pytest.raises(Stale):
            await view.remove(f"{D}/a", base=made.version)
        await view.remove(f"{D}/a", base=(await view.entry(f"{D}/a")).version)
        assert await names(view, D) == []
        for path in (f"{D}/a", f"{D}/a/b/f"):
            with pytest.raises(NotFound):
                await view.entry(path)
        again = await view.make_directory(f"{D}/a")
        assert again.kind is Kind.DIRECTORY
        assert await view.children(f"{D}/a") == []

    async def test_what_was_removed_can_be_written_again(self, view):
        await put(view, f"{D}/f", b"one")
        await view.remove(f"{D}/f")
        assert (await put(view, f"{D}/f", b"two", base=ABSENT)).outcome is Outcome.WRITTEN
        assert await content(view, f"{D}/f") == b"two"
        assert await names(view, D) == ["f"]

    async def test_folders_are_made_here_and_given_up_elsewhere(self, view):
        made = await view.make_directory("/Photos")
        assert made.path == "/Photos"
        await put(view, "/Photos/f", b"x")
        assert await content(view, "/Photos/f") == b"x"
        for deed in (
            lambda: view.remove("/Photos"),
            lambda: view.move("/Photos", f"{D}/Photos"),
            lambda: view.move(f"{D}/f", "/f"),
            lambda: put_only(view, "/f"),
            lambda: put_only(view, "/"),
            lambda: view.remove("/"),
        ):
            await put(view, f"{D}/f", b"x")
            with pytest.raises(Forbidden):
                await deed()

    async def test_a_move_keeps_the_node(self, view):
        node = (await put(view, f"{D}/f", LARGE)).entry.node
        await view.make_directory(f"{D}/a")
        moved = await view.move(f"{D}/f", f"{D}/a/g")
        assert moved == await view.entry(f"{D}/a/g")
        assert moved.node == node
        assert (await view.find(node)).path == f"{D}/a/g"
        assert await names(view, D) == ["a"]
        assert await content(view, f"{D}/a/g") == LARGE
        directory = (await view.entry(f"{D}/a")).node
        assert (await view.move(f"{D}/a", f"{D}/b")).node == directory
        assert await content(view, f"{D}/b/g") == LARGE
        assert (await view.move(f"{D}/b", f"{D}/b")).node == directory
        await view.make_directory("/Other")
        assert (await view.move(f"{D}/b", "/Other/b")).node == directory
        assert await content(view, "/Other/b/g") == LARGE

    async def test_nothing_is_moved_over_what_is_there_unless_asked(self, view):
        for name in ("f", "g"):
            await put(view, f"{D}/{name}", name.encode())
        node = (await view.entry(f"{D}/f")).node
        for deed in (view.move, view.copy):
            with pytest.raises(Exists):
                await deed(f"{D}/f", f"{D}/g")
        with pytest.raises(Stale):
            await view.move(f"{D}/f", f"{D}/g", replace=True, base="0" * 32)
        assert await content(view, f"{D}/g") == b"g"
        assert (await view.move(f"{D}/f", f"{D}/g", replace=True)).node == node
        assert await names(view, D) == ["g"]
        assert await content(view, f"{D}/g") == b"f"
        await view.make_directory(f"{D}/a")
        await put(view, f"{D}/a/x", b"x")
        await view.copy(f"{D}/g", f"{D}/a", replace=True)
        assert (await view.entry(f"{D}/a")).kind is Kind.FILE

    async def test_nothing_comes_into_itself(self, view):
        await view.make_directory(f"{D}/a")
        await view.make_directory(f"{D}/a/b")
        for deed in (view.move, view.copy):
            with pytest.raises(BadPath):
                await deed(f"{D}/a", f"{D}/a/b/c")
            with pytest.raises(BadPath):
                await deed(f"{D}/a/b", f"{D}/a", replace=True)
        assert await names(view, f"{D}/a") == ["b"]

    async def test_a_copy_is_another_node_with_the_same_content(self, view):
        await view.make_directory(f"{D}/a")
        entry = (await put(view, f"{D}/a/f", LARGE, mtime_ns=10**18)).entry
        await view.copy(f"{D}/a", f"{D}/b")
        copied = await view.entry(f"{D}/b/f")
        assert copied.node != entry.node
        assert (copied.version, copied.mtime_ns) == (entry.version, entry.mtime_ns)
        assert await content(view, f"{D}/b/f") == LARGE
        await put(view, f"{D}/b/f", b"other")
        assert await content(view, f"{D}/a/f") == LARGE

    @pytest.mark.parametrize("limit", [2, 1000])
    async def test_changes_tell_all_and_then_what_is_new(self, view, limit):
        await view.make_directory(f"{D}/a")
        for name in ("a/f", "a/g", "h"):
            await put(view, f"{D}/{name}", name.encode())
        changed, removed, cursor = await everything(view, D, None, limit)
        assert sorted(each.path for each in changed) == [
            f"{D}/a", f"{D}/a/f", f"{D}/a/g", f"{D}/h",
        ]  # fmt: skip
        assert removed == []
        assert await everything(view, D, cursor, limit) == ([], [], cursor)
        node = (await view.entry(f"{D}/a/g")).node
        await put(view, f"{D}/a/f", b"new")
        await view.remove(f"{D}/a/g")
        changed, removed, cursor = await everything(view, D, cursor, limit)
        assert changed == [await view.entry(f"{D}/a/f")]
        assert [(each.node, each.path, each.moved_to) for each in removed] == [
            (node, f"{D}/a/g", None)
        ]

    async def test_changes_follow_what_moves(self, view):
        await view.make_directory(f"{D}/a")
        node = (await put(view, f"{D}/a/f", b"x")).entry.node
        _, _, cursor = await everything(view, D)
        _, _, inner = await everything(view, f"{D}/a")
        await view.move(f"{D}/a", f"{D}/b")
        changed, removed, cursor = await everything(view, D, cursor)
        assert sorted(each.path for each in changed) == [f"{D}/b", f"{D}/b/f"]
        assert {(each.path, each.moved_to) for each in removed} == {
            (f"{D}/a", f"{D}/b"),
            (f"{D}/a/f", f"{D}/b/f"),
        }
        await view.make_directory("/Other")
        await view.move(f"{D}/b/f", "/Other/f")
        changed, removed, _ = await everything(view, D, cursor)
        assert changed == []
        assert [(each.node, each.path, each.moved_to) for each in removed] == [
            (node, f"{D}/b/f", None)
        ]
        with pytest.raises(NotFound):
            await view.changes(f"{D}/a", inner)

    async def test_an_unknown_cursor_is_refused(self, view):
        _, _, cursor = await everything(view, D)
        for bad in ("", "x", "1", cursor + "9", "x" + cursor, cursor.replace("-", "+"), "-", "é-1"):
            with pytest.raises(CursorGone):
                await view.changes(D, bad)

    async def test_whoever_waits_is_woken(self, view):
        await view.make_directory("/Other")
        _, _, cursor = await everything(view, D)
        assert not await view.wait(D, cursor, 0)
        told = []

        async def wait(path):
            told.append((path, await view.wait(path, cursor, 20)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait, D)
            await trio.testing.wait_all_tasks_blocked(0.01)
            await put(view, "/Other/f", b"x")
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert told == []
            await put(view, f"{D}/f", b"x")
        assert told == [(D, True)]
        assert await view.wait(D, cursor, 0)

    async def test_space_counts_what_is_there(self, view):
        before = await view.space()
        await put(view, f"{D}/f", LARGE)
        assert (await view.space()).used == before.used + len(LARGE)
        assert before.free > 0

    async def test_a_thread_sees_the_same(self, view):
        there = BlockingView(view)

        def deeds():
            staged = there.staging / "threaded"
            staged.write_bytes(LARGE)
            there.make_directory(f"{D}/a")
            assert there.write(f"{D}/a/f", staged).outcome is Outcome.WRITTEN
            assert b"".join(there.read(f"{D}/a/f", None, 5, 100)) == LARGE[5:105]
            pieces = there.read(f"{D}/a/f")
            next(pieces)
            pieces.close()
            entry = there.entry(f"{D}/a/f")
            assert there.find(entry.node) == entry
            assert there.children(f"{D}/a") == [entry]
            cursor = there.changes(D).cursor
            assert not there.wait(D, cursor, 0)
            there.copy(f"{D}/a/f", f"{D}/a/h")
            there.move(f"{D}/a/f", f"{D}/a/g")
            there.remove(f"{D}/a/g")
            assert there.versions(f"{D}/a/h")
            assert there.space().used >= len(LARGE)
            assert there.conflicts() == 0
            with pytest.raises(NotFound):
                there.entry(f"{D}/a/g")

        await trio.to_thread.run_sync(deeds)
        assert await names(view, f"{D}/a") == ["h"]


async def put_only(view, path):
    staged = view.staging / "only"
    staged.write_bytes(b"x")
    await view.write(path, staged)
