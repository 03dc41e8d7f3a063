"""The wire form of a sealed body: one batch of operations, and where its chunks lie.

How to think about it. A body says a lot in few words: its operations come from one device, bear
consecutive dots and name the same few nodes again and again. So the author, the first dot and
the first time stand once; devices stand in a table; a node stands in full where it is first
named and is a small number from then on; chunks of one pack follow one another without gaps.
Random ids do not compress, everything left around them does.

What arrives was sealed and signed by an enrolled device, which does not make it harmless: every
count is bounded before anything is built from it, every field is checked, and whatever this
device would not have written itself is `Malformed`. The format is specified in
protocol/SPEC.md, section 7.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgpack
import zstandard

from cozysync.replica.body_limits import MAX_BODY, MAX_CHUNKS, MAX_OPERATIONS
from cozysync.replica.operation_codec import OperationReader, OperationWriter, pairs
from cozysync_conflict import Batch, VersionVector
from cozysync_protocol import MAX_ENTRY_PACKS, ChunkId, ChunkLocation, Malformed, PackId

BODY_VERSION = 2
# As 2, without the packs that are retired. Written whenever there are none.
_PLAIN_VERSION = 1

_PLAIN, _COMPRESSED = 0, 1
# Below this a frame's header and the missing repetition leave nothing to gain.
_COMPRESS_FROM = 128
_COMPRESSION_LEVEL = 1
_ID = 32


@dataclass(frozen=True, slots=True)
class SealedBody:
    """What an entry of kind SEALED carries.

    `chunks` are locations that no earlier entry of this device announced. `batch.operations`
    may be empty when an entry only announces locations. `retired` are packs in which the author
    found something lost or damaged: whoever holds what lies there sends it anew.
    """

    batch: Batch
    chunks: tuple[ChunkLocation, ...] = ()
    retired: tuple[PackId, ...] = ()


def encode_body(body: SealedBody) -> bytes:
    """The bytes to seal.

    Raises `ValueError` when the body is larger than an entry may be (see `split`), or when its
    stamps or dots are not the author's own, one after another: a fault of the caller.
    """
    batch = body.batch
    if (
        len(batch.operations) > MAX_OPERATIONS
        or len(body.chunks) > MAX_CHUNKS
        or len(body.retired) > MAX_ENTRY_PACKS
    ):
        raise ValueError("too much for one body: split it first")
    writer = OperationWriter(batch.device)
    operations = writer.operations(batch.operations)
    context: list[int] = []
    for device, counter in sorted(batch.context.items()):
        context += (writer.device(device), counter)
    first = batch.operations[0] if batch.operations else None
    plain = msgpack.packb(
        (
            BODY_VERSION if body.retired else _PLAIN_VERSION,
            writer.devices(),
            context,
            first.dot.counter if first else 0,
            first.stamp.time if first else 0,
            operations,
            _written_chunks(body.chunks),
            *((b"".join(body.retired),) if body.retired else ()),
        )
    )
    if len(plain) > MAX_BODY:
        raise ValueError(f"a body of {len(plain)} bytes does not fit an entry: split it first")
    return _compressed(plain)


def decode_body(data: bytes) -> SealedBody:
    """The body that `encode_body` gave; raises `Malformed` for anything else."""
    try:
        value = msgpack.unpackb(
            _decompressed(data),
            use_list=False,
            max_map_len=0,
            max_ext_len=0,
            # The longest of all lists: two numbers a node of a delete, three a chunk.
            max_array_len=max(MAX_OPERATIONS, 3 * MAX_CHUNKS),
        )
        return _body(value)
    except Malformed:
        raise
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        # Rows are taken apart as they should be; what does not come apart is no body.
        raise Malformed(f"a sealed body does not read: {error}") from error


def _body(value: Any) -> SealedBody:
    version, devices, context, first, time, operations, chunks, *rest = value
    if version not in (_PLAIN_VERSION, BODY_VERSION):
        raise Malformed(f"a sealed body has version {version!r}, known is {BODY_VERSION}")
    if len(rest) != version - _PLAIN_VERSION:
        raise Malformed("a sealed body has other fields than its version")
    reader = OperationReader(devices)
    seen: dict[bytes, int] = {}
    for index, counter in pairs(context):
        seen[reader.device(index)] = reader.count(counter)
    if 2 * len(seen) != len(context):
        raise Malformed("a sealed body names a device twice in its context")
    batch = Batch(
        device=reader.author,
        context=VersionVector(seen),
        operations=reader.operations(operations, first, time),
    )
    return SealedBody(batch, _read_chunks(chunks), _read_packs(*rest) if rest else ())


def _read_packs(ids: Any) -> tuple[PackId, ...]:
    """Pack ids, one after another; none at all is not how a body says that."""
    if not 0 < _length(ids) <= _ID * MAX_ENTRY_PACKS:
        raise Malformed("a sealed body has too many or no packs to retire")
    return tuple(PackId(ids[at : at + _ID]) for at in range(0, len(ids), _ID))


def _written_chunks(chunks: Iterable[ChunkLocation]) -> tuple[bytes, bytes, list[int]]:
    """Pack ids, chunk ids, and for each chunk: number of its pack, gap before it, length."""
    packs: dict[PackId, int] = {}
    ends: dict[PackId, int] = {}
    ids: list[bytes] = []
    places: list[int] = []
    for each in chunks:
        number = packs.setdefault(each.pack, len(packs))
        ids.append(each.chunk)
        places += (number, each.offset - ends.get(each.pack, 0), each.length)
        ends[each.pack] = each.offset + each.length
    return b"".join(packs), b"".join(ids), places


def _read_chunks(value: Any) -> tuple[ChunkLocation, ...]:
    packs, ids, places = value
    pack_ids = [PackId(packs[at : at + _ID]) for at in range(0, _length(packs), _ID)]
    count = _length(ids) // _ID
    if len(pack_ids) > MAX_ENTRY_PACKS or count > MAX_CHUNKS:
        raise Malformed("a sealed body has too many chunks or packs")
    if type(places) is not tuple or len(places) != 3 * count:
        raise Malformed("a sealed body has other than three numbers for each chunk")
    ends = [0] * len(pack_ids)
    found: list[ChunkLocation] = []
    for at in range(count):
        number, gap, length = places[3 * at : 3 * at + 3]
        if not (type(number) is type(gap) is type(length) is int and number >= 0 < length):
            raise Malformed("a sealed body has a chunk in no place")
        offset = ends[number] + gap
        ends[number] = offset + length
        if offset < 0 or ends[number] >= 1 << 32:
            raise Malformed("a sealed body has a chunk outside of any pack")
        chunk = ChunkId(ids[_ID * at : _ID * at + _ID])
        found.append(ChunkLocation(chunk, pack_ids[number], offset, length))
    return tuple(found)


def _length(ids: Any) -> int:
    if type(ids) is not bytes or len(ids) % _ID:
        raise Malformed("a sealed body has a cut list of ids")
    return len(ids)


def _compressed(plain: bytes) -> bytes:
    if len(plain) >= _COMPRESS_FROM:
        smaller = zstandard.ZstdCompressor(level=_COMPRESSION_LEVEL).compress(plain)
        if len(smaller) < len(plain):
            return bytes([_COMPRESSED]) + smaller
    return bytes([_PLAIN]) + plain


def _decompressed(data: bytes) -> bytes:
    if not data or data[0] not in (_PLAIN, _COMPRESSED):
        raise Malformed("a sealed body is neither plain nor compressed")
    content = memoryview(data)[1:]
    if data[0] == _PLAIN:
        size = len(content)
    else:
        try:
            # The size a frame declares is what it is given, and no more: look before opening.
            size = zstandard.get_frame_parameters(content).content_size
        except zstandard.ZstdError as error:
            raise Malformed(f"a sealed body does not decompress: {error}") from error
    if size > MAX_BODY:
        raise Malformed(f"a sealed body is larger than {MAX_BODY} bytes")
    if data[0] == _PLAIN:
        return bytes(content)
    try:
        return bytes(zstandard.ZstdDecompressor().decompress(content, allow_extra_data=False))
    except zstandard.ZstdError as error:
        raise Malformed(f"a sealed body does not decompress: {error}") from error
