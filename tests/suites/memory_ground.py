"""Folders in memory: the disk, marker and watch of one device, without files or threads."""

from collections.abc import AsyncIterator
from pathlib import Path

import trio

from cozysync.disk import ASIDE, PRIVATE, STAGING, TRASH, RootState
from cozysync_conflict import Kind
from tests.suites.memory_disk import FileSystem, MemoryDisk, contents

_SETUP = (PRIVATE, STAGING, ASIDE, TRASH)


class MemoryWatch:
    """Says once that anything may have changed; the tests ask for a look when they want one."""

    how = "not at all"

    async def dirty(self) -> AsyncIterator[set[bytes] | None]:
        yield None
        await trio.sleep_forever()


class MemoryGround:
    """The one folder of one device."""

    def __init__(self, now_ns):
        self.only = MemoryDisk(FileSystem(now_ns))
        for path in _SETUP:
            self.only.mkdir(path)

    def disk(self, root: Path):
        return self.only

    def watch(self, root: Path):
        return MemoryWatch()

    def prepare(self, root: Path):
        return "marker"

    def check(self, root: Path, marker: str):
        return RootState.OK


class MemoryHands:
    """A person at work in such a folder, by relative path. A save is a rename, as editors do."""

    def __init__(self, disk, now_ns):
        self._disk = disk
        self._now_ns = now_ns

    def write(self, path, text):
        there = path.encode()
        if self._disk.lstat(there) is not None:
            self._disk.unlink(there)
        with self._disk.create(there) as file:
            file.write(text.encode())
        self._disk.set_mtime(there, self._now_ns())

    def mkdir(self, path):
        self._disk.mkdir(path.encode())

    def move(self, old, new):
        self._disk.rename(old.encode(), new.encode())

    def delete(self, path):
        there = path.encode()
        if self._disk.lstat(there).kind is not Kind.DIRECTORY:
            self._disk.unlink(there)
            return
        for entry in list(self._disk.listing(there)):
            self.delete(path + "/" + entry.name.decode())
        self._disk.rmdir(there)

    def swap(self, one, other):
        self._disk.exchange(one.encode(), other.encode())

    def texts(self):
        """Path → text of every file."""
        return {
            path.decode(): node.data.decode()
            for path, node in contents(self._disk.files.root).items()
            if node.kind is not Kind.DIRECTORY
        }
