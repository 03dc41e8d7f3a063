"""Row 6: flipped bytes of snapshots, of their pointers, and of the frames of the log."""

import pytest
import trio

from cozysync.replica import read_snapshot
from cozysync.server.failures import Refusal
from cozysync.sync.alarm import AlarmKind
from cozysync.sync.replica import replica_in_memory
from cozysync.sync.snapshots import members_of, pieces_of
from cozysync.vault import CozyError
from cozysync_protocol import (
    MAX_PACK,
    FrameReader,
    LogFrame,
    LogState,
    ProtocolError,
    SnapshotPointer,
    advance,
    decode_entry,
    encode_frame,
)
from tests.attacks.flips import flips
from tests.attacks.hostile import newcomer, open_server, scene
from tests.suites.canaries import CANARIES

REFUSED = ProtocolError, CozyError, Refusal


@pytest.fixture(scope="session")
def snapped(tmp_path_factory):
    """A vault whose log is gone but for a snapshot: who begins needs that one."""
    root = tmp_path_factory.mktemp("snapped")

    async def tell():
        async with scene(root, "ann", "bob", begin=False) as stage:
            ann = stage.members[0]
            for name, text in CANARIES.items():
                ann.hands.write(name, text)
            await ann.settle()
            await ann.engine.upkeep.snapshots.make(only_if_due=False)
            version, encoded = stage.store.snapshots.pointer(stage.vault)
            stage.pointer = SnapshotPointer.decode(encoded)
            stage.store.snapshots.truncate(stage.vault, stage.pointer.position)
            assert version == 1
            stage.controls = stage.store.read(stage.vault, 0, 1 << 20, 1 << 40, control=True)
            stage.tree = ann.hands.texts()
            stage.packs_of = {
                pack: stage.packs.read(stage.vault, pack, 0, MAX_PACK)
                for pack in stage.pointer.packs
            }
            await ann.stop()
            return stage

    return trio.run(tell)


class Shown:
    """A server that shows these bytes of packs."""

    def __init__(self, packs):
        self._packs = packs

    async def get_pack(self, pack, start, length):
        await trio.lowlevel.checkpoint()
        return self._packs[pack][start : start + length]


async def taken_in(snapped, packs):
    """What a device does with the packs of a snapshot: all of it but keeping the result."""
    pieces = pieces_of(Shown(packs), None, snapped.created.keys, snapped.pointer)
    read = [piece async for piece in pieces]
    replica = replica_in_memory()
    try:
        with replica.database.transaction():
            opening = read_snapshot(replica.database.connection, read)
            members_of(snapped.vault, snapped.controls).check_opening(
                snapped.pointer, opening.state
            )
    finally:
        replica.close()


async def test_every_flipped_byte_of_a_snapshot_is_refused(snapped):
    await taken_in(snapped, snapped.packs_of)
    for pack, data in snapped.packs_of.items():
        for changed in flips(data, "snapshots"):
            with pytest.raises(REFUSED):
                await taken_in(snapped, snapped.packs_of | {pack: changed})


def test_every_flipped_byte_of_a_pointer_is_refused(snapped):
    members = members_of(snapped.vault, snapped.controls)
    members.check(snapped.pointer)
    for changed in flips(snapped.pointer.encode(), "pointers"):
        with pytest.raises(REFUSED):
            members.check(SnapshotPointer.decode(changed))


def flip_pointer(answer):
    if answer.method == "GET" and answer.path.endswith("/snapshot"):
        answer.body = answer.body[:-1] + bytes([answer.body[-1] ^ 1])


def flip_packs(answer):
    if answer.method == "GET" and "/packs/" in answer.path:
        at = len(answer.body) // 2
        answer.body = answer.body[:at] + bytes([answer.body[at] ^ 1]) + answer.body[at + 1 :]


def older_bytes(answer):
    """The right form, of another snapshot: as short as a pack may be."""
    if answer.method == "GET" and "/packs/" in answer.path:
        answer.body = b"CZYPACK1" + bytes(40) + b"CZYPACK1"


@pytest.mark.parametrize("tamper", [flip_pointer, flip_packs, older_bytes])
async def test_who_is_shown_a_spoiled_snapshot_begins_with_nothing_of_it(snapped, tmp_path, tamper):
    async with newcomer(snapped, tmp_path) as (_, bob):
        bob.wire.tamperers.append(tamper)
        await bob.start()
        with trio.fail_after(20):
            await bob.engine.alarms.until(standing=True)
        assert bob.alarm.kind is AlarmKind.FORGERY
        assert bob.engine.status().state == "attention"
        assert bob.engine.replica.cursor.load() is None
        assert bob.hands.texts() == {}
        bob.wire.honest()
        await bob.engine.alarms.end()
        await bob.settle()
        assert bob.hands.texts() == snapped.tree


def read_frame(state, data):
    """A frame as a device reads it from the line."""
    reader = FrameReader()
    frames = reader.feed(data)
    if not frames or not reader.is_between_frames:
        raise CozyError("the answer ends within a frame", "")  # as HttpRemote says it
    for frame in frames:
        entry = decode_entry(frame.entry)
        state = advance(state, entry, position=frame.position, head=frame.head)
    return state


def test_every_flipped_byte_of_a_frame_on_the_line_is_refused(told):
    state = LogState(told.vault)
    for frame in told.log:
        right = encode_frame(frame)
        for changed in flips(right, "frames on the line"):
            with pytest.raises(REFUSED):
                read_frame(state, changed)
        state = read_frame(state, right)
    assert state.position == len(told.log)


def test_every_flipped_byte_of_a_frame_that_a_device_keeps_is_refused_when_it_is_given_back(
    told, tmp_path
):
    store, _, _ = open_server(tmp_path / "server")
    for frame in told.log:
        held = list(store._connection.iterdump())
        kept = frame.head + frame.entry
        for changed in flips(kept, "frames kept and given back", most=300):
            spoiled = LogFrame(frame.position, changed[:32], changed[32:])
            with pytest.raises(REFUSED):
                store.returns.take_back(told.vault, [spoiled])
        assert list(store._connection.iterdump()) == held
        assert store.returns.take_back(told.vault, [frame]) == frame.position
    store.close()
