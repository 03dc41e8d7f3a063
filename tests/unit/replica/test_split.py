import pytest

from cozysync.replica import SealedBody, delete_parts, encode_body, split
from cozysync.replica.body_limits import MAX_BODY, MAX_DELETE_NODES
from cozysync_conflict import (
    Batch,
    Content,
    Create,
    Delete,
    Dot,
    NodeId,
    Operation,
    Stamp,
    VersionVector,
    Write,
)

AUTHOR = b"a" * 16
DIRECTORY = NodeId(b"\x01" + b"d" * 15)
FILE = NodeId(b"\x02" + b"f" * 15)
FIRST = Dot(AUTHOR, 1)


def batch_of(details: list[int]) -> Batch:
    made = [Write(FILE, Content(b"d" * 32, b"x" * size), ()) for size in details]
    return Batch(
        AUTHOR,
        VersionVector({AUTHOR: 4, b"b" * 16: 2}),
        tuple(
            Operation(Stamp(n + 1, AUTHOR), Dot(AUTHOR, n + 5), action)
            for n, action in enumerate(made)
        ),
    )


def test_a_batch_that_fits_stays_whole() -> None:
    batch = batch_of([10, 10, 10])
    assert split(batch) == [batch]
    assert split(batch_of([])) == [batch_of([])]


def test_parts_follow_on_one_another_and_lose_nothing() -> None:
    batch = batch_of([400, 500, 900, 10, 10, 900])
    parts = split(batch, room=1000)
    assert len(parts) > 2
    assert tuple(each for part in parts for each in part.operations) == batch.operations
    assert all(part.context == batch.context and part.device == AUTHOR for part in parts)
    assert all(len(encode_body(SealedBody(part))) <= 1100 for part in parts)


def test_a_part_has_only_so_many_operations() -> None:
    parts = split(batch_of([1] * 7), most=3)
    assert [len(part.operations) for part in parts] == [3, 3, 1]


def test_one_operation_that_fits_nowhere_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        split(batch_of([10, 2000]), room=1000)


def test_the_largest_parts_can_be_encoded() -> None:
    parts = split(batch_of([1 << 20] * 12))
    assert all(len(encode_body(SealedBody(part))) <= MAX_BODY for part in parts)


def test_a_large_delete_comes_apart_in_order_under_one_group() -> None:
    nodes = tuple((NodeId(b"\x02" + n.to_bytes(15, "big")), DIRECTORY) for n in range(70_000))
    parts = delete_parts(Delete(FIRST, DIRECTORY, nodes))
    assert [len(part.nodes) for part in parts] == [MAX_DELETE_NODES, MAX_DELETE_NODES, 4464]
    assert tuple(pair for part in parts for pair in part.nodes) == nodes
    assert {(part.group, part.root) for part in parts} == {(FIRST, DIRECTORY)}


def test_a_small_delete_stays_whole() -> None:
    for delete in (Delete(FIRST, DIRECTORY, ()), Delete(FIRST, FILE, ((FILE, DIRECTORY),))):
        assert delete_parts(delete) == [delete]


def test_creates_are_counted_with_their_names() -> None:
    operation = Operation(Stamp(1, AUTHOR), FIRST, Create(FILE, DIRECTORY, b"n" * 200))
    with pytest.raises(ValueError, match="does not fit"):
        split(Batch(AUTHOR, VersionVector(), (operation,)), room=150)
