"""What a person does in the very instant in which something is placed."""

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


@pytest.mark.parametrize("call", range(1, CALLS))
@pytest.mark.parametrize("step", ["put_new", "replace", "move", "set_aside"])
def test_an_edit_in_any_instant_is_found_or_undone(step, call):
    """Whatever the step answers, no index row may say that what was edited is what was placed."""
    bench = Bench()
    staged = STAGING + b"/x"
    bench.put(staged, b"new")
    row = bench.row(b"a")
    target = {"put_new": b"b", "replace": b"a", "move": b"b", "set_aside": b"a"}[step]

    def edit():
        for path in {b"a", target}:
            if bench.person.lstat(path) is not None:
                bench.person.overwrite(path, b"the person's " + bench.read(path))
                bench.edited = True

    bench.deeds[call] = edit
    stat = {
        "put_new": lambda: bench.placer.put_new(staged, b"b"),
        "replace": lambda: bench.placer.replace(staged, b"a", row),
        "move": lambda: bench.placer.move(b"a", b"b", row),
        "set_aside": lambda: bench.placer.set_aside(b"a", row),
    }[step]()
    bench.deeds = {}
    edited = {data for data in bench.everything() if data.startswith(b"the person's")}
    assert edited or not bench.edited, "an edit has vanished into the trash"
    if stat is not None and step != "set_aside":
        on_disk = bench.person.lstat(target)
        known = new_row(NODE, PARENT, target, stat)
        if bench.read(target).startswith(b"the person's"):
            assert not known.fits(on_disk), "no scan would see the edit"


@pytest.mark.parametrize("step", ["replace", "move", "set_aside", "remove"])
def test_an_edit_and_then_a_deletion_in_any_two_instants_lose_no_edit(step):
    """What is deleted may be what has just come: then the edit of what was there is not lost."""
    for first, second in combinations(range(1, CALLS), 2):
        bench = Bench()
        staged = bench.placer.staged(NODE)
        bench.put(staged, b"new")
        row = bench.row(b"a")
        seen = []

        def edit(bench=bench):
            if bench.person.lstat(b"a") is not None:
                bench.person.overwrite(b"a", b"the person's")
                bench.edited = True

        def delete(bench=bench, seen=seen):
            if bench.person.lstat(b"a") is not None:
                seen.append(bench.read(b"a"))
                bench.person.unlink(b"a")

        bench.calls, bench.deeds = 0, {first: edit, second: delete}
        with suppress(FileNotFoundError):
            match step:
                case "replace":
                    bench.placer.replace(staged, b"a", row)
                case "move":
                    bench.placer.move(b"a", b"b", row)
                case "set_aside":
                    bench.placer.set_aside(b"a", row)
                case "remove":
                    bench.placer.remove(b"a", row)
        bench.deeds = {}
        bench.placer.staged(NODE)  # as the next attempt begins
        if bench.edited and b"the person's" not in seen:
            assert b"the person's" in bench.everything(), (first, second)


class Killed(BaseException):
    pass


def test_an_edit_in_the_instant_before_a_kill_is_not_taken_for_what_was_replaced():
    for first, second in combinations(range(1, CALLS), 2):
        bench = Bench()
        staged = bench.placer.staged(NODE)
        bench.put(staged, b"new")
        connection = sqlite3.connect(":memory:")
        connection.executescript(INDEX_MIGRATIONS[0] + JOURNAL_MIGRATION)
        index, journal = DiskIndex(connection, PARENT), Journal(connection, PARENT)
        row = bench.row(b"a")._replace(digest=b"old")
        index.put([row])
        coming = row.with_stat(bench.person.lstat(staged))._replace(digest=b"new")
        journal.begin([Intent(coming)])

        def edit(bench=bench):
            if bench.read(b"a") == b"old":
                bench.person.overwrite(b"a", b"the person's")
                bench.edited = True

        def die():
            raise Killed

        bench.calls, bench.deeds = 0, {first: edit, second: die}
        with suppress(Killed):
            bench.placer.replace(staged, b"a", row)
        bench.deeds = {}
        bench.placer.rescue(journal.coming(), index)
        journal.recover(bench.person, index)
        bench.placer.recover(index)
        assert b"the person's" in bench.everything() or not bench.edited, (first, second)
        assert not list(bench.person.listing(STAGING))


def test_a_directory_finds_its_place_in_the_trash_beside_a_file_of_its_name():
    bench = Bench()
    assert bench.placer.remove(b"a", bench.row(b"a"))
    bench.person.mkdir(b"a")
    bench.put(b"a/inner", b"inner")
    assert bench.placer.remove(b"a/inner", bench.row(b"a/inner"))
    assert bench.read(TRASH + b"/2026-11-24/a") == b"old"
    assert bench.read(TRASH + b"/2026-11-24/2 a/inner") == b"inner"
