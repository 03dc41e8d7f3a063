"""Contents come back as they went in, whatever they are."""

import io
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from cozysync.content import (
    Ingest,
    Recipe,
    chunks_of,
    decode_recipe,
    open_read,
    pack_chunk,
    plan_reads,
    unpack_chunk,
)
from cozysync.vault import VaultKeys
from cozysync_protocol import ChunkId, ChunkLocation, Epoch, Malformed, PackId, VaultId

bounded = settings(max_examples=40, deadline=None)
KEYS = VaultKeys(VaultId(b"v" * 16), {Epoch(1): b"1" * 32})


def some_bytes(size, seed):
    """Bytes with noise and repetition, as files have."""
    source = random.Random(seed)
    block = source.randbytes(min(size, 5000) or 1)
    return (source.randbytes(size // 2) + block * (size // len(block) + 1))[:size]


contents = st.builds(
    some_bytes, st.integers(0, 5000) | st.integers(0, 3_000_000), st.integers(0, 3)
)


@bounded
@given(st.lists(contents, max_size=4))
def test_files_come_back_from_their_packs(files):
    packs = []
    ingest = Ingest(KEYS, lambda ids: set(), packs.append)
    taken = [ingest.file(io.BytesIO(data), len(data), 5) for data in files]
    ingest.flush()
    opened = {}
    for read in plan_reads(location for pack in packs for location in pack.locations):
        (pack,) = (each for each in packs if each.id == read.pack)
        opened.update(open_read(KEYS, read, pack.data[read.start : read.start + read.length])[0])
    for data, ingested in zip(files, taken, strict=True):
        recipe = decode_recipe(ingested.content.detail)
        parts = b"".join(opened[chunk] for chunk, _ in recipe.chunks)
        assert (recipe.inline if recipe.inline is not None else parts) == data
    digests = {data: each.content.digest for data, each in zip(files, taken, strict=True)}
    assert len(set(digests.values())) == len(digests)


@bounded
@given(contents)
def test_chunks_joined_are_the_file(data):
    assert b"".join(chunks_of(io.BytesIO(data), len(data))) == data


@bounded
@given(contents | st.binary(max_size=20_000))
def test_compression_loses_nothing_and_costs_at_most_a_byte(data):
    packed = pack_chunk(data)
    assert len(packed) <= len(data) + 1
    assert unpack_chunk(packed) == data


@bounded
@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_no_recipe_or_a_recipe_that_encodes_back(data):
    try:
        recipe = decode_recipe(data)
    except Malformed:
        return
    assert recipe.encode() == data


chunk_lists = st.lists(
    st.tuples(st.binary(min_size=32, max_size=32).map(ChunkId), st.integers(1, 1 << 20)),
    max_size=50,
)


@bounded
@given(chunk_lists, st.integers(-(2**62), 2**63 - 1))
def test_a_recipe_is_read_back_as_it_was(chunks, mtime_ns):
    recipe = Recipe(sum(length for _, length in chunks), mtime_ns, chunks=tuple(chunks))
    assert decode_recipe(recipe.encode()) == recipe


@bounded
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30_000_000), st.integers(1, 1_000_000)))
)
def test_every_wanted_chunk_lies_in_just_one_read(places):
    wanted = {
        ChunkLocation(ChunkId(bytes(28) + offset.to_bytes(4, "big")), PackId(bytes([pack]) * 32),
                      offset, length)
        for pack, offset, length in places
    }  # fmt: skip
    reads = plan_reads(wanted)
    planned = [location for read in reads for location in read.locations]
    assert len(planned) == len(wanted)
    assert set(planned) == wanted
    for read in reads:
        for location in read.locations:
            assert location.pack == read.pack
            assert read.start <= location.offset
            assert location.offset + location.length <= read.start + read.length
