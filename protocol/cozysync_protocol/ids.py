"""Typed identifiers: every one a fixed number of bytes or a bounded integer."""

import hashlib
from typing import NewType

VaultId = NewType("VaultId", bytes)
"""16 bytes: a vault is named by its root keys, so no server can put other keys in their place."""

DeviceId = NewType("DeviceId", bytes)
"""16 bytes: a device is named by its signing key."""

PackId = NewType("PackId", bytes)
"""32 bytes: SHA-256 of the pack, so that whoever stores it can check it without keys."""

ChunkId = NewType("ChunkId", bytes)
"""32 bytes: a keyed hash of the plaintext; it says nothing outside the vault."""

EntryHash = NewType("EntryHash", bytes)
"""32 bytes: SHA-256 of an encoded entry."""

HeadHash = NewType("HeadHash", bytes)
"""32 bytes: the log up to and including one position, in one hash."""

Position = NewType("Position", int)
"""Place in a vault's log: 1, 2, 3… in the order the server took them; 0 is before the first."""

Sequence = NewType("Sequence", int)
"""Place among one device's own entries: 1, 2, 3…"""

Epoch = NewType("Epoch", int)
"""Generation of the vault's secret: 1, 2, 3…; 0 only in the entry that creates the vault."""

GENESIS_HEAD = HeadHash(bytes(32))
"""The head of an empty log."""

NOWHERE = Position(0)
"""The position before the first entry."""

NO_EPOCH = Epoch(0)
"""The epoch before the vault exists."""

ROOT_DEVICE = DeviceId(bytes(16))
"""Who speaks for a vault with its root's signature, to recover; no device has this id."""

NO_ENTRY = EntryHash(bytes(32))
"""What a device's first entry names as the entry before it."""


def vault_id_of(root_signing: bytes, root_wrapping: bytes) -> VaultId:
    """The id of the vault that belongs to these root public keys (32 bytes each)."""
    digest = hashlib.sha256(b"cozysync vault" + root_signing + root_wrapping).digest()
    return VaultId(digest[:16])


def device_id_of(signing: bytes) -> DeviceId:
    """The id of the device that signs with this public key (32 bytes)."""
    return DeviceId(hashlib.sha256(b"cozysync device" + signing).digest()[:16])
