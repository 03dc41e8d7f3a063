"""The disk, as one folder sees it.

Paths are bytes relative to the folder's root, with `/` between names; `b""` is the root. A parent
is never reached through a symbolic link: directories are opened one name at a time from the root,
so nothing that happens outside the folder's own tree can lead a change astray.
"""

import ctypes
import errno
import os
import stat as modes
import sys
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from cozysync_conflict import Kind

PRIVATE = b".cozysync"
"""The directory in every folder that is cozysync's own: marker, staging, trash."""

_OPEN_DIRECTORIES = 64
_DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

_TYPE = 0o170000
_KINDS = {
    modes.S_IFREG: Kind.FILE,
    modes.S_IFDIR: Kind.DIRECTORY,
    modes.S_IFLNK: Kind.LINK,
}
# What `os.fsencode` looks up anew for every name.
_NAMES = (sys.getfilesystemencoding(), sys.getfilesystemencodeerrors())

_libc = ctypes.CDLL(None, use_errno=True)
_RENAME_NOREPLACE, _RENAME_EXCHANGE = 1, 2


class Stat(NamedTuple):
    """What the disk says of one name. `kind` is None for what cannot be synced."""

    kind: Kind | None
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    executable: bool


class Entry(NamedTuple):
    """One name in a directory."""

    name: bytes
    stat: Stat


class Disk(Protocol):
    """What the engine needs of a folder's disk. Errors are those of the operating system."""

    def listing(self, directory: bytes) -> Iterator[Entry]:
        """The names in a directory with their stats; a name that vanishes meanwhile is left out."""

    def lstat(self, path: bytes) -> Stat | None:
        """The stat of a path, or None when there is nothing."""

    def open(self, path: bytes) -> BinaryIO:
        """A regular file for reading."""

    def create(self, path: bytes) -> BinaryIO:
        """A new regular file for writing."""

    def readlink(self, path: bytes) -> bytes:
        """The target of a symbolic link."""

    def symlink(self, target: bytes, path: bytes) -> None:
        """Make a symbolic link."""

    def mkdir(self, path: bytes) -> None:
        """Make a directory."""

    def rmdir(self, path: bytes) -> None:
        """Remove an empty directory."""

    def unlink(self, path: bytes) -> None:
        """Remove a name."""

    def rename(self, old: bytes, new: bytes) -> None:
        """Move a name to one that is free; raises `FileExistsError` when it is not."""

    def exchange(self, one: bytes, other: bytes) -> bool:
        """Let two names change places in one step; False where the file system cannot."""

    def set_mtime(self, path: bytes, mtime_ns: int) -> None:
        """Set a file's or link's time of change."""

    def set_executable(self, path: bytes, executable: bool) -> None:
        """Set or clear the executable bits, where reading is allowed."""

    def sync(self) -> None:
        """Make everything written so far durable, names included."""

    def room(self) -> int:
        """Bytes that may still be written here; a hundredth of the disk is left to people."""

    def forget(self) -> None:
        """Look directories up afresh from here on."""


class PosixDisk:
    """A `Disk` on a real file system."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._handle = -1
        self._open: OrderedDict[bytes, int] = OrderedDict()

    def close(self) -> None:
        """Let go of the folder."""
        self.forget()

    def forget(self) -> None:
        # The root, too: another disk may be mounted there next time, and none is kept busy.
        while self._open:
            os.close(self._open.popitem()[1])
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    @property
    def _root(self) -> int:
        if self._handle < 0:
            self._handle = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return self._handle

    def listing(self, directory: bytes) -> Iterator[Entry]:
        handle = self._directory(directory)
        with os.scandir(handle) as entries:
            for entry in entries:
                try:
                    found = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                yield Entry(entry.name.encode(*_NAMES), _stat(found))

    def lstat(self, path: bytes) -> Stat | None:
        try:
            if not path:
                return _stat(os.fstat(self._root))
            parent, name = self._parent(path)
            return _stat(os.stat(name, dir_fd=parent, follow_symlinks=False))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:  # a parent is a link now
                return None
            raise

    def open(self, path: bytes) -> BinaryIO:
        parent, name = self._parent(path)
        # Without O_NONBLOCK a pipe that took a file's place would hold the thread for ever.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        handle = os.open(name, flags, dir_fd=parent)
        if not modes.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise FileNotFoundError(errno.ENOENT, "not a regular file any more", path)
        return os.fdopen(handle, "rb", buffering=0)

    def create(self, path: bytes) -> BinaryIO:
        parent, name = self._parent(path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.fdopen(os.open(name, flags, 0o666, dir_fd=parent), "wb", buffering=0)

    def readlink(self, path: bytes) -> bytes:
        parent, name = self._parent(path)
        return os.readlink(name, dir_fd=parent)

    def symlink(self, target: bytes, path: bytes) -> None:
        parent, name = self._parent(path)
        os.symlink(target, name, dir_fd=parent)

    def mkdir(self, path: bytes) -> None:
        parent, name = self._parent(path)
        os.mkdir(name, dir_fd=parent)

    def rmdir(self, path: bytes) -> None:
        parent, name = self._parent(path)
        os.rmdir(name, dir_fd=parent)
        self.forget()

    def unlink(self, path: bytes) -> None:
        parent, name = self._parent(path)
        os.unlink(name, dir_fd=parent)

    def rename(self, old: bytes, new: bytes) -> None:
        error = _renameat2(*self._parents(old, new), _RENAME_NOREPLACE)
        if error in (errno.EINVAL, errno.ENOSYS):
            self._rename_slowly(old, new)
        elif error:
            raise OSError(error, os.strerror(error), old, None, new)
        self._moved(old)

    def exchange(self, one: bytes, other: bytes) -> bool:
        error = _renameat2(*self._parents(one, other), _RENAME_EXCHANGE)
        if error in (errno.EINVAL, errno.ENOSYS):
            return False
        if error:
            raise OSError(error, os.strerror(error), one, None, other)
        self._moved(one)
        self._moved(other)
        return True

    def set_mtime(self, path: bytes, mtime_ns: int) -> None:
        parent, name = self._parent(path)
        times = (mtime_ns, mtime_ns)
        os.utime(name, ns=times, dir_fd=parent, follow_symlinks=False)

    def set_executable(self, path: bytes, executable: bool) -> None:
        parent, name = self._parent(path)
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        handle = os.open(name, flags, dir_fd=parent)
        try:
            mode = modes.S_IMODE(os.fstat(handle).st_mode)
            # Whoever may read it may run it, as `chmod +x` does under the usual umask.
            bits = (mode & 0o444) >> 2
            os.fchmod(handle, mode | bits if executable else mode & ~0o111)
        finally:
            os.close(handle)

    def sync(self) -> None:
        if _libc.syncfs(self._root) != 0:
            error = ctypes.get_errno()
            if error != errno.ENOSYS:
                raise OSError(error, os.strerror(error), os.fsencode(self.root))
            os.sync()

    def room(self) -> int:
        found = os.fstatvfs(self._root)
        return max(found.f_bavail - found.f_blocks // 100, 0) * found.f_frsize

    def _rename_slowly(self, old: bytes, new: bytes) -> None:
        """Without the kernel's help: a link for files, an empty-handed check for directories."""
        found = self.lstat(old)
        (source, old_name), (target, new_name) = self._parents(old, new)
        if found is not None and found.kind is Kind.FILE:
            os.link(old_name, new_name, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
            os.unlink(old_name, dir_fd=source)
            return
        if self.lstat(new) is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new)
        (source, old_name), (target, new_name) = self._parents(old, new)
        os.rename(old_name, new_name, src_dir_fd=source, dst_dir_fd=target)

    def _moved(self, old: bytes) -> None:
        below = old + b"/"
        if old in self._open or any(path.startswith(below) for path in self._open):
            self.forget()

    def _parents(self, one: bytes, other: bytes) -> tuple[tuple[int, bytes], tuple[int, bytes]]:
        """Both at once: looking up the second must not close what was opened for the first."""
        self._trim()
        return self._located(one), self._located(other)

    def _parent(self, path: bytes) -> tuple[int, bytes]:
        self._trim()
        return self._located(path)

    def _trim(self) -> None:
        while len(self._open) > _OPEN_DIRECTORIES:
            os.close(self._open.popitem(last=False)[1])

    def _located(self, path: bytes) -> tuple[int, bytes]:
        above, _, name = path.rpartition(b"/")
        if name in (b"", b".", b"..") or b"\0" in name:
            raise ValueError(f"no name for a file: {name!r}")
        return self._directory(above), name

    def _directory(self, path: bytes) -> int:
        if not path:
            return self._root
        handle = self._open.get(path)
        if handle is not None:
            self._open.move_to_end(path)
            return handle
        parent, name = self._located(path)
        handle = os.open(name, _DIRECTORY_FLAGS, dir_fd=parent)
        self._open[path] = handle
        return handle


def write_all(file: BinaryIO, data: bytes) -> None:
    """Write all of it: on a disk that fills up, a write takes what still fits and says so."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _stat(found: os.stat_result) -> Stat:
    mode = found.st_mode
    kind = _KINDS.get(mode & _TYPE)
    executable = kind is Kind.FILE and bool(mode & 0o100)
    size = found.st_size if kind is not Kind.DIRECTORY else 0
    return Stat(kind, found.st_ino, size, found.st_mtime_ns, found.st_ctime_ns, executable)


def _renameat2(source: tuple[int, bytes], target: tuple[int, bytes], flags: int) -> int:
    """The system call that Python lacks; returns the error number, 0 when it went well."""
    if _libc.renameat2(*source, *target, flags) == 0:
        return 0
    return ctypes.get_errno()
