"""The file in which a device keeps its secrets.

Canonical MessagePack, readable by its owner alone and sealed where it has a lock (see `lock`),
replaced as a whole: after a crash it holds
either the old secrets or the new ones. Whoever changes keys writes this file *before* committing
anything that needs them.
"""

import errno
import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from cozysync.vault.device import SEED, DeviceKeys
from cozysync.vault.failures import (
    CannotOpen,
    KeyringLacks,
    NeedsPassphrase,
    SecretError,
    SecretsFileDamaged,
    SecretsFileExposed,
    SecretsFileMissing,
    WrongPassphrase,
)
from cozysync.vault.keyring import EPOCH_SECRET, VaultKeys
from cozysync.vault.labels import Label
from cozysync.vault.lock import UNLOCKED, Ask, Lock, LockKind, open_lock
from cozysync.vault.seal import Entropy, seal, unseal
from cozysync_protocol import MAX_EPOCHS, Epoch, Malformed, Reader, VaultId, decode, encode

_FORMAT = "cozysync secrets"
_VERSION = 1
# A file with a lock: format, version, the lock's header, and sealed what the file would be without.
_LOCKED_VERSION = 2
_LOCKED_FIELDS = 4
_MAX_FILE = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Secrets:
    """All that a device must keep secret: its own keys and the vault's, once it has any.

    `root_wrapping` is public (32 bytes, or empty): a new epoch's secret is wrapped for it. `lock`
    is what the file is locked with whenever it is saved.
    """

    device: DeviceKeys
    vault: VaultKeys | None = None
    root_wrapping: bytes = b""
    lock: Lock = UNLOCKED


def save_secrets(path: Path, secrets: Secrets) -> None:
    """Write the secrets, durably and all at once; raises `OSError` as the disk gives it."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    # Created closed to others: never, not even for a moment, may somebody else open it.
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(_locked(secrets))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    _sync_directory(path.parent)


def load_secrets(path: Path, entropy: Entropy = os.urandom, ask: Ask | None = None) -> Secrets:
    """The secrets in a file that `save_secrets` wrote; `ask` gives the passphrase, if it has one.

    Raises `NeedsPassphrase`, `WrongPassphrase`, `KeyringLacks`,
    `SecretsFileMissing`, `SecretsFileExposed` when anybody but this user may read or
    write it, `SecretsFileDamaged`, and otherwise `OSError` as the disk gives it.
    """
    data = _read_private(path)
    try:
        return _unlocked(path, data, entropy, ask)
    except (NeedsPassphrase, WrongPassphrase, KeyringLacks):
        raise
    except (Malformed, SecretError) as error:
        # What went wrong inside could quote a secret; the person needs only to know that it did.
        raise SecretsFileDamaged(path) from error


def lock_kind(path: Path) -> LockKind:
    """What the file is locked with, without opening it; raises as `load_secrets` does."""
    data = _read_private(path)
    try:
        fields = decode(data, max_bytes=_MAX_FILE)
        if isinstance(fields, list) and len(fields) == _LOCKED_FIELDS:
            header = fields[2]
            if isinstance(header, list) and header and type(header[0]) is int:
                return LockKind(header[0])
        _decoded(data, os.urandom)
        return LockKind.NOTHING
    except (Malformed, SecretError, ValueError) as error:
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


def _locked(secrets: Secrets) -> bytes:
    plain, lock = _encoded(secrets), secrets.lock
    if lock.kind is LockKind.NOTHING:
        return plain
    header = list(lock.header)
    sealed = seal(lock.key, plain, Label.SEALED_SECRETS.context(encode(header)), os.urandom)
    return encode([_FORMAT, _LOCKED_VERSION, header, sealed])


def _unlocked(path: Path, data: bytes, entropy: Entropy, ask: Ask | None) -> Secrets:
    fields = decode(data, max_bytes=_MAX_FILE)
    if not isinstance(fields, list) or len(fields) != _LOCKED_FIELDS:
        return _decoded(data, entropy)
    read = Reader(fields, "secrets file", fields=_LOCKED_FIELDS)
    if read.text(len(_FORMAT)) != _FORMAT or read.integer() != _LOCKED_VERSION:
        raise Malformed("secrets file: another format")
    header, sealed = read.raw(), read.blob(_MAX_FILE)
    lock = open_lock(header, ask)
    context = Label.SEALED_SECRETS.context(encode(list(lock.header)))
    try:
        plain = unseal(lock.key, sealed, context, "the secrets file")
    except CannotOpen as error:
        if lock.kind is LockKind.PASSPHRASE:
            raise WrongPassphrase(path) from error
        raise
    return replace(_decoded(plain, entropy), lock=lock)


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
