"""What a folder stands on: its disk, its marker and its watch, from one hand.

The second implementation is the tests' one in memory.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

from cozysync.disk.posix import Disk, PosixDisk
from cozysync.disk.root import RootState, check_root, prepare_root
from cozysync.disk.watch import Watcher


class ClosableDisk(Disk, Protocol):
    """A disk that is let go of in the end."""

    def close(self) -> None:
        """Let go of the folder."""


class Watch(Protocol):
    """Hints at what may have changed; `how` says by which means, for `status`."""

    how: str

    def dirty(self) -> AsyncIterator[set[bytes] | None]:
        """Sets of directories where something may have changed; None means anywhere.

        None comes first, as soon as the watch stands, and after every gap in it.
        """


class Ground(Protocol):
    """Where folders are."""

    def disk(self, root: Path) -> ClosableDisk:
        """The disk of the folder at a path."""

    def watch(self, root: Path) -> Watch:
        """A watch of the folder at a path."""

    def prepare(self, root: Path) -> str:
        """Give the folder a marker, or read the one that it has."""

    def check(self, root: Path, marker: str) -> RootState:
        """Whether what stands there is the folder that bears this marker."""


class RealGround:
    """The file systems of this machine."""

    def disk(self, root: Path) -> ClosableDisk:
        return PosixDisk(root)

    def watch(self, root: Path) -> Watch:
        return Watcher(root)

    def prepare(self, root: Path) -> str:
        return prepare_root(root)

    def check(self, root: Path, marker: str) -> RootState:
        return check_root(root, marker)
