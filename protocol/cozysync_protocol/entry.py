"""Entries: what a vault's log is made of.

An entry is signed by its device over everything it says, names the entry before it of the same
device, and carries what its author had verified of the log. The server orders entries; it can
neither change one nor make one up.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cozysync_protocol.codec import Reader, decode, encode
from cozysync_protocol.errors import BadSignature, Malformed
from cozysync_protocol.ids import (
    DeviceId,
    EntryHash,
    Epoch,
    HeadHash,
    PackId,
    Position,
    Sequence,
    VaultId,
)
from cozysync_protocol.limits import MAX_ENTRY, MAX_ENTRY_BODY, MAX_ENTRY_PACKS, MAX_EPOCHS

PROTOCOL_VERSION = 1
"""The version of entries, packs and messages that this package speaks."""

_SIGNED_LABEL = b"cozysync entry 1"
_HEADER_FIELDS = 10


class EntryKind(IntEnum):
    """Whether the server can read an entry's body."""

    SEALED = 0
    CONTROL = 1


@dataclass(frozen=True, slots=True)
class EntryHeader:
    """Everything of an entry but its body and signature.

    `sequence` counts the device's entries from 1; `previous` is the hash of its entry before;
    `seen_position` and `seen_head` are what the author had verified of the log; `epoch` is the
    generation of secrets that the body is sealed under; `packs` are the packs it refers to.
    """

    vault: VaultId
    device: DeviceId
    sequence: Sequence
    previous: EntryHash
    seen_position: Position
    seen_head: HeadHash
    epoch: Epoch
    packs: tuple[PackId, ...]
    kind: EntryKind
    version: int = PROTOCOL_VERSION

    def fields(self) -> list[object]:
        """The header as the first ten fields of the entry's array."""
        return [
            self.version,
            self.vault,
            self.device,
            self.sequence,
            self.previous,
            self.seen_position,
            self.seen_head,
            self.epoch,
            list(self.packs),
            int(self.kind),
        ]

    def associated_data(self) -> bytes:
        """What a sealed body is bound to: the whole header."""
        return encode(self.fields())


@dataclass(frozen=True, slots=True)
class Entry:
    """A signed entry. `signature` is Ed25519 over the header and the body's hash."""

    header: EntryHeader
    body: bytes
    signature: bytes


def signed_part(header: EntryHeader, body: bytes) -> bytes:
    """The bytes that an entry's signature covers."""
    digest = hashlib.sha256(header.associated_data() + hashlib.sha256(body).digest()).digest()
    return _SIGNED_LABEL + digest


def sign_entry(header: EntryHeader, body: bytes, sign: Callable[[bytes], bytes]) -> Entry:
    """The entry of this header and body; `sign` returns the device's 64-byte signature."""
    return Entry(header, body, sign(signed_part(header, body)))


def verify_signature(entry: Entry, signing: bytes) -> None:
    """Raise `BadSignature` unless the device with this public key (32 bytes) signed the entry."""
    check_signature(signing, entry.signature, signed_part(entry.header, entry.body))


def check_signature(signing: bytes, signature: bytes, text: bytes) -> None:
    """Raise `BadSignature` unless `signature` is Ed25519 by `signing` over `text`."""
    try:
        Ed25519PublicKey.from_public_bytes(signing).verify(signature, text)
    except (InvalidSignature, ValueError) as error:
        raise BadSignature("a signature that does not fit") from error


def encode_entry(entry: Entry) -> bytes:
    """The canonical bytes of an entry."""
    return encode([*entry.header.fields(), entry.body, entry.signature])


def decode_entry(data: bytes) -> Entry:
    """The entry in these bytes, its signature unchecked; raises `Malformed`."""
    read = Reader(decode(data, max_bytes=MAX_ENTRY), "entry", fields=_HEADER_FIELDS + 2)
    version = read.integer(1)
    if version != PROTOCOL_VERSION:
        raise Malformed(f"entry: protocol version {version} is not {PROTOCOL_VERSION}")
    header = EntryHeader(
        version=version,
        vault=VaultId(read.exactly(16)),
        device=DeviceId(read.exactly(16)),
        sequence=Sequence(read.integer(1)),
        previous=EntryHash(read.exactly(32)),
        seen_position=Position(read.integer()),
        seen_head=HeadHash(read.exactly(32)),
        epoch=Epoch(read.integer(0, MAX_EPOCHS)),
        packs=tuple(PackId(pack) for pack in read.blobs(32, MAX_ENTRY_PACKS)),
        kind=EntryKind(read.integer(0, 1)),
    )
    return Entry(header, body=read.blob(MAX_ENTRY_BODY), signature=read.exactly(64))


def entry_hash(encoded: bytes) -> EntryHash:
    """The hash of an encoded entry, by which the next one of its device names it."""
    return EntryHash(hashlib.sha256(encoded).digest())
