"""The pointer to a snapshot: where a device that has read nothing of the log may begin.

A snapshot is the whole state of a replica at one position of the log, sealed into packs. Its
pointer names those packs in order and says which state that is: position, head and epoch. The
device that made it signs the pointer, so the server can withhold it or show an older one, and
can make none up.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from cozysync_protocol.codec import Reader, decode, encode
from cozysync_protocol.entry import check_signature
from cozysync_protocol.errors import Malformed
from cozysync_protocol.ids import DeviceId, Epoch, HeadHash, PackId, Position, VaultId
from cozysync_protocol.limits import MAX_EPOCHS, MAX_MESSAGE, MAX_SNAPSHOT_PACKS

SNAPSHOT_VERSION = 1
"""The version of pointers, and of what the packs hold."""

_SIGNED_LABEL = b"cozysync snapshot 1"
_FIELDS = 9


@dataclass(frozen=True, slots=True)
class SnapshotPointer:
    """What `device` signed. `size` is what the packs weigh together, in bytes."""

    vault: VaultId
    device: DeviceId
    position: Position
    head: HeadHash
    epoch: Epoch
    size: int
    packs: tuple[PackId, ...]
    signature: bytes = b""

    def _fields(self) -> list[object]:
        return [
            SNAPSHOT_VERSION,
            self.vault,
            self.device,
            self.position,
            self.head,
            self.epoch,
            self.size,
            list(self.packs),
        ]

    def signed_part(self) -> bytes:
        """The bytes that the signature covers."""
        return _SIGNED_LABEL + hashlib.sha256(encode(self._fields())).digest()

    def signed(self, sign: Callable[[bytes], bytes]) -> "SnapshotPointer":
        """This pointer with the device's signature (64 bytes)."""
        return replace(self, signature=sign(self.signed_part()))

    def verify(self, signing: bytes) -> None:
        """Raise `BadSignature` unless the device with this public key (32 bytes) signed it."""
        check_signature(signing, self.signature, self.signed_part())

    def encode(self) -> bytes:
        """Canonical bytes."""
        return encode([*self._fields(), self.signature])

    @classmethod
    def decode(cls, data: bytes) -> "SnapshotPointer":
        """The pointer in these bytes, its signature unchecked; raises `Malformed`."""
        read = Reader(decode(data, max_bytes=MAX_MESSAGE), "snapshot", fields=_FIELDS)
        version = read.integer(1)
        if version != SNAPSHOT_VERSION:
            raise Malformed(f"snapshot: version {version} is not {SNAPSHOT_VERSION}")
        pointer = cls(
            vault=VaultId(read.exactly(16)),
            device=DeviceId(read.exactly(16)),
            position=Position(read.integer(1)),
            head=HeadHash(read.exactly(32)),
            epoch=Epoch(read.integer(1, MAX_EPOCHS)),
            size=read.integer(),
            packs=tuple(PackId(pack) for pack in read.blobs(32, MAX_SNAPSHOT_PACKS)),
            signature=read.exactly(64),
        )
        if not pointer.packs:
            raise Malformed("snapshot: no pack at all")
        return pointer
