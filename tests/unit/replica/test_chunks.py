import hashlib

import pytest

from cozysync.replica import CHUNKS_SCHEMA, ChunkIndex, Database
from cozysync_protocol import ChunkId, ChunkLocation, PackId


def chunk(n: int) -> ChunkId:
    return ChunkId(hashlib.sha256(b"chunk %d" % n).digest())


def location(n: int, pack: int = 0) -> ChunkLocation:
    return ChunkLocation(chunk(n), PackId(bytes([pack]) * 32), n * 10, 10)


@pytest.fixture
def index() -> ChunkIndex:
    return ChunkIndex(Database.in_memory([CHUNKS_SCHEMA]))


def test_locations_come_back_as_they_were_given(index: ChunkIndex) -> None:
    given = [location(n, pack=n % 3) for n in range(50)]
    index.add(given, announced=True)
    assert index.locate([chunk(n) for n in range(60)]) == {each.chunk: each for each in given}
    assert index.count() == 50


def test_thousands_of_ids_are_asked_for_at_once(index: ChunkIndex) -> None:
    index.add([location(n) for n in range(0, 3000, 2)], announced=True)
    found = index.known([chunk(n) for n in range(3000)])
    assert found == {chunk(n) for n in range(0, 3000, 2)}
    assert index.known([]) == set()


def test_the_place_that_was_announced_last_counts(index: ChunkIndex) -> None:
    index.add([location(1, pack=1)], announced=True)
    index.add([location(1, pack=2)], announced=True)
    assert index.locate([chunk(1)])[chunk(1)] == location(1, pack=2)
    index.retire([location(1, pack=3).pack])
    index.add([location(1, pack=3)], announced=True)
    assert index.locate([chunk(1)])[chunk(1)] == location(1, pack=2)


def test_what_lay_in_a_doomed_pack_is_forgotten_but_for_what_is_saved(index: ChunkIndex) -> None:
    index.add([location(1, pack=1), location(2, pack=1), location(3, pack=2)], announced=True)
    packs = [location(1, pack=1).pack, location(3, pack=2).pack, location(9, pack=9).pack]
    assert index.lying_in(packs) == {chunk(1), chunk(2), chunk(3)}
    index.doom(packs, {chunk(1), chunk(3)})
    assert index.locate([chunk(n) for n in range(4)]) == {chunk(2): location(2, pack=1)}
    assert index.known([chunk(2)]) == set()
    assert index.lying_in(packs) == {chunk(2)}
    index.add([location(2, pack=5)], announced=True)
    assert index.known([chunk(2)]) == {chunk(2)}


def test_a_chunk_known_twice_keeps_its_first_place(index: ChunkIndex) -> None:
    index.add([location(1, pack=1)], announced=True)
    index.add([location(1, pack=2)], announced=False)
    assert index.locate([chunk(1)])[chunk(1)] == location(1, pack=1)
    assert index.unannounced([chunk(1)]) == []


def test_a_chunk_that_another_device_announces_need_not_be_announced_again(
    index: ChunkIndex,
) -> None:
    index.add([location(1), location(2)], announced=False)
    index.add([location(1)], announced=True)
    assert index.unannounced([chunk(1), chunk(2), chunk(3)]) == [location(2)]


def test_what_an_entry_carries_is_announced(index: ChunkIndex) -> None:
    index.add([location(n) for n in range(5)], announced=False)
    index.mark_announced([chunk(0), chunk(3)])
    everything = [chunk(n) for n in range(5)]
    assert index.unannounced(everything) == [location(1), location(2), location(4)]


def test_a_chunk_of_a_retired_pack_is_not_known_and_moves_to_a_newer_place(
    index: ChunkIndex,
) -> None:
    index.add([location(1, pack=1), location(2, pack=1), location(3, pack=3)], announced=True)
    assert index.retire([PackId(bytes([1]) * 32)]) == {PackId(bytes([1]) * 32)}
    assert index.known([chunk(1), chunk(2), chunk(3)]) == {chunk(3)}
    assert index.locate([chunk(1)])[chunk(1)] == location(1, pack=1)
    index.add([location(1, pack=2), location(3, pack=2)], announced=False)
    assert index.locate([chunk(1)])[chunk(1)] == location(1, pack=2)
    assert index.unannounced([chunk(1)]) == [location(1, pack=2)]
    assert index.locate([chunk(3)])[chunk(3)] == location(3, pack=3)
    assert index.retired() == [location(2, pack=1)]


def test_no_chunk_moves_into_a_retired_pack(index: ChunkIndex) -> None:
    retired = PackId(bytes([2]) * 32)
    index.add([location(1, pack=1)], announced=True)
    index.retire([PackId(bytes([1]) * 32), retired])
    index.add([location(1, pack=2)], announced=True)
    assert index.locate([chunk(1)])[chunk(1)] == location(1, pack=1)
    assert index.retire([retired]) == set()


def test_a_pack_may_be_retired_before_its_chunks_are_told(index: ChunkIndex) -> None:
    index.retire([PackId(bytes([1]) * 32)])
    index.add([location(1, pack=1)], announced=True)
    assert index.known([chunk(1)]) == set()
    index.add([location(1, pack=2)], announced=True)
    assert index.known([chunk(1)]) == {chunk(1)}
