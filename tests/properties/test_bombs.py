"""Small bytes that would become large: refused, or read within bounds of memory."""

import tracemalloc

import msgpack
import pytest
import zstandard

from cozysync.content import compress, recipe
from cozysync.replica import body
from cozysync.replica.body_limits import MAX_BODY
from cozysync_protocol import MAX_CHUNK, MAX_ENTRY, Malformed, decode, encode

MIB = 1 << 20
ID = b"i" * 32


def zstd(size, *, declared=True):
    """Zeros of this size, with or without telling the size."""
    if declared:
        return zstandard.ZstdCompressor().compress(bytes(size))
    writer = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    return writer.compress(bytes(size)) + writer.flush()


def frame_that_claims(size):
    """A zstd frame header with a content size of eight bytes, and nothing behind it."""
    return b"\x28\xb5\x2f\xfd\xe0" + size.to_bytes(8, "little")


NESTED = msgpack.packb(None)
for _ in range(500):
    NESTED = b"\x91" + NESTED

BOMBS = {
    "a chunk of more than a chunk": (compress.unpack_chunk, b"\1" + zstd(64 * MIB), MAX_CHUNK),
    "a chunk that hides its size": (
        compress.unpack_chunk, b"\1" + zstd(64 * MIB, declared=False), 2 * MAX_CHUNK),
    "a chunk that claims 2⁶³ bytes": (
        compress.unpack_chunk, b"\1" + frame_that_claims(2**63), MIB),
    "a body of more than a body": (body.decode_body, b"\1" + zstd(64 * MIB), MAX_BODY),
    "a body that hides its size": (
        body.decode_body, b"\1" + zstd(64 * MIB, declared=False), MAX_BODY),
    "a body that claims 2⁶³ bytes": (body.decode_body, b"\1" + frame_that_claims(2**63), MIB),
    "a body of zeros": (body.decode_body, b"\1" + zstd(MAX_BODY - 1), 4 * MAX_BODY),
    "a body of nested arrays": (body.decode_body, b"\0" + NESTED, MIB),
    "a body of empty arrays": (
        body.decode_body, b"\0\x97\x01" + b"\xdd\x00\x01\x00\x00" * 6, 4 * MIB),
    "an array of arrays that claim much": (
        lambda data: decode(data, max_bytes=MAX_ENTRY), b"\xdd\x00\x0f\xff\xff" * 6 + bytes(999),
        MIB),
    "a recipe whose list of lists is too long": (
        recipe.decode_recipe, encode([1, 2, 1, 0, ID * 10, [MAX_CHUNK] * 10 ** 4]), 4 * MIB),
    "a recipe whose lists name more chunks than a file has": (
        recipe.decode_recipe, encode([1, 2, 1, 0, ID * 1000, [MAX_CHUNK] * 1000]), 4 * MIB),
}  # fmt: skip


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_in_bounded_memory(bomb):
    call, data, most = bomb
    tracemalloc.start()
    try:
        with pytest.raises(Malformed):
            call(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= most + len(data) * 4 + MIB


def test_a_long_list_of_chunks_stops_at_its_bound(monkeypatch):
    monkeypatch.setattr(recipe, "MAX_FILE_CHUNKS", 100)
    rows = (ID + b"\0\0\0\1") * 60
    long = recipe.Recipe(180, 0, lists=((ID, len(rows)),) * 3)
    with pytest.raises(Malformed):
        recipe.expand(long, lambda _: rows)
