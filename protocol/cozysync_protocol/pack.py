"""Packs: many sealed chunks in one object that its keeper can check without keys.

Layout: magic, the sealed chunks one after another, zero padding, the sealed index, and a footer
of the index's length (u32, big endian) and the magic again. The padding brings the whole to a
size of few significant bits (Padmé), so sizes say little.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from cozysync_protocol.codec import Reader, decode, encode
from cozysync_protocol.errors import Malformed
from cozysync_protocol.ids import ChunkId, PackId
from cozysync_protocol.limits import MAX_PACK, MAX_PACK_CHUNKS

PACK_MAGIC = b"CZYPACK1"
_FOOTER = 4 + len(PACK_MAGIC)


@dataclass(frozen=True, slots=True)
class ChunkLocation:
    """Where a sealed chunk stands: `offset` and `length` in bytes inside the pack."""

    chunk: ChunkId
    pack: PackId
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Pack:
    """A finished pack: its id, its bytes and what stands where."""

    id: PackId
    data: bytes
    locations: tuple[ChunkLocation, ...]


def padded_size(size: int) -> int:
    """The Padmé size (Nikitin et al., PETS 2019) for `size` bytes: at most 12 % more.

    The result has as many significant bits as its exponent has, so log log n bits leak.
    """
    if size < 2:
        return size
    exponent = size.bit_length() - 1
    low_bits = exponent - exponent.bit_length()
    mask = (1 << max(low_bits, 0)) - 1
    return (size + mask) & ~mask


class PackBuilder:
    """Gathers sealed chunks until somebody finishes the pack."""

    def __init__(self) -> None:
        self._parts: list[bytes | bytearray] = [PACK_MAGIC]
        self._entries: list[tuple[ChunkId, int, int]] = []
        self.size = len(PACK_MAGIC)

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, chunk: ChunkId, sealed: bytes | bytearray) -> int:
        """Append a sealed chunk, which must not change any more; returns its offset."""
        offset = self.size
        self._parts.append(sealed)
        self._entries.append((chunk, offset, len(sealed)))
        self.size += len(sealed)
        return offset

    def finish(self, seal_index: Callable[[bytes], bytes]) -> Pack:
        """The pack with everything added; `seal_index` seals the list of what stands where."""
        index = seal_index(encode([[c, o, n] for c, o, n in self._entries]))
        whole = self.size + len(index) + _FOOTER
        padding = bytes(max(padded_size(whole) - whole, 0))
        footer = len(index).to_bytes(4, "big") + PACK_MAGIC
        data = b"".join([*self._parts, padding, index, footer])
        pack = PackId(hashlib.sha256(data).digest())
        return Pack(pack, data, tuple(ChunkLocation(c, pack, o, n) for c, o, n in self._entries))


def read_index(data: bytes, open_index: Callable[[bytes], bytes]) -> tuple[ChunkLocation, ...]:
    """What stands where in a whole pack, in order; raises `Malformed`.

    `open_index` opens what `seal_index` sealed and raises its own error when it cannot.
    """
    if len(data) > MAX_PACK or len(data) < len(PACK_MAGIC) + _FOOTER:
        raise Malformed("a pack of a size that cannot be")
    if not data.startswith(PACK_MAGIC) or not data.endswith(PACK_MAGIC):
        raise Malformed("bytes that are not a pack")
    length = int.from_bytes(data[-_FOOTER : -len(PACK_MAGIC)], "big")
    end = len(data) - _FOOTER
    if length > end - len(PACK_MAGIC):
        raise Malformed("a pack whose index is longer than the pack")
    value = decode(open_index(data[end - length : end]), max_bytes=MAX_PACK)
    if not isinstance(value, list) or len(value) > MAX_PACK_CHUNKS:
        raise Malformed("a pack's index that is not a list of chunks")
    pack = PackId(hashlib.sha256(data).digest())
    locations: list[ChunkLocation] = []
    for item in value:
        read = Reader(item, "pack index", fields=3)
        chunk = ChunkId(read.exactly(32))
        offset = read.integer(len(PACK_MAGIC), end - length)
        locations.append(ChunkLocation(chunk, pack, offset, read.integer(1, end - length - offset)))
    return tuple(locations)


def check_pack(pack: PackId, data: bytes) -> None:
    """Raise `Malformed` unless these are the pack's bytes."""
    if hashlib.sha256(data).digest() != pack:
        raise Malformed("a pack whose bytes do not fit its name")
