"""What a person does in the very instant in which something is placed."""

import errno
import sqlite3
from contextlib import suppress
from itertools import combinations

import pytest

from cozysync.disk import (
    ASIDE,
    INDEX_MIGRATIONS,
    JOURNAL_MIGRATION,
    PRIVATE,
    STAGING,
    TRASH,
    DiskIndex,
    Intent,
    Journal,
    Placer,
    new_row,
)
from cozysync_conflict import Kind, NodeId
from tests.suites.memory_disk import FileSystem, MemoryDisk

NODE = NodeId(b"\x02" * 16)
PARENT = NodeId(b"\x01" * 16)


class Clock:
    """Each look is a tick of the file system later."""

    def __init__(self):
        self.now = 0

    def __call__(self):
        self.now += 10_000_000
        return self.now


class Bench:
    """A disk with the file `a`, and a person who does `deed` before the n-th call."""

    def __init__(self):
        self.files = FileSystem(Clock())
        self.person = MemoryDisk(self.files, "person")
        for path in (PRIVATE, STAGING, ASIDE, TRASH):
            self.person.mkdir(path)
        self.put(b"a", b"old")
        self.calls, self.deeds, self.edited = 0, {}, False
        self.placer = Placer(MemoryDisk(self.files, "engine", self._before), lambda: "2026-11-24")

    def put(self, path, data):
        with self.person.create(path) as file:
            file.write(data)

    def row(self, path):
        return new_row(NODE, PARENT, path, self.person.lstat(path))

    def read(self, path):
        return self.person.open(path).read()

    def everything(self, below=b""):
        found = set()
        for name, stat in self.person.listing(below):
            path = below + b"/" + name if below else name
            if stat.kind is not Kind.DIRECTORY:
                found.add(self.read(path))
            elif path != TRASH:
                found |= self.everything(path)
        return found

    def _before(self, *_):
        self.calls += 1
        self.deeds.pop(self.calls, lambda: None)()


# More than any step makes.
CALLS = 16
ASIDE_PATH = ASIDE + b"/" + NODE.hex().encode()
EDIT = b"the person's"


class WithoutExchange(MemoryDisk):
    def exchange(self, one, other):
        return False


def take(bench, step, staged, row):
    match step:
        case "put_new":
            return bench.placer.put_new(staged, b"b")
        case "replace" | "replace slowly":
            return bench.placer.replace(staged, b"a", row)
        case "move":
            return bench.placer.move(b"a", b"b", row)
        case "set_aside":
            return bench.placer.set_aside(b"a", row)
    return bench.placer.remove(b"a", row)


def prepared(step):
    bench = Bench()
    if step == "replace slowly":
        bench.placer = Placer(
            WithoutExchange(bench.files, "engine", bench._before), lambda: "2026-11-24"
        )
    staged = bench.placer.staged(NODE)
    bench.put(staged, b"new")
    bench.calls = 0
    return bench, staged, bench.row(b"a")


STEPS = ["replace", "replace slowly", "move", "set_aside", "remove"]


@pytest.mark.parametrize("call", range(1, CALLS))
@pytest.mark.parametrize("step", ["put_new", *STEPS])
def test_an_edit_in_any_instant_is_found_or_undone(step, call):
    """Whatever the step answers, no index row may say that what was edited is what was placed."""
    bench, staged, row = prepared(step)
    target = {"put_new": b"b", "move": b"b", "set_aside": ASIDE_PATH}.get(step, b"a")

    def edit():
        for path in {b"a", target}:
            if bench.person.lstat(path) is not None:
                bench.person.overwrite(path, EDIT + b" " + bench.read(path))
                bench.edited = True

    bench.deeds[call] = edit
    stat = take(bench, step, staged, row)
    bench.deeds = {}
    edited = {data for data in bench.everything() if data.startswith(EDIT)}
    assert edited or not bench.edited, "an edit has vanished into the trash"
    if stat and step != "remove":
        on_disk = bench.person.lstat(target)
        known = new_row(NODE, PARENT, target, stat)
        if bench.read(target).startswith(EDIT):
            assert not known.fits(on_disk), "no scan would see the edit"


@pytest.mark.parametrize("step", STEPS)
def test_an_edit_and_then_a_deletion_in_any_two_instants_lose_no_edit(step):
    """What is deleted may be what has just come: then the edit of what was there is not lost."""
    for first, second in combinations(range(1, CALLS), 2):
        bench, staged, row = prepared(step)
        seen = []

        def edit(bench=bench):
            if bench.person.lstat(b"a") is not None:
                bench.person.overwrite(b"a", EDIT)
                bench.edited = True

        def delete(bench=bench, seen=seen):
            if bench.person.lstat(b"a") is not None:
                seen.append(bench.read(b"a"))
                bench.person.unlink(b"a")

        bench.deeds = {first: edit, second: delete}
        with suppress(FileNotFoundError):
            take(bench, step, staged, row)
        bench.deeds = {}
        bench.placer.staged(NODE)  # as the next attempt begins
        if bench.edited and EDIT not in seen:
            assert EDIT in bench.everything(), (first, second)


class Killed(BaseException):
    pass


@pytest.mark.parametrize("end", [Killed(), OSError(errno.ENOSPC, "full")], ids=["killed", "full"])
@pytest.mark.parametrize("step", ["replace", "replace slowly", "remove"])
def test_an_edit_in_the_instant_before_an_end_is_not_taken_for_what_made_room(step, end):
    """By a kill, or because a disk is full, which may keep things from being put back, too."""
    for first, second in combinations(range(1, CALLS), 2):
        bench, staged, row = prepared(step)
        connection = sqlite3.connect(":memory:")
        connection.executescript(INDEX_MIGRATIONS[0] + JOURNAL_MIGRATION)
        index, journal = DiskIndex(connection, PARENT), Journal(connection, PARENT)
        row = row._replace(digest=b"old")
        index.put([row])
        coming = row.with_stat(bench.person.lstat(staged))._replace(digest=b"new")
        journal.begin([Intent(row, leaves=True) if step == "remove" else Intent(coming)])

        def edit(bench=bench):
            if bench.person.lstat(b"a") is not None and bench.read(b"a") == b"old":
                bench.person.overwrite(b"a", EDIT)
                bench.edited = True

        def die():
            raise end

        bench.deeds = {first: edit, **dict.fromkeys(range(second, CALLS), die)}
        with suppress(Killed, OSError):
            take(bench, step, staged, row)
        bench.deeds = {}
        bench.placer.rescue(journal.begun(), index)
        journal.recover(bench.person, index)
        bench.placer.recover(index)
        shown = bench.everything()
        assert EDIT in shown or not bench.edited, (first, second)
        assert b"old" not in shown or not index.row(NODE) or index.row(NODE).digest == b"old"
        assert not list(bench.person.listing(STAGING))
        assert not list(bench.person.listing(ASIDE))


def test_an_edit_that_cannot_be_exchanged_back_is_not_left_where_the_next_attempt_begins():
    bench, staged, row = prepared("replace")
    exchanges = []

    def refuse(deed, *_):
        exchanges.extend([deed] if deed == "exchange" else [])
        if deed == "exchange" and len(exchanges) == 1:
            bench.person.overwrite(b"a", EDIT)
        if deed == "exchange" and len(exchanges) == 2:
            raise PermissionError(errno.EACCES, "Permission denied")

    bench.placer = Placer(MemoryDisk(bench.files, "engine", refuse), lambda: "2026-11-24")
    assert bench.placer.replace(staged, b"a", row) is None
    bench.placer.staged(NODE)
    assert EDIT in bench.everything()


def test_a_directory_finds_its_place_in_the_trash_beside_a_file_of_its_name():
    bench = Bench()
    assert bench.placer.remove(b"a", bench.row(b"a"))
    bench.person.mkdir(b"a")
    bench.put(b"a/inner", b"inner")
    assert bench.placer.remove(b"a/inner", bench.row(b"a/inner"))
    assert bench.read(TRASH + b"/2026-11-24/a") == b"old"
    assert bench.read(TRASH + b"/2026-11-24/2 a/inner") == b"inner"
