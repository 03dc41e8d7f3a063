"""Packs that are sealed and not on the server yet, as files beside the database.

An entry of the outbox may name one: it is durable here before the entry is authored, sent before
the entry, and let go of when the server has taken that. So what was written while the server is
away is as safe as the entry. Contents read from a folder are not spooled, for the file itself
stays; what a phone brings has no other place.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from cozysync_protocol import PackId

_PART = ".part"
_NAME = re.compile("[0-9a-f]{64}")


class Spool:
    """The packs in one directory, which is made with the first of them. For any thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._packs = set(_found(directory))

    def __contains__(self, pack: PackId) -> bool:
        return pack in self._packs

    def __len__(self) -> int:
        return len(self._packs)

    def put(self, pack: PackId, data: bytes) -> None:
        """Keep a pack; it is durable when this returns. Raises `OSError`, and keeps none then."""
        if not self._directory.exists():
            self._directory.mkdir(mode=0o700, exist_ok=True)
            _sync(self._directory.parent)
        path = self._path(pack)
        part = path.with_suffix(_PART)
        try:
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            _sync(self._directory)
        except OSError:
            part.unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            raise
        self._packs.add(pack)

    def read(self, pack: PackId, start: int = 0, length: int = -1) -> bytes | None:
        """Some bytes of a pack, or all; None when it is not (or no longer) here."""
        if pack not in self._packs:
            return None
        try:
            with self._path(pack).open("rb") as file:
                file.seek(start)
                return file.read(length)
        except FileNotFoundError:
            return None

    def discard(self, packs: Iterable[PackId]) -> None:
        """Let go of packs that the server has, or that nobody will ask for."""
        for pack in packs:
            if pack in self._packs:
                self._packs.discard(pack)
                self._path(pack).unlink(missing_ok=True)

    def keep_only(self, packs: Iterable[PackId]) -> None:
        """Let go of all others, and of what was broken off: at the start, when nobody uses them."""
        self.discard(self._packs - set(packs))
        for part in self._directory.glob("*" + _PART):
            part.unlink(missing_ok=True)

    def _path(self, pack: PackId) -> Path:
        return self._directory / pack.hex()


def _found(directory: Path) -> Iterable[PackId]:
    for path in directory.glob("*"):
        if _NAME.fullmatch(path.name):  # others may leave things anywhere
            yield PackId(bytes.fromhex(path.name))


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
