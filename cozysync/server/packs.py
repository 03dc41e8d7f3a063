"""Packs as files: `packs/VAULT/ab/abcd…`, each named by the SHA-256 of its bytes.

A pack is written under a temporary name while its hash is computed, made durable, and only then
given its name; so whatever bears a name is whole.
"""

import hashlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from cozysync.server.failures import Refusal
from cozysync.server.layout import pack_path
from cozysync_protocol import ErrorCode, PackId, VaultId

_ENOSPC, _EDQUOT = 28, 122


class PackWriter:
    """One upload: bytes come in any pieces; `finish` gives the pack its name."""

    def __init__(self, path: Path, pack: PackId) -> None:
        self._path = path
        self._pack = pack
        self._hash = hashlib.sha256()
        self._temporary = path.with_name(f".{secrets.token_hex(8)}.part")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._temporary.open("xb", buffering=0)

    def write(self, data: bytes) -> None:
        """Take the next bytes; raises `Refusal` when the disk is full."""
        self._hash.update(data)
        try:
            self._file.write(data)
        except OSError as error:
            raise _full(error) from error

    def finish(self) -> None:
        """Make the pack durable under its name; raises `Refusal` when the bytes do not fit it."""
        if self._hash.digest() != self._pack:
            raise Refusal(ErrorCode.WRONG_HASH, "the bytes do not fit the pack's name")
        try:
            os.fsync(self._file.fileno())
            self._file.close()
            self._temporary.rename(self._path)
            _sync(self._path.parent)
        except OSError as error:
            raise _full(error) from error

    def abandon(self) -> None:
        """Leave nothing behind; harmless after `finish`."""
        self._file.close()
        self._temporary.unlink(missing_ok=True)


class DirectoryPacks:
    """The packs of all vaults below one directory."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for part in root.glob("*/*/.*.part"):  # what a kill left of uploads
            part.unlink(missing_ok=True)

    def writer(self, vault: VaultId, pack: PackId) -> PackWriter:
        """Begin an upload."""
        return PackWriter(self.path(vault, pack), pack)

    def path(self, vault: VaultId, pack: PackId) -> Path:
        """Where a pack is, or would be."""
        return pack_path(self._root, vault, pack)

    def size(self, vault: VaultId, pack: PackId) -> int | None:
        """A pack's size in bytes, None when it is not here."""
        try:
            return self.path(vault, pack).stat().st_size
        except FileNotFoundError:
            return None

    def missing(self, vault: VaultId, packs: Sequence[PackId]) -> list[PackId]:
        """Those of the packs that are not here."""
        return [pack for pack in packs if self.size(vault, pack) is None]

    def read(self, vault: VaultId, pack: PackId, start: int, length: int) -> bytes:
        """Some bytes of a pack that is here."""
        with self.path(vault, pack).open("rb", buffering=0) as file:
            return os.pread(file.fileno(), length, start)


def _full(error: OSError) -> Exception:
    if error.errno in (_ENOSPC, _EDQUOT):
        return Refusal(ErrorCode.STORAGE_FULL, "the server's disk is full")
    return error


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
