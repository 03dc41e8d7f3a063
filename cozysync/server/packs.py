"""Packs as files: `packs/VAULT/ab/abcd…`, each named by the SHA-256 of its bytes.

A pack is written under a temporary name while its hash is computed, made durable, and only then
given its name; so whatever bears a name is whole.
"""

import errno
import hashlib
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from cozysync.server.failures import Refusal
from cozysync.server.files import Directories, Files, RealFiles, write_all
from cozysync.server.layout import pack_path
from cozysync_protocol import ErrorCode, PackId, VaultId

_HEX_DIGITS = 64


class Packs(Protocol):
    """What collecting needs of the packs of all vaults."""

    def all(self, vault: VaultId) -> Iterator[tuple[PackId, float]]:
        """Every pack of a vault, and when it came, in seconds since 1970."""

    def touch(self, vault: VaultId, pack: PackId) -> None:
        """As if the pack had come just now; harmless when it is not here."""

    def delete(self, vault: VaultId, pack: PackId) -> None:
        """Let a pack go; harmless when it is not here."""


class PackWriter:
    """One upload: bytes come in any pieces; `finish` gives the pack its name.

    Raises `Refusal` when the disk is full. `settling` are the packs that bear their name, but might
    lose it with the power.
    """

    def __init__(self, files: Files, path: Path, pack: PackId, settling: set[Path]) -> None:
        self._files = files
        self._path = path
        self._pack = pack
        self._settling = settling
        self._is_named = False
        self._hash = hashlib.sha256()
        self._temporary = path.with_name(f".{secrets.token_hex(8)}.part")
        with _refusing():
            self._file: int | None = files.create(self._temporary)

    def write(self, data: bytes) -> None:
        """Take the next bytes."""
        assert self._file is not None
        self._hash.update(data)
        with _refusing():
            write_all(self._files, self._file, data)

    def finish(self) -> None:
        """Make the pack durable under its name; raises `Refusal` when the bytes do not fit it."""
        if self._hash.digest() != self._pack:
            raise Refusal(ErrorCode.WRONG_HASH, "the bytes do not fit the pack's name")
        assert self._file is not None
        with _refusing():
            self._files.sync(self._file)
            self._close()
            if not self._path.exists():
                self._settling.add(self._path)
            self._files.rename(self._temporary, self._path)
            self._is_named = True
            self._files.sync_directory(self._path.parent)
        self._settling.discard(self._path)

    def abandon(self) -> None:
        """Leave nothing behind; harmless after `finish`."""
        with suppress(OSError):  # the next start clears away what stays
            self._close()
            if not self._is_named:
                self._files.unlink(self._temporary)

    def _close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            self._files.close(file)


class DirectoryPacks:
    """The packs of all vaults below one directory."""

    def __init__(self, root: Path, files: Files | None = None) -> None:
        self._root = root
        self._files = files or RealFiles()
        self._settling: set[Path] = set()
        self._directories = Directories(self._files, root)
        for part in (*root.glob("*/*/.*.part"), *root.glob(".*.probe")):  # what a kill left
            part.unlink(missing_ok=True)

    def writer(self, vault: VaultId, pack: PackId) -> PackWriter:
        """Begin an upload."""
        path = self.path(vault, pack)
        with _refusing():
            self._directories.make(path.parent)
        return PackWriter(self._files, path, pack, self._settling)

    def path(self, vault: VaultId, pack: PackId) -> Path:
        """Where a pack is, or would be."""
        return pack_path(self._root, vault, pack)

    def size(self, vault: VaultId, pack: PackId) -> int | None:
        """A pack's size in bytes, None when it is not here for good."""
        path = self.path(vault, pack)
        status = _status(path) if path not in self._settling else None
        return status.st_size if status is not None else None

    def check(self) -> None:
        """Raise `OSError`, or `Refusal` when the disk is full, when nothing can be written here."""
        probe = self._root / f".{secrets.token_hex(8)}.probe"
        with _refusing():
            file = self._files.create(probe)
            try:
                write_all(self._files, file, b"probe")
            finally:
                self._files.close(file)
                self._files.unlink(probe)

    def used(self, vault: VaultId) -> int:
        """Bytes of all packs of a vault, uploads under way included; looks at every one."""
        files = (self._root / vault.hex()).glob("*/*")
        return sum(status.st_size for path in files if (status := _status(path)) is not None)

    def missing(self, vault: VaultId, packs: Sequence[PackId]) -> list[PackId]:
        """Those of the packs that are not here."""
        return [pack for pack in packs if self.size(vault, pack) is None]

    def all(self, vault: VaultId) -> Iterator[tuple[PackId, float]]:
        """See `Packs`."""
        for path in (self._root / vault.hex()).glob("*/*"):
            if len(path.name) == _HEX_DIGITS:
                with suppress(FileNotFoundError, ValueError):
                    yield PackId(bytes.fromhex(path.name)), path.stat().st_mtime

    def touch(self, vault: VaultId, pack: PackId) -> None:
        """See `Packs`."""
        with suppress(FileNotFoundError):
            self._files.touch(self.path(vault, pack))

    def delete(self, vault: VaultId, pack: PackId) -> None:
        """See `Packs`."""
        with suppress(FileNotFoundError):
            self._files.unlink(self.path(vault, pack))

    def read(self, vault: VaultId, pack: PackId, start: int, length: int) -> bytes:
        """Some bytes of a pack that is here."""
        with self.path(vault, pack).open("rb", buffering=0) as file:
            return os.pread(file.fileno(), length, start)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Refusal(ErrorCode.STORAGE_FULL, "the server's disk is full") from error
        raise
