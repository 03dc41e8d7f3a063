"""Row 15: whoever was revoked opens nothing of what is written afterwards, and writes nothing.

He holds all that his home holds, and the server, which is on his side, gives him all that it has.
"""

from dataclasses import replace

import pytest
import trio

from cozysync.sync.alarm import AlarmKind
from cozysync.vault import CannotOpen, MissingEpoch, load_secrets, secrets_for_device
from cozysync.vault.wrapping import device_info
from cozysync_protocol import (
    MAX_PACK,
    DeviceRenamed,
    EntryHeader,
    EntryKind,
    Epoch,
    EpochStarted,
    SnapshotPointer,
    decode_control,
    decode_entry,
    encode_entry,
    read_index,
    sign_entry,
)
from tests.attacks.hostile import scene
from tests.attacks.test_log import rehead

FIRST = (1).to_bytes(4, "big")  # how a seal says that it is of the first epoch
CLOSED = MissingEpoch, CannotOpen


@pytest.fixture
async def revoked(tmp_path, monkeypatch):
    """Ann, after she put bob out and went on; what bob still has; what was written since."""
    monkeypatch.setattr("cozysync.sync.pull.WAIT_S", 1)  # to be lied to soon
    async with scene(tmp_path, "ann", "bob") as stage:
        ann, bob = stage.members
        ann.hands.write("before", "what bob may know " * 500)
        await stage.settle()
        await bob.stop()
        stage.old = load_secrets(bob.home.secrets_file)
        packs = set(stage.pack_files())
        await ann.engine.members.revoke("bob")
        stage.since = len(stage.frames())
        ann.hands.write("small", "not for bob")
        ann.hands.write("large", "not for bob " * 20_000)
        ann.hands.write("before", "what bob may know, and more " * 500)
        await ann.engine.members.rename("ann", "ann at home")
        await ann.settle()
        await ann.engine.upkeep.snapshots.make(only_if_due=False)
        stage.fresh = [path for path in stage.pack_files() if path not in packs]
        yield stage, ann


def later(stage):
    return [decode_entry(frame.entry) for frame in stage.frames()[stage.since :]]


async def test_no_entry_opens_whatever_epoch_it_is_said_to_be_of(revoked):
    stage, ann = revoked
    keys = stage.old.vault
    sealed = [entry for entry in later(stage) if entry.header.kind is EntryKind.SEALED]
    assert sealed
    for entry in sealed:
        assert ann.engine.ledger.keys.open_entry(entry)
        for epoch in (entry.header.epoch, Epoch(1)):
            with pytest.raises(CLOSED):
                keys.open_entry(replace(entry, header=replace(entry.header, epoch=epoch)))


async def test_no_pack_chunk_or_snapshot_opens(revoked):
    stage, ann = revoked
    old, new = stage.old.vault, ann.engine.ledger.keys
    _, pointer = stage.store.snapshots.pointer(stage.vault)
    names = {path.name for path in stage.fresh}
    assert {pack.hex() for pack in SnapshotPointer.decode(pointer).packs} < names
    for path in stage.fresh:
        data = path.read_bytes()[:MAX_PACK]

        def as_of_the_first(sealed):
            return old.open_index(FIRST + sealed[4:])

        for opening in (old.open_index, as_of_the_first):
            with pytest.raises(CLOSED):
                read_index(data, opening)
        for each in read_index(data, new.open_index):
            sealed = data[each.offset : each.offset + each.length]
            assert new.open_chunk(sealed, each.chunk)
            for tried in (sealed, FIRST + sealed[4:]):
                with pytest.raises(CLOSED):
                    old.open_chunk(tried, each.chunk)


async def test_no_name_opens_and_no_secret_is_handed_out(revoked):
    stage, ann = revoked
    old, device = stage.old.vault, stage.old.device
    opened, renamed, wrapped = set(), 0, 0
    for frame in stage.frames():
        entry = decode_entry(frame.entry)
        if entry.header.kind is not EntryKind.CONTROL:
            continue
        control = decode_control(entry.body)
        opened |= secrets_for_device(device, stage.vault, control).items()
        if isinstance(control, DeviceRenamed):
            renamed += 1
            for tried in (control.sealed_name, FIRST + control.sealed_name[4:]):
                with pytest.raises(CLOSED):
                    old.open_name(control.device, tried)
        if isinstance(control, EpochStarted):
            # What is wrapped for others, and for the root, does not unwrap with his keys.
            for secret in (*dict(control.wrapped_for_devices).values(), control.wrapped_for_root):
                wrapped += 1
                for whose in (device.id, ann.engine.ledger.device.id):
                    with pytest.raises(CLOSED):
                        device.unwrap(secret, device_info(stage.vault, control.epoch, whose))
    assert renamed == 1
    assert wrapped == 2
    assert opened == {(Epoch(1), old.secret(Epoch(1)))}
    assert set(old.epochs) == {Epoch(1)} < set(ann.engine.ledger.keys.epochs)


async def test_what_he_writes_is_taken_neither_by_the_server_nor_by_a_device(revoked):
    stage, ann = revoked
    frames = stage.frames()
    own = [decode_entry(f.entry) for f in frames]
    mine = [entry for entry in own if entry.header.device == stage.old.device.id]
    header = EntryHeader(
        vault=stage.vault,
        device=stage.old.device.id,
        sequence=len(mine) + 1,
        previous=bytes(32),
        seen_position=frames[-1].position,
        seen_head=frames[-1].head,
        epoch=Epoch(1),
        packs=(),
        kind=EntryKind.SEALED,
    )
    body = stage.old.vault.seal_entry(header, b"\0" + bytes(8))
    written = encode_entry(sign_entry(header, body, stage.old.device.sign))
    before = ann.hands.texts()
    with pytest.raises(Exception, match="revoked"):
        stage.store.append(stage.vault, [written])
    assert stage.frames() == frames
    ann.wire.show_log(rehead([*(frame.entry for frame in frames), written]))
    with trio.fail_after(20):
        while ann.alarm is None:
            await ann.engine.settle()
    assert ann.alarm.kind is AlarmKind.UNKNOWN_DEVICE
    assert ann.hands.texts() == before
