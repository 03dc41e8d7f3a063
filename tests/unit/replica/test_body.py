from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgpack
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from cozysync.replica import SealedBody, decode_body, encode_body
from cozysync.replica.body_limits import MAX_BODY, MAX_OPERATIONS
from cozysync_conflict import (
    Action,
    Batch,
    Content,
    Create,
    Delete,
    Dot,
    Move,
    NodeId,
    Operation,
    SetAttribute,
    Stamp,
    VersionVector,
    Write,
)
from cozysync_protocol import ChunkId, ChunkLocation, Malformed, PackId

AUTHOR = b"a" * 16
OTHER = b"b" * 16
DIRECTORY = NodeId(b"\x01" + b"d" * 15)
FILE = NodeId(b"\x02" + b"f" * 15)

devices = st.sampled_from([AUTHOR, OTHER, b"c" * 16])
directories = st.sampled_from([NodeId(b"\x01" + bytes([n]) * 15) for n in range(4)])
nodes = directories | st.builds(
    lambda kind, rest: NodeId(bytes([kind]) + rest),
    st.integers(1, 3),
    st.binary(min_size=15, max_size=15),
)
names = (
    st.binary(min_size=1, max_size=20)
    .map(lambda name: name.replace(b"/", b"s").replace(b"\0", b"z"))
    .filter(lambda name: name not in (b".", b".."))
)
counters = st.integers(1, 1 << 40)
dots = st.builds(Dot, devices, counters)
actions: st.SearchStrategy[Action] = st.one_of(
    st.builds(Create, nodes, directories, names),
    st.builds(Move, nodes, directories, names),
    st.builds(
        Write,
        nodes,
        st.builds(Content, st.binary(min_size=32, max_size=32), st.binary(max_size=50)),
        st.lists(dots, max_size=3).map(tuple),
    ),
    st.builds(SetAttribute, nodes, st.text(min_size=1, max_size=8), st.binary(max_size=8)),
    st.builds(Delete, dots, nodes, st.lists(st.tuples(nodes, directories), max_size=5).map(tuple)),
)
hashes = st.integers(0, 5).map(lambda n: bytes([n]) * 32)
locations = st.builds(
    ChunkLocation,
    hashes.map(ChunkId),
    hashes.map(PackId),
    st.integers(0, 1 << 25),
    st.integers(1, 1 << 23),
)


def operations(
    made: list[Action], first: int = 1, times: list[int] | None = None
) -> tuple[Operation, ...]:
    times = times or [1000 + n for n in range(len(made))]
    return tuple(
        Operation(Stamp(time, AUTHOR), Dot(AUTHOR, first + n), action)
        for n, (time, action) in enumerate(zip(times, made, strict=True))
    )


@st.composite
def bodies(draw: st.DrawFn) -> SealedBody:
    made = draw(st.lists(actions, max_size=8))
    times = draw(st.lists(st.integers(0, 1 << 60), min_size=len(made), max_size=len(made)))
    context = VersionVector(draw(st.dictionaries(devices, counters)))
    batch = Batch(AUTHOR, context, operations(made, draw(counters), times))
    retired = draw(st.lists(st.binary(min_size=32, max_size=32).map(PackId), max_size=3))
    return SealedBody(batch, tuple(draw(st.lists(locations, max_size=8))), tuple(retired))


def a_body(*made: Action) -> SealedBody:
    return SealedBody(Batch(AUTHOR, VersionVector({OTHER: 3}), operations(list(made))))


@settings(max_examples=150)
@given(bodies())
def test_every_body_comes_back_as_it_was(body: SealedBody) -> None:
    assert decode_body(encode_body(body)) == body


@settings(max_examples=150)
@given(bodies(), st.data())
def test_cut_or_changed_bytes_are_malformed_or_another_body(
    body: SealedBody, data: st.DataObject
) -> None:
    encoded = bytearray(encode_body(body))
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] ^= data.draw(st.integers(1, 255))
    cut = data.draw(st.integers(at, len(encoded)))
    try:
        decoded = decode_body(bytes(encoded[:cut]))
    except Malformed:
        return
    assert decode_body(encode_body(decoded)) == decoded


def test_a_node_named_again_takes_two_bytes_at_most() -> None:
    once = a_body(Create(FILE, DIRECTORY, b"n"))
    twice = a_body(Create(FILE, DIRECTORY, b"n"), Move(FILE, DIRECTORY, b"m"))
    assert len(encode_body(twice)) - len(encode_body(once)) <= 8


def test_chunks_of_one_pack_cost_little_beyond_their_ids() -> None:
    chunks = tuple(
        ChunkLocation(ChunkId(n.to_bytes(2, "big") * 16), PackId(b"p" * 32), n * 4000, 4000)
        for n in range(1000)
    )
    body = SealedBody(Batch(AUTHOR, VersionVector(), ()), chunks)
    assert decode_body(encode_body(body)) == body
    assert len(encode_body(body)) < 1000 * 37


def test_a_body_that_retires_nothing_is_written_as_older_readers_know_it() -> None:
    plain, retiring = (
        msgpack.unpackb(encode_body(replace(a_body(), retired=packs))[1:])
        for packs in ((), (PackId(b"p" * 32),))
    )
    assert (plain[0], len(plain)) == (1, 7)
    assert (retiring[0], len(retiring)) == (2, 8)
    for wrong in ((1, *retiring[1:]), (2, *plain[1:]), (2, *retiring[1:7], b""), (3, *plain[1:])):
        with pytest.raises(Malformed):
            decode_body(b"\0" + msgpack.packb(wrong))


def test_operations_of_somebody_else_are_not_encoded() -> None:
    (operation,) = operations([Create(FILE, DIRECTORY, b"n")])
    for wrong in (
        replace(operation, stamp=Stamp(1, OTHER)),
        replace(operation, dot=Dot(OTHER, 1)),
    ):
        with pytest.raises(ValueError, match="not the author's"):
            encode_body(SealedBody(Batch(AUTHOR, VersionVector(), (wrong,))))


def test_dots_with_a_gap_are_not_encoded() -> None:
    first, _, third = operations([Create(FILE, DIRECTORY, b"n")] * 3)
    with pytest.raises(ValueError, match="not the author's dot 2"):
        encode_body(SealedBody(Batch(AUTHOR, VersionVector(), (first, third))))


def test_a_body_larger_than_an_entry_is_not_encoded() -> None:
    content = Content(b"d" * 32, b"x" * (MAX_BODY // 8))
    body = a_body(*[Write(FILE, content, ())] * 9)
    with pytest.raises(ValueError, match="split it first"):
        encode_body(body)


def test_more_operations_than_allowed_are_not_encoded() -> None:
    body = a_body(*[Move(FILE, DIRECTORY, b"n")] * (MAX_OPERATIONS + 1))
    with pytest.raises(ValueError, match="split it first"):
        encode_body(body)


CREATE = [1, 0, FILE, DIRECTORY, b"n"]


def with_row(row: Any) -> list[Any]:
    return [1, AUTHOR, [], 1, 1, [row], [b"", b"", []]]


def with_chunks(chunks: Any) -> list[Any]:
    return [1, AUTHOR, [], 1, 1, [CREATE], chunks]


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        [2, *with_row(CREATE)[1:]],
        [1, b"", [], 1, 1, [CREATE], [b"", b"", []]],
        [1, AUTHOR[:-1], [], 1, 1, [CREATE], [b"", b"", []]],
        [1, AUTHOR, [0, 1, 0, 2], 1, 1, [CREATE], [b"", b"", []]],
        [1, AUTHOR, [1, 1], 1, 1, [CREATE], [b"", b"", []]],
        [1, AUTHOR, [0], 1, 1, [CREATE], [b"", b"", []]],
        [1, AUTHOR, [-1, 1], 1, 1, [CREATE], [b"", b"", []]],
        [1, AUTHOR, [], 0, 1, [CREATE], [b"", b"", []]],
        [1, AUTHOR, [], 1 << 63, 1, [CREATE], [b"", b"", []]],
        [1, AUTHOR, [], (1 << 63) - 1, 1, [CREATE, CREATE], [b"", b"", []]],
        [1, AUTHOR, [], 1, -1, [CREATE], [b"", b"", []]],
        [1, AUTHOR, [], 1, "1", [CREATE], [b"", b"", []]],
        [1, AUTHOR, [], 1, 1, [], [b"", b"", []], 0],
        with_row([]),
        with_row(b"row"),
        with_row([6, 0, FILE]),
        with_row([1, -2, FILE, DIRECTORY, b"n"]),
        with_row([1, 0.5, FILE, DIRECTORY, b"n"]),
        with_row([1, 1 << 63, FILE, DIRECTORY, b"n"]),
        with_row([*CREATE, 0]),
        with_row([1, 0, FILE[:-1], DIRECTORY, b"n"]),
        with_row([1, 0, b"\x04" + FILE[1:], DIRECTORY, b"n"]),
        with_row([1, 0, FILE, FILE, b"n"]),
        with_row([1, 0, -1, DIRECTORY, b"n"]),
        with_row([1, 0, 0, DIRECTORY, b"n"]),
        with_row([1, 0, True, DIRECTORY, b"n"]),
        with_row([1, 0, FILE, DIRECTORY, b""]),
        with_row([1, 0, FILE, DIRECTORY, b".."]),
        with_row([2, 0, FILE, DIRECTORY, b"a/b"]),
        with_row([2, 0, FILE, DIRECTORY, b"a\0"]),
        with_row([2, 0, FILE, DIRECTORY, b"n" * 1025]),
        with_row([2, 0, FILE, DIRECTORY, "text"]),
        with_row([3, 0, FILE, b"short", b"", []]),
        with_row([3, 0, FILE, b"d" * 32, "text", []]),
        with_row([3, 0, FILE, b"d" * 32, b"", [0]]),
        with_row([3, 0, FILE, b"d" * 32, b"", [0, 0]]),
        with_row([3, 0, FILE, b"d" * 32, b"", [1, 1]]),
        with_row([3, 0, FILE, b"d" * 32, b"", b"\x00\x01"]),
        with_row([3, 0, FILE, b"d" * 32, b"", [0, 1] * 1025]),
        with_row([4, 0, FILE, "", b""]),
        with_row([4, 0, FILE, b"key", b""]),
        with_row([4, 0, FILE, "key", b"v" * 5000]),
        with_row([5, 0, 0, 0, FILE, []]),
        with_row([5, 0, 0, 1, FILE, [FILE]]),
        with_row([5, 0, 0, 1, FILE, [FILE, FILE]]),
        with_chunks([b"p" * 31, b"", []]),
        with_chunks([b"p" * 32, b"c" * 32, [0, 0]]),
        with_chunks([b"p" * 32, b"c" * 32, [0, 0, 0]]),
        with_chunks([b"p" * 32, b"c" * 32, [0, -1, 5]]),
        with_chunks([b"p" * 32, b"c" * 32, [1, 0, 5]]),
        with_chunks([b"p" * 32, b"c" * 32, [-1, 0, 5]]),
        with_chunks([b"p" * 32, b"c" * 32, [0, 1 << 32, 5]]),
        with_chunks([b"p" * 32, b"c" * 32, b"\x00\x00\x05"]),
        with_chunks([b"p" * 32 * 4097, b"", []]),
    ],
)
def test_what_no_device_would_write_is_malformed(value: Any) -> None:
    with pytest.raises(Malformed):
        decode_body(b"\0" + msgpack.packb(value))


def test_the_examples_are_malformed_by_their_one_fault_only() -> None:
    for value in (with_row(CREATE), with_chunks([b"p" * 32, b"c" * 32, [0, 0, 5]])):
        assert decode_body(b"\0" + msgpack.packb(value)).batch.operations


def bomb() -> bytes:
    return b"\1" + zstandard.ZstdCompressor(level=1).compress(bytes(MAX_BODY + 1))


def sizeless_bomb() -> bytes:
    compressor = zstandard.ZstdCompressor(level=1, write_content_size=False)
    return b"\1" + compressor.compress(bytes(MAX_BODY + 1))


def deep() -> bytes:
    return b"\0" + b"\x91" * 100_000 + b"\x90"


@pytest.mark.parametrize("make", [bomb, sizeless_bomb, deep])
def test_bombs_are_refused_before_they_are_opened(make: Callable[[], bytes]) -> None:
    with pytest.raises(Malformed):
        decode_body(make())


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"\1", b"\2\x90", b"\1garbage", b"\0\xdd\xff\xff\xff\xff"]
)
def test_bytes_that_are_no_body_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode_body(data)


def test_something_after_the_end_is_malformed() -> None:
    body = a_body(*[Create(FILE, DIRECTORY, b"name" * 30)] * 5)
    compressed = encode_body(body)
    assert compressed[0] == 1
    for data in (compressed + b"\0", b"\0" + msgpack.packb(with_row(CREATE)) + b"\0"):
        with pytest.raises(Malformed):
            decode_body(data)
