"""Whatever a server or a device sends: read back as it was, or refused, in bounded memory."""

import tracemalloc

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozysync_protocol import (
    MAX_ENTRY,
    Append,
    FrameReader,
    LogFrame,
    Malformed,
    PackBuilder,
    Position,
    ProtocolError,
    check_pack,
    decode,
    decode_control,
    decode_entry,
    encode,
    encode_control,
    encode_entry,
    encode_frame,
    entry_hash,
    read_index,
    verify_signature,
)
from tests.unit.protocol.logs import ANN, BOB, ROOT, Log, added, created, epoch, revoked

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.binary(max_size=40)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=20,
)


def depth(value):
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(values)
def test_a_value_comes_back(value):
    if depth(value) > 6:
        with pytest.raises(Malformed):
            decode(encode(value), max_bytes=10**6)
    else:
        assert decode(encode(value), max_bytes=10**6) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_are_the_one_encoding_of_a_value(data):
    try:
        value = decode(data, max_bytes=200)
    except Malformed:
        return
    assert encode(value) == data


@pytest.mark.parametrize(
    "value", [{}, {1: 2}, 1.5, msgpack.ExtType(1, b"x"), 2**63, -(2**63), [[[[[[[1]]]]]]]]
)
def test_types_that_are_not_used_are_refused(value):
    with pytest.raises(Malformed):
        decode(msgpack.packb(value), max_bytes=1000)


@pytest.mark.parametrize(
    "data",
    [
        b"\xcc\x01",  # an integer in two bytes that fits one
        b"\xc5\x00\x01x",  # a long form of a short byte string
        b"\x91\x01\x02",  # bytes left over
        b"\xdd\xff\xff\xff\xff",  # an array that claims four billion elements
        b"\xc6\xff\xff\xff\xff",  # a byte string that claims four gigabytes
        b"\xc1",
        b"",
    ],
)
def test_another_spelling_is_refused(data):
    with pytest.raises(Malformed):
        decode(data, max_bytes=1000)


def test_a_claim_of_size_takes_no_memory():
    nested = b"\xdd\x00\x0f\xff\xff" * 6 + b"\x00" * 1000
    tracemalloc.start()
    try:
        with pytest.raises(Malformed):
            decode(nested, max_bytes=MAX_ENTRY)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20


LOG = Log()
SAMPLE = encode_entry(LOG.entry(ANN, packs=(bytes(32), bytes([1]) * 32)))


def test_every_cut_of_an_entry_is_refused():
    for end in range(len(SAMPLE)):
        with pytest.raises(Malformed):
            decode_entry(SAMPLE[:end])


@given(st.integers(0, len(SAMPLE) - 1), st.integers(1, 255))
def test_every_flipped_byte_of_an_entry_is_refused(at, flip):
    data = bytearray(SAMPLE)
    data[at] ^= flip
    with pytest.raises(ProtocolError):
        verify_signature(decode_entry(bytes(data)), ANN.public)


@pytest.mark.parametrize(
    "control",
    [created(), added(BOB), added(BOB, ROOT), revoked(BOB), epoch(2, ANN, BOB)],
    ids=["created", "added", "recovered", "revoked", "epoch"],
)
def test_control_actions_come_back_and_no_cut_of_them_does(control):
    data = encode_control(control)
    assert decode_control(data) == control
    for end in range(len(data)):
        with pytest.raises(Malformed):
            decode_control(data[:end])


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=5))
def test_an_append_comes_back(entries):
    assert Append.decode(Append(tuple(entries)).encode()).entries == tuple(entries)


@given(st.lists(st.binary(max_size=60), max_size=5), st.data())
def test_frames_come_back_whatever_pieces_they_come_in(entries, data):
    frames = [
        LogFrame(Position(n + 1), entry_hash(entry), entry) for n, entry in enumerate(entries)
    ]
    stream = b"".join(map(encode_frame, frames))
    reader, found = FrameReader(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += reader.feed(stream[:size])
        stream = stream[size:]
    assert found == frames
    assert reader.is_between_frames


def test_a_frame_that_claims_too_much_is_refused_before_it_is_gathered():
    with pytest.raises(Malformed):
        FrameReader().feed((MAX_ENTRY + 1000).to_bytes(4, "big"))


def packed(chunks):
    builder = PackBuilder()
    for n, chunk in enumerate(chunks):
        builder.add(bytes([n]) * 32, chunk)
    return builder.finish(lambda index: b"sealed" + index)


@given(st.lists(st.binary(min_size=1, max_size=3000), min_size=1, max_size=8))
def test_a_pack_says_what_stands_where(chunks):
    pack = packed(chunks)
    check_pack(pack.id, pack.data)
    found = read_index(pack.data, lambda sealed: sealed.removeprefix(b"sealed"))
    assert found == pack.locations
    assert [pack.data[each.offset : each.offset + each.length] for each in found] == chunks


@given(st.data())
def test_a_flipped_or_cut_pack_is_refused(data):
    pack = packed([b"one", b"two" * 100])
    changed = bytearray(pack.data)
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Malformed):
        check_pack(pack.id, bytes(changed))
    with pytest.raises(Malformed):
        check_pack(pack.id, pack.data[: data.draw(st.integers(0, len(pack.data) - 1))])


@given(st.binary(max_size=300))
def test_an_index_of_any_bytes_is_refused_or_stays_inside_its_pack(index):
    data = packed([b"x" * 100]).data
    try:
        found = read_index(data, lambda _: index)
    except Malformed:
        return
    assert all(each.offset + each.length <= len(data) for each in found)
