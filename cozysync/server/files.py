"""What the server does to files, call by call: the seam through which tests cut the power.

A name is durable once its directory is flushed, and a directory once the one above it is.
"""

import os
from pathlib import Path
from typing import Protocol


class Files(Protocol):
    """The calls; each raises `OSError` as the disk gives it."""

    def mkdir(self, path: Path) -> None:
        """Make one directory, for this user only."""

    def create(self, path: Path) -> int:
        """A new file to write to; returns its handle."""

    def write(self, handle: int, data: bytes | memoryview) -> int:
        """Write some of these bytes; returns how many."""

    def sync(self, handle: int) -> None:
        """Make a file's bytes durable."""

    def close(self, handle: int) -> None:
        """Let go of a file."""

    def rename(self, old: Path, new: Path) -> None:
        """Give a file another name in the same directory, in place of what bears it."""

    def unlink(self, path: Path) -> None:
        """Take a file away."""

    def touch(self, path: Path) -> None:
        """As if a file had been written to just now."""

    def sync_directory(self, path: Path) -> None:
        """Make the names in a directory durable."""


class RealFiles:
    """The operating system's."""

    def mkdir(self, path: Path) -> None:
        path.mkdir(mode=0o700)

    def create(self, path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, handle: int, data: bytes | memoryview) -> int:
        return os.write(handle, data)

    def sync(self, handle: int) -> None:
        os.fsync(handle)

    def close(self, handle: int) -> None:
        os.close(handle)

    def rename(self, old: Path, new: Path) -> None:
        os.rename(old, new)

    def unlink(self, path: Path) -> None:
        os.unlink(path)

    def touch(self, path: Path) -> None:
        os.utime(path)

    def sync_directory(self, path: Path) -> None:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


class Directories:
    """Makes directories below one that is durable, and knows which of them are: a flush that failed
    is made up for before anything is put into what it was for.
    """

    def __init__(self, files: Files, root: Path) -> None:
        self._files = files
        self._root = root
        self._durable: set[Path] = set()
        make_directories(files, root)
        # What a kill left between a name and its flush looks like all others.
        for directory in (root, *root.glob("*/"), *root.glob("*/*/")):
            files.sync_directory(directory)
            self._durable.add(directory)

    def make(self, path: Path) -> None:
        """Make a directory below the root, durable with those above it; harmless if it is there."""
        if path in self._durable:
            return
        self.make(path.parent)
        _make(self._files, path)
        self._files.sync_directory(path.parent)
        self._durable.add(path)


def make_directories(files: Files, path: Path) -> None:
    """Make a directory and those above it that are missing, all of them durable."""
    there = path.is_dir()
    if not there:
        make_directories(files, path.parent)
        _make(files, path)
    try:
        files.sync_directory(path.parent)
    except PermissionError:
        if not there:
            raise  # else somebody else made it, where this user may not even look


def _make(files: Files, path: Path) -> None:
    try:
        files.mkdir(path)
    except FileExistsError:
        if not path.is_dir():
            raise


def write_all(files: Files, handle: int, data: bytes) -> None:
    """Write all of the bytes: a disk that is nearly full takes some of them and says no word."""
    rest = memoryview(data)
    while rest:
        rest = rest[files.write(handle, rest) :]
