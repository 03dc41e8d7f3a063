"""Folders in memory: the disk, marker and watch of one device, without files or threads."""

import io
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import trio

from cozysync.disk import ASIDE, PRIVATE, STAGING, TRASH, Entry, RootState, Stat
from cozysync_conflict import Kind

_SETUP = (PRIVATE, STAGING, ASIDE, TRASH)


class _File(io.BytesIO):
    """A file being written: what is written is there at once."""

    def __init__(self, thing):
        super().__init__()
        self._thing = thing

    def write(self, data):
        written = super().write(data)
        self._thing.data = self.getvalue()
        return written


class _Thing:
    def __init__(self, kind, inode, now, data=b""):
        self.kind, self.inode, self.data = kind, inode, data
        self.mtime_ns = self.ctime_ns = now
        self.executable = False
        self.names = {}

    def stat(self):
        size = len(self.data) if self.kind is not Kind.DIRECTORY else 4096
        return Stat(
            self.kind, self.inode, size, self.mtime_ns, self.ctime_ns,
            self.executable or self.kind is Kind.DIRECTORY,
        )  # fmt: skip


class MemoryDisk:
    """A `Disk` of dictionaries."""

    def __init__(self, now_ns):
        self._now_ns = now_ns
        self._inodes = count(2)
        self._root = _Thing(Kind.DIRECTORY, 1, now_ns())
        for path in _SETUP:
            self.mkdir(path)

    def listing(self, directory):
        for name, thing in list(self._at(directory, Kind.DIRECTORY).names.items()):
            yield Entry(name, thing.stat())

    def lstat(self, path):
        try:
            return self._at(path).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def open(self, path):
        return io.BytesIO(self._at(path, Kind.FILE).data)

    def create(self, path):
        return _File(self._make(path, Kind.FILE))

    def readlink(self, path):
        return self._at(path, Kind.LINK).data

    def symlink(self, target, path):
        self._make(path, Kind.LINK).data = target

    def mkdir(self, path):
        self._make(path, Kind.DIRECTORY)

    def rmdir(self, path):
        if self._at(path, Kind.DIRECTORY).names:
            raise OSError(39, "Directory not empty", path)
        self._take(path)

    def unlink(self, path):
        if self._at(path).kind is Kind.DIRECTORY:
            raise IsADirectoryError(21, "Is a directory", path)
        self._take(path)

    def rename(self, old, new):
        if self.lstat(new) is not None:
            raise FileExistsError(17, "File exists", new)
        self._at(new.rpartition(b"/")[0], Kind.DIRECTORY)
        thing = self._take(old)
        thing.ctime_ns = self._now_ns()
        self._put(new, thing)

    def exchange(self, one, other):
        first, second = self._take(one), self._take(other)
        self._put(one, second)
        self._put(other, first)
        return True

    def set_mtime(self, path, mtime_ns):
        self._at(path).mtime_ns = mtime_ns

    def set_executable(self, path, executable):
        self._at(path).executable = executable

    def sync(self):
        pass

    def room(self):
        return 1 << 40

    def forget(self):
        pass

    def close(self):
        pass

    # --- inside

    def _at(self, path, kind=None):
        thing = self._root
        for name in path.split(b"/") if path else ():
            if thing.kind is not Kind.DIRECTORY:
                raise NotADirectoryError(20, "Not a directory", path)
            if name not in thing.names:
                raise FileNotFoundError(2, "No such file or directory", path)
            thing = thing.names[name]
        if kind is not None and thing.kind is not kind:
            raise NotADirectoryError(20, "something else stands there", path)
        return thing

    def _make(self, path, kind):
        if self.lstat(path) is not None:
            raise FileExistsError(17, "File exists", path)
        thing = _Thing(kind, next(self._inodes), self._now_ns())
        self._put(path, thing)
        return thing

    def _put(self, path, thing):
        above, _, name = path.rpartition(b"/")
        parent = self._at(above, Kind.DIRECTORY)
        parent.names[name] = thing
        parent.mtime_ns = parent.ctime_ns = self._now_ns()

    def _take(self, path):
        above, _, name = path.rpartition(b"/")
        parent = self._at(above, Kind.DIRECTORY)
        if name not in parent.names:
            raise FileNotFoundError(2, "No such file or directory", path)
        parent.mtime_ns = parent.ctime_ns = self._now_ns()
        return parent.names.pop(name)


class MemoryWatch:
    """Says once that anything may have changed; the tests ask for a look when they want one."""

    how = "not at all"

    async def dirty(self) -> AsyncIterator[set[bytes] | None]:
        yield None
        await trio.sleep_forever()


class MemoryGround:
    """The one folder of one device."""

    def __init__(self, now_ns):
        self.only = MemoryDisk(now_ns)

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

    def texts(self, directory=b""):
        """Path → text of every file."""
        found = {}
        for name, stat in self._disk.listing(directory):
            path = directory + b"/" + name if directory else name
            if stat.kind is Kind.DIRECTORY:
                if path != b".cozysync":
                    found |= self.texts(path)
            else:
                found[path.decode()] = self._disk.open(path).read().decode()
        return found
