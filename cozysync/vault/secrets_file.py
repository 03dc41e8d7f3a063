"""The file in which a device keeps its secrets.

Canonical MessagePack, readable by its owner alone, replaced as a whole: after a crash it holds
either the old secrets or the new ones. Whoever changes keys writes this file *before* committing
anything that needs them.
"""

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from cozysync.vault.device import SEED, DeviceKeys
from cozysync.vault.failures import (
    SecretError,
    SecretsFileDamaged,
    SecretsFileExposed,
    SecretsFileMissing,
)
from cozysync.vault.keyring import EPOCH_SECRET, VaultKeys
from cozysync.vault.seal import Entropy
from cozysync_protocol import MAX_EPOCHS, Epoch, Malformed, Reader, VaultId, decode, encode

_FORMAT = "cozysync secrets"
_VERSION = 1
_MAX_FILE = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Secrets:
    """All that a device must keep secret: its own keys and the vault's, once it has any.

    `root_wrapping` is public (32 bytes, or empty): a new epoch's secret is wrapped for it.
    """

    device: DeviceKeys
    vault: VaultKeys | None = None
    root_wrapping: bytes = b""


def save_secrets(path: Path, secrets: Secrets) -> None:
    """Write the secrets, durably and all at once; raises `OSError` as the disk gives it."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    # Created closed to others: never, not even for a moment, may somebody else open it.
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(_encoded(secrets))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    _sync_directory(path.parent)


def load_secrets(path: Path, entropy: Entropy = os.urandom) -> Secrets:
    """The secrets in a file that `save_secrets` wrote.

    Raises `SecretsFileMissing`, `SecretsFileExposed` when anybody but this user may read or
    write it, `SecretsFileDamaged`, and otherwise `OSError` as the disk gives it.
    """
    data = _read_private(path)
    try:
        return _decoded(data, entropy)
    except (Malformed, SecretError) as error:
        # What went wrong inside could quote a secret; the person needs only to know that it did.
        raise SecretsFileDamaged(path) from error


def _read(handle: int) -> bytes:
    # By handle alone: a file object would refuse a directory in words of its own.
    pieces: list[bytes] = []
    while piece := os.read(handle, _MAX_FILE):
        pieces.append(piece)
        if sum(map(len, pieces)) > _MAX_FILE:
            break
    return b"".join(pieces)


def _read_private(path: Path) -> bytes:
    try:
        # O_NONBLOCK: a pipe in the file's place must not keep anybody waiting.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        handle = os.open(path, flags)
    except FileNotFoundError as error:
        raise SecretsFileMissing(path) from error
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise SecretsFileExposed(path, "is a symbolic link") from error
    try:
        _check_private(path, os.fstat(handle))
        with open(handle, "rb", closefd=False) as file:
            return file.read(_MAX_FILE + 1)
    finally:
        os.close(handle)


def _check_private(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise SecretsFileExposed(path, "is not a regular file")
    if status.st_uid != os.geteuid():
        raise SecretsFileExposed(path, "belongs to another user")
    if status.st_mode & 0o077:
        raise SecretsFileExposed(path, f"has mode {stat.S_IMODE(status.st_mode):04o}, not 0600")


def _encoded(secrets: Secrets) -> bytes:
    vault = secrets.vault
    epochs = [[epoch, vault.secret(epoch)] for epoch in vault.epochs] if vault else []
    return encode(
        [
            _FORMAT,
            _VERSION,
            *secrets.device.private_bytes(),
            vault.vault if vault else b"",
            epochs,
            secrets.root_wrapping,
        ]
    )


def _decoded(data: bytes, entropy: Entropy) -> Secrets:
    read = Reader(decode(data, max_bytes=_MAX_FILE), "secrets file", fields=7)
    if read.text(len(_FORMAT)) != _FORMAT or read.integer() != _VERSION:
        raise Malformed("secrets file: another format")
    device = DeviceKeys(read.exactly(SEED), read.exactly(SEED))
    vault, epochs = VaultId(read.blob(16)), dict[Epoch, bytes]()
    for row in read.array(MAX_EPOCHS):
        each = Reader(row, "epoch", fields=2)
        epoch = Epoch(each.integer(1, MAX_EPOCHS))
        epochs[epoch] = each.exactly(EPOCH_SECRET)
    root_wrapping = read.blob(32)
    keys = VaultKeys(vault, epochs, entropy) if vault else None
    return Secrets(device, keys, root_wrapping)


def _sync_directory(path: Path) -> None:
    """Make a rename in this directory durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
