"""From files to packs."""

import io
import random
from itertools import permutations

import pytest

from cozysync.content import (
    INLINE_BELOW,
    PACK_SIZE,
    Ingest,
    decode_recipe,
    expand,
    ingest,
    open_read,
    plan_reads,
    recipe_digest,
)
from cozysync.vault import VaultKeys
from cozysync_protocol import MAX_PACK, Epoch, VaultId, check_pack, read_index

NOISE = random.Random(5)
MIB = 1024 * 1024


class Bench:
    """An ingest, the packs that it made, and what the vault is said to know."""

    def __init__(self):
        self.keys = VaultKeys(VaultId(b"v" * 16), {Epoch(1): b"1" * 32})
        self.packs = []
        self.known = set()
        self.asked = 0
        self.ingest = Ingest(self.keys, self._known, self.packs.append)

    def _known(self, ids):
        self.asked += 1
        return self.known & set(ids)

    def take(self, data, mtime_ns=5):
        return self.ingest.file(io.BytesIO(data), len(data), mtime_ns)

    def chunks(self):
        opened = {}
        for pack in self.packs:
            for read in plan_reads(pack.locations):
                data = pack.data[read.start : read.start + read.length]
                opened.update(open_read(self.keys, read, data)[0])
        return opened

    def content(self, ingested):
        recipe = decode_recipe(ingested.content.detail)
        if recipe.inline is not None:
            return recipe.inline
        chunks = self.chunks()
        recipe = expand(recipe, chunks.__getitem__)
        assert recipe_digest(self.keys, recipe) == ingested.content.digest
        return b"".join(chunks[chunk] for chunk, _ in recipe.chunks)


@pytest.fixture
def bench():
    return Bench()


@pytest.mark.parametrize("size", [0, 1, INLINE_BELOW - 1])
def test_a_short_content_travels_in_its_recipe_and_in_no_pack(bench, size):
    data = NOISE.randbytes(size)
    taken = bench.take(data)
    bench.ingest.flush()
    assert bench.content(taken) == data
    assert taken.chunks == ()
    assert bench.packs == []


@pytest.mark.parametrize("size", [INLINE_BELOW, 5000, 300_000, 3 * MIB])
def test_a_file_comes_back_from_its_packs(bench, size):
    data = NOISE.randbytes(size)
    taken = bench.take(data, mtime_ns=77)
    bench.ingest.flush()
    assert bench.content(taken) == data
    recipe = decode_recipe(taken.content.detail)
    assert (recipe.size, recipe.mtime_ns) == (size, 77)
    assert set(taken.chunks) == {chunk for chunk, _ in recipe.chunks}


def test_many_small_files_share_a_pack_that_anybody_can_check(bench):
    files = [NOISE.randbytes(2000) for _ in range(500)]
    taken = [bench.take(data) for data in files]
    assert bench.packs == []
    bench.ingest.flush()
    (pack,) = bench.packs
    check_pack(pack.id, pack.data)
    assert read_index(pack.data, bench.keys.open_index) == pack.locations
    assert len(pack.locations) == 500
    assert [bench.content(each) for each in taken[::50]] == files[::50]


def test_packs_leave_while_a_large_file_is_still_read(bench):
    data = NOISE.randbytes(3 * PACK_SIZE)
    file = io.BytesIO(data)
    left_at = []
    big = Ingest(bench.keys, lambda ids: set(), lambda pack: left_at.append(file.tell()))
    big.file(file, len(data), 5)
    assert len(left_at) == 2
    assert left_at[0] < len(data)


def test_no_pack_outgrows_what_the_server_takes(bench):
    bench.take(NOISE.randbytes(20 * MIB))
    bench.ingest.flush()
    for pack in bench.packs:
        assert len(pack.data) <= MAX_PACK
        assert len(plan_reads(pack.locations)) == 1


def test_a_pack_is_closed_at_so_many_chunks_however_small(bench, monkeypatch):
    monkeypatch.setattr(ingest, "MAX_PACK_CHUNKS", 10)
    for number in range(25):
        bench.take(b"%d" % number * 2000)
    bench.ingest.flush()
    assert [len(pack.locations) for pack in bench.packs] == [10, 10, 5]


def test_the_same_content_goes_into_packs_once_whatever_its_time(bench):
    data = NOISE.randbytes(5000)
    first, second = bench.take(data, 1), bench.take(data, 2)
    bench.ingest.flush()
    again = bench.take(data, 3)
    bench.ingest.flush()
    assert first.content.digest == second.content.digest == again.content.digest
    assert first.content.detail != second.content.detail
    assert first.chunks == second.chunks == again.chunks
    assert sum(len(pack.locations) for pack in bench.packs) == 1


def test_what_the_vault_has_already_is_named_and_not_packed(bench):
    data = NOISE.randbytes(5000)
    bench.known.add(bench.keys.chunk_id(data))
    taken = bench.take(data)
    bench.ingest.flush()
    assert taken.chunks == (bench.keys.chunk_id(data),)
    assert bench.packs == []


def test_an_edit_in_a_large_file_packs_only_what_is_around_it(bench):
    data = NOISE.randbytes(10 * MIB)
    bench.take(data)
    bench.ingest.flush()
    before = sum(len(pack.locations) for pack in bench.packs)
    edited = data[: 5 * MIB] + b"x" * 1024 + data[5 * MIB :]
    taken = bench.take(edited)
    bench.ingest.flush()
    assert sum(len(pack.locations) for pack in bench.packs) - before <= 3
    assert bench.content(taken) == edited


def test_a_very_long_file_keeps_its_list_in_chunks(bench, monkeypatch):
    monkeypatch.setattr(ingest, "MAX_DIRECT", 4)
    data = NOISE.randbytes(3 * MIB)
    taken = bench.take(data)
    bench.ingest.flush()
    recipe = decode_recipe(taken.content.detail)
    assert recipe.lists
    assert {chunk for chunk, _ in recipe.lists} < set(taken.chunks)
    assert bench.content(taken) == data


def test_a_file_that_outgrew_the_inline_bound_since_it_was_looked_at_is_chunked(bench):
    data = NOISE.randbytes(3000)
    taken = bench.ingest.file(io.BytesIO(data), 10, 5)
    bench.ingest.flush()
    assert bench.content(taken) == data


def test_flushing_with_nothing_begun_makes_no_pack(bench):
    bench.ingest.flush()
    assert bench.packs == []


def test_a_file_that_cannot_be_read_leaves_the_ingest_usable(bench):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise OSError(5, "damaged disk")

    with pytest.raises(OSError, match="damaged"):
        bench.ingest.file(Broken(), 5000, 5)
    data = NOISE.randbytes(5000)
    taken = bench.take(data)
    bench.ingest.flush()
    assert bench.content(taken) == data


def test_neither_names_nor_contents_stand_in_a_pack(bench):
    bench.take(b"a canary that must not be seen " * 40)
    bench.ingest.flush()
    assert b"canary" not in bench.packs[0].data


def test_every_other_order_of_four_chunks_is_another_content(bench):
    chunks = [bench.keys.chunk_id(b"%d" % number) for number in range(4)]
    digests = {bench.keys.content_digest(order) for order in permutations(chunks)}
    assert len(digests) == 24
