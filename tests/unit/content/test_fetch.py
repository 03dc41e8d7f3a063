"""Planning what to read, and trusting none of what comes."""

import io
import random
from dataclasses import replace

import pytest

from cozysync.content import MOST_GAP, MOST_READ, Ingest, open_read, pack_chunk, plan_reads
from cozysync.vault import VaultKeys
from cozysync_protocol import (
    ChunkId,
    ChunkLocation,
    Epoch,
    PackBuilder,
    PackId,
    VaultId,
)

A, B = PackId(b"a" * 32), PackId(b"b" * 32)


@pytest.fixture
def keys():
    return VaultKeys(VaultId(b"v" * 16), {Epoch(1): b"1" * 32})


def at(offset, length, pack=A):
    return ChunkLocation(ChunkId(offset.to_bytes(32, "big")), pack, offset, length)


def spans(locations):
    return [(read.pack, read.start, read.length) for read in plan_reads(locations)]


def test_neighbours_are_read_together_in_whatever_order_they_are_named():
    locations = [at(8, 100), at(108, 50), at(158, 1)]
    assert spans(locations) == spans(reversed(locations)) == [(A, 8, 151)]


def test_a_chunk_named_twice_is_read_once():
    (read,) = plan_reads([at(8, 100), at(8, 100)])
    assert read.locations == (at(8, 100),)


def test_a_small_gap_is_read_through_and_a_large_one_is_not():
    assert spans([at(0, 10), at(10 + MOST_GAP, 10)]) == [(A, 0, 20 + MOST_GAP)]
    assert spans([at(0, 10), at(11 + MOST_GAP, 10)]) == [(A, 0, 10), (A, 11 + MOST_GAP, 10)]


def test_packs_are_read_apart():
    assert spans([at(0, 10), at(10, 10, B)]) == [(A, 0, 10), (B, 10, 10)]


def test_no_read_is_larger_than_its_bound():
    step = 1 << 20
    reads = plan_reads([at(number * step, step) for number in range(40)])
    assert max(read.length for read in reads) <= MOST_READ
    assert sum(read.length for read in reads) == 40 * step
    assert sum(len(read.locations) for read in reads) == 40


def test_nothing_wanted_is_nothing_read():
    assert plan_reads([]) == []


@pytest.fixture
def pack(keys):
    packs = []
    source = random.Random(6)
    ingest = Ingest(keys, lambda ids: set(), packs.append)
    for _ in range(4):
        data = source.randbytes(2000)
        ingest.file(io.BytesIO(data), len(data), 5)
    ingest.flush()
    return packs[0]


def reading(pack):
    (read,) = plan_reads(pack.locations)
    return read, pack.data[read.start : read.start + read.length]


def holding(read, position):
    """The chunks whose sealed bytes hold this position of a read."""
    return {
        each.chunk
        for each in read.locations
        if each.offset <= read.start + position < each.offset + each.length
    }


def test_chunks_come_under_their_ids(keys, pack):
    read, data = reading(pack)
    opened, lost = open_read(keys, read, data)
    assert set(opened) == {location.chunk for location in pack.locations}
    assert all(keys.chunk_id(plain) == chunk for chunk, plain in opened.items())
    assert not lost


def test_every_flipped_byte_is_refused_and_spoils_no_other_chunk(keys, pack):
    read, data = reading(pack)
    whole, _ = open_read(keys, read, data)
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 1
        opened, lost = open_read(keys, read, bytes(changed))
        assert lost == holding(read, position)
        assert opened == {chunk: plain for chunk, plain in whole.items() if chunk not in lost}


def test_swapped_chunks_are_refused(keys, pack):
    read, data = reading(pack)
    first, second = pack.locations[:2]
    assert first.length == second.length
    cut = first.length
    swapped = data[cut : 2 * cut] + data[:cut] + data[2 * cut :]
    assert open_read(keys, read, swapped)[1] == {first.chunk, second.chunk}
    renamed = replace(read, locations=(replace(first, chunk=second.chunk),))
    assert open_read(keys, renamed, data) == ({}, {second.chunk})


@pytest.mark.parametrize("length", [0, 1, 40, -1])
def test_what_an_answer_does_not_hold_is_lost(keys, pack, length):
    read, data = reading(pack)
    _, lost = open_read(keys, read, data[:length])
    assert read.locations[-1].chunk in lost


def test_a_chunk_sealed_under_a_name_that_is_not_its_own_is_refused(keys):
    name = keys.chunk_id(b"what it should be")
    builder = PackBuilder()
    builder.add(name, bytes(keys.seal_chunk(name, pack_chunk(b"what a device put there"))))
    pack = builder.finish(keys.seal_index)
    read, data = reading(pack)
    assert open_read(keys, read, data) == ({}, {name})
