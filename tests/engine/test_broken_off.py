"""Placing that breaks off: what was done is known again before the disk is looked at."""

import errno

import pytest
import trio

from cozysync_conflict import Kind
from tests.suites.fleet import fleet


@pytest.fixture
async def office(tmp_path):
    async with fleet(tmp_path, "ann", "bob") as found:
        with trio.fail_after(60):
            found.members[0].hands.write("there", "at first")
            await found.settle()
            yield found


class Broken:
    """A disk on which a rename to one of some paths goes wrong once, held up there by a test.

    `passing` so many of them go well before.
    """

    def __init__(self, disk, *paths, error=errno.EIO, passing=0):
        self._rename, self._paths, self._error, self._left = disk.rename, paths, error, passing
        self.struck, self.go_on = trio.Event(), trio.Event()
        disk.rename = self

    def __call__(self, old, new):
        if new in self._paths:
            self._left -= 1
        if self._left < 0 and not self.struck.is_set():
            trio.from_thread.run_sync(self.struck.set)
            trio.from_thread.run(self.go_on.wait)
            raise OSError(self._error, "broken on purpose", new)
        return self._rename(old, new)


async def test_what_was_placed_before_the_disk_failed_is_not_taken_for_new(office):
    ann, bob = office.members
    broken = Broken(bob.hands._disk, b"d/first", b"d/second", passing=1)
    ann.hands.mkdir("d")
    ann.hands.write("d/first", "one")
    ann.hands.write("d/second", "two")
    await ann.settle()
    await broken.struck.wait()
    # Before bob looks again, he hears that they are elsewhere, with other contents.
    for name in ("first", "second"):
        ann.hands.move(f"d/{name}", name)
        ann.hands.write(name, f"{name}, edited")
    await ann.settle()
    while not bob.engine.ledger._lock.statistics().tasks_waiting:  # noqa: ASYNC110
        await trio.sleep(0.01)
    broken.go_on.set()
    assert await office.settle() == {
        "there": "at first",
        "first": "first, edited",
        "second": "second, edited",
    }


async def test_a_directory_that_vanishes_while_its_files_are_placed_holds_up_nobody_else(office):
    ann, bob = office.members
    broken = Broken(bob.hands._disk, b"d/first", error=errno.ENOENT)
    broken.go_on.set()
    ann.hands.mkdir("d")
    ann.hands.write("d/first", "one")
    ann.hands.write("other", "two")
    await ann.settle()
    await broken.struck.wait()
    assert not bob.engine.status().folders[0].blocked
    assert await office.settle() == {"there": "at first", "d/first": "one", "other": "two"}


async def test_what_stood_aside_when_the_disk_failed_is_not_taken_for_deleted(office):
    ann, bob = office.members
    ann.hands.write("a", "a")
    ann.hands.write("b", "b")
    await office.settle()
    broken = Broken(bob.hands._disk, b"a")
    broken.go_on.set()
    ann.hands.swap("a", "b")
    await ann.settle()
    await broken.struck.wait()
    assert await office.settle() == {"there": "at first", "a": "b", "b": "a"}


async def test_what_goes_while_its_directory_is_emptied_comes_to_its_new_place(office):
    ann, bob = office.members
    ann.hands.mkdir("d")
    ann.hands.write("d/x", "one")
    await office.settle()
    disk = bob.hands._disk
    rename = disk.rename

    def late(old, new):
        if old == b"d/x" and new == b"y":
            disk.rename = rename
            disk.unlink(old)
        rename(old, new)

    disk.rename = late
    ann.hands.move("d/x", "y")
    ann.hands.delete("d")
    await ann.settle()
    assert await office.settle() == {"there": "at first", "y": "one"}


async def test_what_is_written_into_a_directory_that_is_about_to_go_is_not_hidden(office):
    ann, bob = office.members
    for directory, name in (("p", "b"), ("q", "a")):
        ann.hands.mkdir(directory)
        ann.hands.write(f"{directory}/{name}", name)
    await office.settle()
    hurried = [Hurried(member.hands._disk, member.name) for member in office.members]
    for member in office.members:
        await member.stop()
    ann.hands.move("q", "n")
    bob.hands.move("p", "n")
    for member in (bob, ann):
        await member.start()
        await member.settle()
        office.now.pass_hours(1)
    shown = await office.settle()
    late = {f"n/{each.name}": each.name for each in hurried if each.struck}
    assert late
    assert shown == {"there": "at first", "n/a": "a", "n/b": "b"} | late


class Hurried:
    """Somebody writes into every directory just when it was set aside."""

    def __init__(self, disk, name):
        self._disk, self._rename, self.name, self.struck = disk, disk.rename, name, False
        disk.rename = self

    def __call__(self, old, new):
        self._rename(old, new)
        if new.startswith(b".cozysync/aside/") and self._disk.lstat(new).kind is Kind.DIRECTORY:
            self.struck = True
            with self._disk.create(new + b"/" + self.name.encode()) as file:
                file.write(self.name.encode())
