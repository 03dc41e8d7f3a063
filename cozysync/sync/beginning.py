"""The snapshot with which this device began, kept as the server gave it.

What was in the log before it this device has never read, and so cannot give back entry by entry. A
server that has lost everything is given this instead: its log then begins where the snapshot ends,
as it did before. The packs are sealed, and what lies beside them the server knew.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cozysync.replica import Settings
from cozysync_protocol import Begun, PackId, Position, SnapshotPointer

DIRECTORY = "beginning"
"""Beside the database; holds one directory for each position, of which one counts."""

_POSITION = "beginning"
_BEGUN, _POINTER = "begun", "pointer"


@dataclass(frozen=True, slots=True)
class Beginning:
    """One that is whole; `begun` bears no invitation."""

    begun: Begun
    pointer: SnapshotPointer
    directory: Path

    def pack(self, pack: PackId) -> bytes:
        """A pack of the snapshot; raises `OSError`."""
        return (self.directory / pack.hex()).read_bytes()


class Beginnings:
    """The beginnings of one replica. Calls block and raise `OSError`."""

    def __init__(self, database: Path, settings: Settings) -> None:
        self._directory = database.with_name(DIRECTORY)
        self._settings = settings

    def prepare(self, pointer: SnapshotPointer) -> None:
        """Make room for the packs of a snapshot that is to be begun with."""
        place = self._place(pointer.position)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=0o700, parents=True)

    def keep(self, pointer: SnapshotPointer, pack: PackId, data: bytes) -> None:
        """Keep one of its packs."""
        _write(self._place(pointer.position) / pack.hex(), data)

    def complete(self, pointer: SnapshotPointer, begun: Begun) -> None:
        """All packs are here; it counts from `began` on."""
        place = self._place(pointer.position)
        _write(place / _POINTER, pointer.encode())
        _write(place / _BEGUN, begun.encode())
        for directory in (place, self._directory, self._directory.parent):
            _sync(directory)

    def began(self, position: Position) -> None:
        """The replica begins there; in the transaction that makes it so."""
        self._settings.set_int(_POSITION, position)

    def now(self) -> Beginning | None:
        """What the replica began with; None when it read the log from its start."""
        position = self._settings.get_int(_POSITION)
        place = self._place(Position(position))
        if not position or not (place / _BEGUN).is_file():
            return None
        begun = Begun.decode((place / _BEGUN).read_bytes())
        pointer = SnapshotPointer.decode((place / _POINTER).read_bytes())
        return Beginning(begun, pointer, place)

    def clear(self) -> None:
        """Let go of all others."""
        now = self._place(Position(self._settings.get_int(_POSITION)))
        for place in self._others(now):
            shutil.rmtree(place, ignore_errors=True)

    def _others(self, now: Path) -> Iterator[Path]:
        return (place for place in self._directory.glob("*") if place != now)

    def _place(self, position: Position) -> Path:
        return self._directory / str(position)


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
