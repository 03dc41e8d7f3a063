"""What the rest of cozysync needs of a disk, and nothing more.

How to think about it. A `Disk` is one folder. Every call names a path inside it; the directories
on the way are never followed through symbolic links, so nothing outside can be reached,
whatever a person or another program does meanwhile. Calls are synchronous and raise `OSError`
with the errno that Linux would give. No call ever replaces something that exists: what is in
the way stays, and `FileExistsError` says so.

There are two: `PosixDisk` is a real directory, `MemoryDisk` serves tests and the simulator. One
conformance suite (tests/suites/disk.py) holds both to this page. A disk is not safe for
concurrent use; the caller serialises.
"""

from dataclasses import dataclass
from typing import BinaryIO, NamedTuple, Protocol

from cozysync.disk.names import Folds
from cozysync_conflict import Kind


class Stat(NamedTuple):
    """What a disk says of one thing, never following a symbolic link.

    `kind` is None for what cannot be synced (sockets, pipes, devices). `size` is in bytes, 0 for
    directories. `inode` is cut to 63 bits. Times are nanoseconds since 1970. `executable` is
    the owner's bit, and only files have it. `device` tells file systems apart until the next
    boot. `links` counts the names of a file.
    """

    kind: Kind | None
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    executable: bool
    device: int
    links: int


class Entry(NamedTuple):
    """One name in a directory; `stat` is None where the disk would not say."""

    name: bytes
    stat: Stat | None


@dataclass(frozen=True, slots=True)
class Traits:
    """What differs from disk to disk; `cozysync.disk.probe` finds out.

    `exchange`: two names can be exchanged in one step. `executable`: the executable bit is
    kept. `granularity_ns`: times are kept to multiples of so many nanoseconds.
    """

    folds: Folds = Folds()
    exchange: bool = True
    executable: bool = True
    granularity_ns: int = 1


class Disk(Protocol):
    """One folder of a device. All paths are relative to it, see `cozysync.disk.names`."""

    traits: Traits

    @property
    def folds(self) -> Folds:
        """Which names this disk takes for one (`traits.folds`)."""

    def scan_directory(self, path: bytes) -> list[Entry]:
        """Everything in a directory, in no order. Raises when it cannot be read to the end."""

    def lstat(self, path: bytes) -> Stat:
        """The stat of a path; `FileNotFoundError` when nothing is there."""

    def open(self, path: bytes) -> BinaryIO:
        """A file to read, unbuffered. A link, directory, pipe… raises an `OSError`."""

    def create(self, path: bytes) -> BinaryIO:
        """A new empty file to write, unbuffered; `FileExistsError` when there is anything."""

    def stat_file(self, file: BinaryIO) -> Stat:
        """The stat of a file opened here; it does not matter what became of its name."""

    def sync_file(self, file: BinaryIO) -> None:
        """Return when the file's content is durable."""

    def sync_all(self) -> None:
        """Return when everything done so far is durable: much faster than one file at a time."""

    def mkdir(self, path: bytes) -> None:
        """Make a directory; its parent exists."""

    def rmdir(self, path: bytes) -> None:
        """Remove an empty directory; `OSError` ENOTEMPTY when it is not."""

    def unlink(self, path: bytes) -> None:
        """Remove a file or link."""

    def symlink(self, target: bytes, path: bytes) -> None:
        """Make a symbolic link; the target may be anything but empty."""

    def readlink(self, path: bytes) -> bytes:
        """The target of a symbolic link."""

    def rename_noreplace(self, source: bytes, target: bytes) -> None:
        """Move anything to a name that is free; `FileExistsError` when it is not."""

    def exchange(self, one: bytes, other: bytes) -> None:
        """Exchange two names in one step; only where `traits.exchange`."""

    def set_mtime(self, path: bytes, mtime_ns: int) -> None:
        """Set the modification time of a file or link."""

    def set_executable(self, path: bytes, executable: bool) -> None:
        """Set or clear the executable bits of a file, for all who may read it."""

    def copy_permissions(self, source: bytes, target: bytes) -> None:
        """Let a file be accessible to those who may access another one."""

    def free_space(self) -> int:
        """Bytes that this user may still write."""

    def release(self) -> None:
        """Close what is kept open between calls, so that the disk can be unmounted.

        To be called after every scan and every batch of steps; also drops what was remembered
        of directories that others may have moved since.
        """
