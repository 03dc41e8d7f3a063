"""What the secrets file is locked with, beside the rights of the file itself.

*Nothing*, *a passphrase* (Argon2id), or *a key in the keyring of the system*. How costly the
passphrase is to guess stands in the file, so that it can be raised; whoever changes the file cannot
lower it below the floors here, nor make this device spend more than the ceilings.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from cozysync.vault import os_keyring
from cozysync.vault.failures import KeyringLacks, NeedsPassphrase, ShortPassphrase
from cozysync.vault.seal import Entropy
from cozysync_protocol import Reader

Ask = Callable[[], str]
"""Gives the passphrase, from wherever the person or the system keeps it."""

SHORTEST_PASSPHRASE = 8
"""Characters. Argon2id makes each guess cost a tenth of a second; less would still be too short."""

# What RFC 9106 recommends where 2 GiB are too much to ask.
MEMORY_KIB, PASSES, LANES = 64 * 1024, 3, 4
LEAST_MEMORY_KIB, LEAST_PASSES = MEMORY_KIB, PASSES
MOST_MEMORY_KIB, MOST_PASSES, MOST_LANES = 1024 * 1024, 16, 16

_SALT = 16
_KEY = 32
_NAME = 64
_KEYRING_FIELDS = 2


class LockKind(IntEnum):
    """What locks the file."""

    NOTHING = 0
    PASSPHRASE = 1
    KEYRING = 2


@dataclass(frozen=True, slots=True)
class Lock:
    """One lock. `header` stands readable in the file; `key` (32 bytes) opens what follows."""

    kind: LockKind
    header: tuple[object, ...] = ()
    key: bytes = field(default=b"", repr=False)


UNLOCKED = Lock(LockKind.NOTHING)


def passphrase_lock(passphrase: str, entropy: Entropy = os.urandom) -> Lock:
    """A lock that this passphrase opens; raises `ShortPassphrase`. Takes about 0.2 s."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise ShortPassphrase(SHORTEST_PASSPHRASE)
    salt = entropy(_SALT)
    header = (int(LockKind.PASSPHRASE), salt, MEMORY_KIB, PASSES, LANES)
    key = _stretched(passphrase, salt, MEMORY_KIB, PASSES, LANES)
    return Lock(LockKind.PASSPHRASE, header, key)


def default_lock(entropy: Entropy = os.urandom) -> Lock:
    """The keyring of the system where there is one, else nothing."""
    if not os_keyring.is_usable():
        return UNLOCKED
    name, key = entropy(_SALT).hex(), entropy(_KEY)
    os_keyring.put(name, key)
    return Lock(LockKind.KEYRING, (int(LockKind.KEYRING), name), key)


def open_lock(header: object, ask: Ask | None) -> Lock:
    """The lock that a file's header describes, opened.

    Raises `Malformed` for a header that no lock here has, weaker ones included, `NeedsPassphrase`
    when there is nobody to `ask`, and `KeyringLacks`.
    """
    if isinstance(header, list) and len(header) == _KEYRING_FIELDS:
        return _keyring_lock(Reader(header, "lock", fields=_KEYRING_FIELDS))
    read = Reader(header, "lock", fields=5)
    kind = read.integer(LockKind.PASSPHRASE, LockKind.PASSPHRASE)
    salt = read.exactly(_SALT)
    memory = read.integer(LEAST_MEMORY_KIB, MOST_MEMORY_KIB)
    passes = read.integer(LEAST_PASSES, MOST_PASSES)
    lanes = read.integer(1, MOST_LANES)
    if ask is None:
        raise NeedsPassphrase
    key = _stretched(ask(), salt, memory, passes, lanes)
    return Lock(LockKind.PASSPHRASE, (kind, salt, memory, passes, lanes), key)


def _keyring_lock(read: Reader) -> Lock:
    kind = read.integer(LockKind.KEYRING, LockKind.KEYRING)
    name = read.text(_NAME)
    key = os_keyring.get(name)
    if key is None or len(key) != _KEY:
        raise KeyringLacks
    return Lock(LockKind.KEYRING, (kind, name), key)


def let_go(lock: Lock) -> None:
    """Remove what the keyring holds for a lock that no file has any more."""
    if lock.kind is LockKind.KEYRING:
        os_keyring.forget(str(lock.header[1]))


def _stretched(passphrase: str, salt: bytes, memory: int, passes: int, lanes: int) -> bytes:
    stretch = Argon2id(salt=salt, length=_KEY, iterations=passes, lanes=lanes, memory_cost=memory)
    return stretch.derive(passphrase.encode())
