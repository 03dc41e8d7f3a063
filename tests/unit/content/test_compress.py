"""Compression: only where it pays, and never a bomb."""

import random

import pytest
import zstandard

from cozysync.content import pack_chunk, unpack_chunk
from cozysync_protocol import MAX_CHUNK, Malformed

NOISE = random.Random(2).randbytes(100_000)
TEXT = b"All work and no play makes a dull day. " * 3000


@pytest.mark.parametrize("size", [0, 1, 1000, 16 * 1024, 16 * 1024 + 1, 100_000])
@pytest.mark.parametrize("source", [NOISE, TEXT])
def test_every_chunk_comes_back(source, size):
    assert unpack_chunk(pack_chunk(source[:size])) == source[:size]


def test_text_shrinks_and_noise_grows_by_one_byte_only():
    assert len(pack_chunk(TEXT)) < len(TEXT) // 10
    assert len(pack_chunk(NOISE)) == len(NOISE) + 1


def test_a_large_chunk_is_judged_by_its_middle():
    compressible_head = bytes(16 * 1024) + NOISE
    assert len(pack_chunk(compressible_head)) == len(compressible_head) + 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\2text",
        b"\xfftext",
        b"\1",
        b"\1not a frame",
        pack_chunk(TEXT)[:-1],
        pack_chunk(TEXT)[:20],
    ],
)
def test_what_is_no_packed_chunk_is_refused(data):
    with pytest.raises(Malformed):
        unpack_chunk(data)


def test_a_frame_that_announces_too_much_is_refused_before_it_is_opened():
    bomb = b"\1" + zstandard.ZstdCompressor(level=19).compress(bytes(MAX_CHUNK + 1))
    assert len(bomb) < 2000
    with pytest.raises(Malformed, match="larger"):
        unpack_chunk(bomb)


def test_a_frame_that_hides_its_size_is_refused_beyond_the_bound():
    hiding = zstandard.ZstdCompressor(level=19, write_content_size=False)
    with pytest.raises(Malformed):
        unpack_chunk(b"\1" + hiding.compress(bytes(64 * MAX_CHUNK // 8 + MAX_CHUNK)))


def test_a_frame_that_lies_about_its_size_is_refused():
    honest = bytearray(zstandard.ZstdCompressor().compress(TEXT))
    size = len(TEXT).to_bytes(4, "little")
    at = honest.index(size)
    honest[at : at + 4] = (len(TEXT) - 1).to_bytes(4, "little")
    with pytest.raises(Malformed):
        unpack_chunk(b"\1" + bytes(honest))
