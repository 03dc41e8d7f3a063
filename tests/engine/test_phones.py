"""Phones at one device's view, and the devices around it."""

from contextlib import asynccontextmanager

import pytest
import trio

from cozysync.gateway.engine_view import view_of
from cozysync.gateway.errors import NoRoom, NotDirectory, NotFound, Unavailable
from cozysync.gateway.follower import Follower
from cozysync.gateway.view import ABSENT, Outcome
from cozysync.sync.remote import Refused
from cozysync_conflict import ROOT, Create, Kind, NodeId
from cozysync_protocol import ErrorCode
from tests.suites.fleet import fleet
from tests.suites.view_contract import (
    BOTH,
    BOTTOM,
    LINES,
    TOP,
    content,
    everything,
    names,
    put,
)

W = "/work"
LONG = LINES * 100
MORE = TOP * 100
FULL = Refused(ErrorCode.VAULT_FULL, "the vault keeps 9 MiB of at most 9 MiB", 0.01)


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    """A power cut is not played here."""
    monkeypatch.setattr("cozysync.gateway.index.SYNCHRONOUS", "OFF")


@asynccontextmanager
async def phone_at(root, *others, **settings):
    """A fleet, and the view of its first member, whose folder is bound."""
    async with fleet(root, "ann", *others, **settings) as people:
        ann = people.members[0]
        await people.settle()
        async with view_of(ann.engine) as view:
            yield people, view


def spooled(member):
    return sorted(path.name for path in member._home.root.glob("spool/*"))


async def test_what_a_phone_writes_is_on_the_disks_and_comes_once(tmp_path):
    async with phone_at(tmp_path, "bob") as (people, view):
        await view.make_directory(f"{W}/notes")
        await put(view, f"{W}/notes/small", b"short", mtime_ns=1_700_000_000 * 10**9)
        await put(view, f"{W}/large", LONG)
        assert await people.settle() == {
            "notes/small": "short",
            "large": (LONG).decode(),
        }
        position = people.server.state.position
        await people.settle()
        assert people.server.state.position == position
        await put(view, f"{W}/notes/small", b"other")
        await view.move(f"{W}/notes", f"{W}/papers")
        await view.remove(f"{W}/large")
        assert await people.settle() == {"papers/small": "other"}
        assert await view.conflicts() == 0


@pytest.mark.parametrize("mtime_ns", [10**30, -(10**30), -1])
async def test_any_time_that_a_phone_says_can_be_kept(tmp_path, mtime_ns):
    async with (
        fleet(tmp_path, "ann", on_disk=True) as people,
        view_of(people.members[0].engine) as view,
    ):
        entry = (await put(view, f"{W}/f", LONG, mtime_ns=mtime_ns)).entry
        assert await people.settle() == {"f": LONG.decode()}
        assert (await view.entry(f"{W}/f")).mtime_ns == entry.mtime_ns


async def test_a_tree_of_any_depth_is_shown(tmp_path):
    async with phone_at(tmp_path) as (people, view):
        ledger = people.members[0].engine.ledger

        def work():
            with ledger.replica.database.transaction():
                above, made = ROOT, []
                for n in range(1100):
                    node = NodeId(bytes([Kind.DIRECTORY]) + b"deep" + n.to_bytes(11, "big"))
                    made.append(Create(node, above, b"d"))
                    above = node
                ledger.author(made)
                return above

        deepest = await ledger.do(work)
        await view._follower.catch_up()
        assert (await view.find(deepest.hex())).path == "/d" * 1100


async def test_what_people_do_is_seen_by_phones(tmp_path):
    async with phone_at(tmp_path, "bob") as (people, view):
        _ann, bob = people.members
        _, _, cursor = await everything(view, W)
        bob.hands.mkdir("d")
        bob.hands.write("d/a", "bob's")
        await people.settle()
        assert await view.wait(W, cursor, 30)
        changed, removed, cursor = await everything(view, W, cursor)
        assert [each.path for each in changed] == [f"{W}/d", f"{W}/d/a"]
        assert removed == []
        bob.hands.move("d/a", "b")
        bob.hands.delete("d")
        await people.settle()
        changed, removed, _ = await everything(view, W, cursor)
        assert [each.path for each in changed] == [f"{W}/b"]
        assert {(each.path, each.moved_to) for each in removed} == {
            (f"{W}/d", None),
            (f"{W}/d/a", f"{W}/b"),
        }
        assert await content(view, f"{W}/b") == b"bob's"


async def test_the_same_file_made_here_and_by_a_phone_is_one(tmp_path):
    async with phone_at(tmp_path) as (people, view):
        [ann] = people.members
        ann.hands.write("a", "same")
        await put(view, f"{W}/a", b"same", base=ABSENT)
        assert await people.settle() == {"a": "same"}
        ann.hands.write("a", "edited")
        await people.settle()
        assert await content(view, f"{W}/a") == b"edited"
        assert await names(view, W) == ["a"]


@pytest.mark.parametrize("padding", [b"", b"".join(b"%d pads\n" % n for n in range(900))])
async def test_a_base_that_others_have_replaced_is_merged(tmp_path, padding):
    async with phone_at(tmp_path, "bob") as (people, view):
        bob = people.members[1]
        base = (await put(view, f"{W}/f.txt", LINES + padding)).entry.version
        await people.settle()
        bob.hands.write("f.txt", (TOP + padding).decode())
        await people.settle()
        written = await put(view, f"{W}/f.txt", BOTTOM + padding, base=base)
        assert written.outcome is Outcome.MERGED
        assert await people.settle() == {"f.txt": (BOTH + padding).decode()}


async def test_a_base_that_others_have_replaced_otherwise_is_kept_beside(tmp_path):
    async with phone_at(tmp_path, "bob") as (people, view):
        bob = people.members[1]
        base = (await put(view, f"{W}/f.bin", b"\0base")).entry.version
        await people.settle()
        bob.hands.write("f.bin", "\0bob")
        await people.settle()
        written = await put(view, f"{W}/f.bin", b"\0phone", base=base)
        assert written.outcome is Outcome.CONFLICT
        shown = await people.settle()
        assert sorted(shown.values()) == ["\0bob", "\0phone"]
        kept = {await content(view, path) for path in (written.entry.path, *written.beside)}
        assert kept == {b"\0bob", b"\0phone"}
        assert await view.conflicts() == 1
        # The conflict of before says nothing of a later write.
        again = await put(view, f"{W}/f.bin", b"\0new", base=written.entry.version)
        assert again.outcome is Outcome.WRITTEN
        back = await put(view, f"{W}/f.bin", b"\0phone", base=again.entry.version)
        assert back.outcome is Outcome.WRITTEN


async def test_an_edit_lives_where_the_file_was_moved(tmp_path):
    async with phone_at(tmp_path, "bob") as (people, view):
        bob = people.members[1]
        await view.make_directory(f"{W}/d")
        base = (await put(view, f"{W}/d/f", b"base")).entry.version
        await people.settle()
        bob.hands.mkdir("e")
        bob.hands.move("d/f", "e/g")
        bob.hands.write("d/f", "another file")
        bob.hands.move("d", "x")
        await people.settle()
        written = await put(view, f"{W}/d/f", b"edited", base=base)
        assert (written.outcome, written.entry.path) == (Outcome.WRITTEN, f"{W}/e/g")
        assert await people.settle() == {"e/g": "edited", "x/f": "another file"}


async def test_an_edit_gives_life_to_what_was_deleted(tmp_path):
    async with phone_at(tmp_path, "bob") as (people, view):
        bob = people.members[1]
        await view.make_directory(f"{W}/d")
        base = (await put(view, f"{W}/d/f", LINES)).entry.version
        await put(view, f"{W}/d/g", b"goes")
        await people.settle()
        bob.hands.write("d/f", TOP.decode())
        await people.settle()
        bob.hands.delete("d")
        assert await people.settle() == {}
        with pytest.raises(NotDirectory):
            await put(view, f"{W}/d/g", b"edited", base="0" * 64)
        written = await put(view, f"{W}/d/f", BOTTOM, base=base)
        assert written.outcome is Outcome.MERGED
        assert await people.settle() == {"d/f": BOTH.decode()}


async def test_an_edit_of_what_was_deleted_stands_beside_what_took_its_name(tmp_path):
    async with phone_at(tmp_path, "bob") as (people, view):
        bob = people.members[1]
        base = (await put(view, f"{W}/f", b"base")).entry.version
        await people.settle()
        bob.hands.delete("f")
        await people.settle()
        bob.hands.write("f", "another")
        await people.settle()
        written = await put(view, f"{W}/f", b"edited", base=base)
        assert written.outcome is Outcome.WRITTEN
        shown = await people.settle()
        assert sorted(shown.values()) == ["another", "edited"]
        assert await content(view, written.entry.path) == b"edited"
        assert shown["f"] == "edited" or written.entry.path != f"{W}/f"


async def test_two_phones_at_once_lose_nothing(tmp_path):
    async with phone_at(tmp_path, "bob") as (people, view):
        base = (await put(view, f"{W}/f.txt", LINES)).entry.version
        outcomes = {}

        async def write(name, data):
            staged = view.staging / name
            staged.write_bytes(data)
            outcomes[name] = (await view.write(f"{W}/f.txt", staged, base=base)).outcome

        async with trio.open_nursery() as nursery:
            nursery.start_soon(write, "one", TOP)
            nursery.start_soon(write, "two", BOTTOM)
        # Who answers first may be asked to read again, too: by then both are in it.
        assert Outcome.MERGED in set(outcomes.values()) <= {Outcome.MERGED, Outcome.WRITTEN}
        assert await people.settle() == {"f.txt": BOTH.decode()}


@pytest.mark.parametrize("on_disk", [False, True])
async def test_a_file_in_place_is_read_without_a_server(tmp_path, on_disk):
    async with phone_at(tmp_path, on_disk=on_disk) as (people, view):
        [ann] = people.members
        ann.hands.write("f", (LONG).decode())
        await people.settle()
        ann.remote.unplug()
        assert await content(view, f"{W}/f") == LONG
        assert await content(view, f"{W}/f", None, 30_000, 7) == (LONG)[30_000:30_007]


async def test_what_was_changed_here_and_not_seen_yet_is_read_as_the_vault_has_it(tmp_path):
    async with phone_at(tmp_path) as (people, view):
        [ann] = people.members
        ann.hands.write("f", (LONG).decode())
        await people.settle()
        ann.hands.write("f", (TOP * 100).decode())
        assert await content(view, f"{W}/f") == LONG


async def test_what_is_not_here_is_fetched_or_said_to_be_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr("cozysync.gateway.contents.AWAY_S", 0.1)
    monkeypatch.setattr("cozysync.gateway.contents._LOOK_S", 0.05)
    async with phone_at(tmp_path) as (people, view):
        [ann] = people.members
        await view.make_directory("/Elsewhere")
        await put(view, "/Elsewhere/f", LONG)
        await ann.settle()
        assert spooled(ann) == []
        assert await content(view, "/Elsewhere/f", None, 5, 10) == LONG[5:15]
        ann.remote.unplug()
        with pytest.raises(Unavailable) as raised:
            await content(view, "/Elsewhere/f")
        assert "/Elsewhere/f" in raised.value.message
        ann.remote.plug()
        people.server.packs.clear()
        with pytest.raises(Unavailable, match="lost it"):
            await content(view, "/Elsewhere/f")


async def test_only_the_chunks_of_a_range_are_fetched(tmp_path):
    data = b"".join(b"%d\n" % (n * n * 7919) for n in range(400_000))
    async with phone_at(tmp_path) as (people, view):
        [ann] = people.members
        await view.make_directory("/Elsewhere")
        await put(view, "/Elsewhere/f", data)
        await ann.settle()
        fetched, get_pack = [], ann.remote.get_pack

        async def counted(pack, start, length):
            fetched.append(length)
            return await get_pack(pack, start, length)

        ann.remote.get_pack = counted
        middle = len(data) // 2
        assert await content(view, "/Elsewhere/f", None, middle, 9) == data[middle : middle + 9]
        assert 0 < sum(fetched) < 1 << 20
        async for piece in view.read("/Elsewhere/f"):
            assert len(piece) <= 8 << 20


async def test_a_content_too_long_for_its_recipe_is_one_like_others(tmp_path, monkeypatch):
    monkeypatch.setattr("cozysync.content.ingest.MAX_DIRECT", 1)
    data = b"".join(b"%d\n" % (n * n * 7919) for n in range(300_000))
    async with phone_at(tmp_path, "bob") as (people, view):
        ann = people.members[0]
        for folder in (W, "/Elsewhere"):
            if folder != W:
                await view.make_directory(folder)
            base = (await put(view, f"{folder}/f", data)).entry
            assert base.size == len(data)
            assert (
                await content(view, f"{folder}/f", None, 2_000_000, 9) == data[2_000_000:2_000_009]
            )
            await view.copy(f"{folder}/f", f"{folder}/g")
            await put(view, f"{folder}/f", b"short", base=base.version)
            assert await content(view, f"{folder}/f", base.version) == data
        assert await people.settle() == {"f": "short", "g": data.decode()}
        assert await content(view, "/Elsewhere/g") == data
        assert spooled(ann) == []


async def test_a_server_that_is_away_keeps_no_phone_from_writing(tmp_path):
    async with phone_at(tmp_path, "bob") as (people, view):
        ann = people.members[0]
        ann.remote.unplug()
        await ann.until(lambda: not ann.engine.link.reachable)
        first = await put(view, f"{W}/large", LONG, base=ABSENT)
        await put(view, f"{W}/large", MORE, base=first.entry.version)
        assert len(spooled(ann)) == 2
        assert await content(view, f"{W}/large") == MORE
        assert not ann.engine.link.reachable
        await ann.until(lambda: ann.hands.texts() == {"large": MORE.decode()})
        ann.remote.plug()
        assert await people.settle() == {"large": MORE.decode()}
        assert spooled(ann) == []


async def test_a_pack_is_kept_until_the_log_names_it(tmp_path):
    """A server that is brought back from a backup has lost what nobody named."""
    async with phone_at(tmp_path, "bob") as (people, view):
        ann = people.members[0]
        append, arrived = ann.remote.append, trio.Event()

        async def cut(*args, **named):
            if spooled(ann) and not arrived.is_set():
                ann.remote.unplug()
                arrived.set()
            return await append(*args, **named)

        ann.remote.append = cut
        await put(view, f"{W}/large", LONG)
        await ann.until(arrived.is_set)
        for pack in spooled(ann):
            assert people.server.packs.pop(bytes.fromhex(pack))
        ann.remote.plug()
        assert await people.settle() == {"large": LONG.decode()}
        assert spooled(ann) == []
        assert not people.server.lost


async def test_what_was_sent_already_is_not_sent_again(tmp_path):
    async with phone_at(tmp_path) as (people, view):
        ann = people.members[0]
        put_pack, sent = ann.remote.put_pack, []

        async def counted(pack, data):
            sent.append(pack)
            await put_pack(pack, data)

        ann.remote.put_pack = counted
        await put(view, f"{W}/large", LONG)
        await people.settle()
        assert len(sent) == 1


async def test_of_a_full_server_the_phone_hears_and_nothing_stays(tmp_path):
    async with phone_at(tmp_path) as (people, view):
        [ann] = people.members
        ann.remote.refusal = FULL
        with pytest.raises(NoRoom, match="space for this vault is full"):
            await put(view, f"{W}/large", LONG)
        assert await names(view, W) == []
        assert spooled(ann) == []
        assert not ann.engine.replica.outbox.count()
        ann.remote.refusal = None
        await put(view, f"{W}/large", LONG)
        assert await people.settle() == {"large": LONG.decode()}


async def test_what_was_taken_while_the_server_was_away_waits_for_its_room(tmp_path):
    async with phone_at(tmp_path, "bob") as (people, view):
        ann = people.members[0]
        ann.remote.unplug()
        await ann.until(lambda: not ann.engine.link.reachable)
        await put(view, f"{W}/large", LONG)
        ann.remote.refusal = FULL
        ann.remote.plug()
        settled = await ann.engine.settle()
        assert not settled.in_sync
        assert "space for this vault is full" in settled.reasons[0]
        # What the server still lacks is not what it has lost.
        await ann.stop()
        await ann.start()
        await ann.until(lambda: ann.engine.link.full is not None)
        assert len(spooled(ann)) == 1
        await ann.engine._setbacks._give_up(ann.engine.replica.chunks.packs())
        assert not ann.engine.replica.chunks.retired()
        assert not people.server.lost
        ann.remote.refusal = None
        assert await people.settle() == {"large": LONG.decode()}
        assert spooled(ann) == []


async def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, monkeypatch):
    async with phone_at(tmp_path) as (people, view):
        [ann] = people.members
        monkeypatch.setattr("cozysync.content.ingest.PACK_SIZE", 1 << 16)
        put_pack, count = ann.engine.replica.spool.put, []

        def full(pack, data):
            count.append(pack)
            if len(count) == 3:
                raise OSError(28, "No space left on device")
            put_pack(pack, data)

        monkeypatch.setattr(type(ann.engine.replica.spool), "put", lambda _, *pack: full(*pack))
        data = b"".join(b"%d\n" % (n * n * 7919) for n in range(300_000))
        with pytest.raises(NoRoom, match="disk of this device"):
            await put(view, f"{W}/large", data)
        assert len(count) == 3
        assert spooled(ann) == []
        assert await names(view, W) == []


async def test_the_last_of_the_disk_is_not_for_phones(tmp_path, monkeypatch):
    async with phone_at(tmp_path) as (_people, view):
        monkeypatch.setattr("cozysync.gateway.keeper.RESERVE", 1 << 60)
        with pytest.raises(NoRoom, match="disk of this device"):
            await put(view, f"{W}/large", LONG)
        assert await names(view, W) == []
        assert (await put(view, f"{W}/small", b"in the entry")).outcome is Outcome.WRITTEN


async def test_a_database_without_room_is_said_and_keeps_what_was_answered(tmp_path):
    async with phone_at(tmp_path) as (people, view):
        [ann] = people.members
        await view.make_directory("/Elsewhere")
        ann.remote.unplug()
        await ann.until(lambda: not ann.engine.link.reachable)
        connection = ann.engine.replica.database.connection
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages + 2}")
        written = []

        async def write_on():
            for n in range(1000):
                await put(view, f"/Elsewhere/{n}", b"%d" % n * 300)
                written.append(f"{n}")

        with pytest.raises(NoRoom, match=r"replica\.db"):
            await write_on()
        assert await names(view, "/Elsewhere") == sorted(written)
        connection.execute("PRAGMA max_page_count=1000000")
        await put(view, "/Elsewhere/more", b"more")
        ann.remote.plug()
        await ann.settle()
        assert await names(view, "/Elsewhere") == sorted([*written, "more"])


async def test_a_pack_that_is_given_up_meanwhile_is_made_anew(tmp_path):
    async with phone_at(tmp_path) as (people, view):
        [ann] = people.members
        await put(view, f"{W}/one", LONG)
        await people.settle()
        replica, keep = ann.engine.replica, view._keeper.keep
        rounds = []

        async def kept(*args):
            taken = await keep(*args)
            if not rounds:
                await ann.engine.ledger.do(
                    lambda: ann.engine.ledger.miss((), replica.chunks.packs())
                )
            rounds.append(taken)
            return taken

        view._keeper.keep = kept
        await put(view, f"{W}/two", LONG)
        assert [bool(taken.places) for taken in rounds] == [False, True]
        assert await people.settle() == {"one": LONG.decode(), "two": LONG.decode()}
        assert spooled(ann) == []


async def test_a_device_that_was_put_out_takes_nothing_that_would_never_arrive(tmp_path):
    async with phone_at(tmp_path, "bob") as (people, view):
        ann, bob = people.members
        ann.hands.write("f", LONG.decode())
        await people.settle()
        await bob.engine.members.revoke("ann")
        bob.hands.write("x", "under another secret")
        await bob.settle()
        await ann.until(lambda: ann.engine.alarms.standing is not None)
        for deed in (put(view, f"{W}/g", b"new"), view.remove(f"{W}/f")):
            with pytest.raises(Unavailable):
                await deed
        assert await content(view, f"{W}/f") == LONG


async def test_what_cannot_be_merged_without_a_server_is_merged_later(tmp_path):
    long = b"".join(b"%d pads\n" % n for n in range(900))
    async with phone_at(tmp_path, "bob") as (people, view):
        ann = people.members[0]
        await view.make_directory("/Elsewhere")
        base = (await put(view, "/Elsewhere/f.txt", LINES + long)).entry.version
        await put(view, "/Elsewhere/f.txt", TOP + long, base=base)
        await people.settle()
        ann.remote.unplug()
        await ann.until(lambda: not ann.engine.link.reachable)
        written = await put(view, "/Elsewhere/f.txt", BOTTOM + long, base=base)
        assert written.outcome is Outcome.WRITTEN
        assert await content(view, "/Elsewhere/f.txt") == BOTTOM + long
        _, _, cursor = await everything(view, "/Elsewhere")
        ann.remote.plug()
        assert await view.wait("/Elsewhere", cursor, 30)
        assert await content(view, "/Elsewhere/f.txt") == BOTH + long


async def test_a_folder_that_is_given_up_here_stays_in_the_view(tmp_path):
    async with phone_at(tmp_path) as (people, view):
        [ann] = people.members
        ann.hands.write("f", "one")
        await people.settle()
        await ann.engine.remove_folder(ann.folder)
        written = await put(view, f"{W}/f", b"two", base=(await view.entry(f"{W}/f")).version)
        assert written.outcome is Outcome.WRITTEN
        assert await content(view, f"{W}/f") == b"two"
        assert ann.hands.texts() == {"f": "one"}


async def test_cursors_and_versions_outlive_a_restart(tmp_path, monkeypatch):
    compared = []
    async with fleet(tmp_path, "ann", "bob") as people:
        ann, bob = people.members
        bob.hands.mkdir("d")
        bob.hands.write("d/f", "one")
        await people.settle()
        async with view_of(ann.engine) as view:
            _, _, cursor = await everything(view, W)
            before = await view.entry(W)
            inner = await view.entry(f"{W}/d")
        await ann.stop()
        monkeypatch.setattr(Follower, "_compare", _noted(Follower._compare, compared))
        await ann.start()
        async with view_of(ann.engine) as view:
            assert await everything(view, W, cursor) == ([], [], cursor)
            assert await view.entry(W) == before
            assert compared == []
        await ann.stop()
        bob.hands.move("d", "e")
        await bob.settle()
        await ann.start()
        await people.settle()
        async with view_of(ann.engine) as view:
            changed, removed, _ = await everything(view, W, cursor)
            assert [each.path for each in changed] == [f"{W}/e", f"{W}/e/f"]
            assert {each.path for each in removed} == {f"{W}/d", f"{W}/d/f"}
            assert (await view.entry(W)).version != before.version
            assert (await view.find(inner.node)).path == f"{W}/e"
            assert compared
            with pytest.raises(NotFound):
                await view.entry(f"{W}/d")


async def test_a_database_made_anew_is_compared_whatever_its_numbers(tmp_path):
    async with fleet(tmp_path, "ann") as people:
        [ann] = people.members
        ann.hands.write("f", "in the log")
        await ann.settle()
        ann.remote.unplug()
        async with view_of(ann.engine) as view:
            await view.make_directory("/Lost")
            _, _, cursor = await everything(view, "/")
        await ann.stop()
        ann.remote.plug()
        ann.lose_database()
        await ann.start()
        await ann.settle()

        def work():
            ledger = ann.engine.ledger
            with ledger.replica.database.transaction():
                node = ledger.new_node(ROOT, b"Other", Kind.DIRECTORY)
                ledger.author([Create(node, ROOT, b"Other")])

        await ann.engine.ledger.do(work)
        async with view_of(ann.engine) as view:
            assert await names(view, "/") == ["Other", "work"]
            _, removed, _ = await everything(view, "/", cursor)
            assert [each.path for each in removed] == ["/Lost"]


def _noted(work, calls):
    def noted(*args):
        calls.append(args)
        return work(*args)

    return noted
