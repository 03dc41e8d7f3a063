"""The life of a vault over the real interface: snapshots, control entries, missing packs."""

import time
from dataclasses import replace

import pytest
import trio

from cozysync.server.collection import Collection, Keeping
from cozysync.sync.log_reader import read_controls
from cozysync.sync.remote import Refused
from cozysync_protocol import ErrorCode, PacksDoomed, encode_control
from tests.attacks.hostile import scene


async def test_snapshot_control_entries_and_missing_packs_over_the_interface(tmp_path):
    async with scene(tmp_path, "ann", "bob") as stage:
        ann, bob = stage.members
        for n in range(20):
            ann.hands.write(f"{n}.txt", f"{n}\n" * 900)
        await stage.settle()
        assert await ann.engine.upkeep.snapshots.make(only_if_due=False)
        assert not await bob.engine.upkeep.snapshots.make(only_if_due=False)
        version, pointer = await bob.remote.snapshot()
        assert version == 1
        with pytest.raises(Refused) as refused:
            await ann.remote.set_snapshot(0, pointer)
        assert refused.value.code is ErrorCode.CONFLICT
        with pytest.raises(Refused) as refused:
            await bob.remote.set_snapshot(1, replace(pointer, device=bob.engine.ledger.device.id))
        assert refused.value.code is ErrorCode.BAD_SIGNATURE
        await bob.remote.set_snapshot(1, pointer)  # whoever brings it, it bears Ann's signature

        # Both read on from the end, and the log before the snapshot goes.
        for member in (ann, bob):
            async for _ in member.remote.log(pointer.position, 0):
                pass
        Collection(stage.store, stage.packs, Keeping()).collect(stage.vault, time.time())
        assert stage.store.snapshots.start(stage.vault) == pointer.position
        with pytest.raises(Refused) as refused:
            async for _ in bob.remote.log(0, 0):
                pass
        assert refused.value.code is ErrorCode.HORIZON
        controls = await bob.remote.controls()
        assert len(controls) == 2  # the vault, and the second device
        keys = bob.engine.ledger.keys
        state, actions = await read_controls(bob.remote, stage.vault, lambda _: keys)
        assert (state.position, state.head) == (pointer.position, pointer.head)
        assert len(actions) == len(controls)


async def test_a_doomed_pack_may_not_be_named_over_the_interface(tmp_path):
    async with scene(tmp_path, "ann", "bob") as stage:
        ann, bob = stage.members
        ann.hands.write("a.txt", "a\n" * 3000)
        await stage.settle()
        packs = await ann.engine.ledger.do(lambda: list(ann.engine.replica.chunks.packs()))
        assert packs
        assert list(await bob.remote.missing_packs(packs)) == []

        def doom():
            with ann.engine.replica.database.transaction():
                ann.engine.ledger.write_control(encode_control(PacksDoomed(tuple(packs))))

        await ann.engine.ledger.do(doom)  # as a hostile device might: the pack is in use
        with trio.fail_after(30):
            while set(await bob.remote.missing_packs(packs)) != set(packs):  # noqa: ASYNC110
                await trio.sleep(0.01)
            # What is shown is brought elsewhere by those who read the doom.
            while await bob.engine.ledger.do(bob.engine.replica.chunks.retired):  # noqa: ASYNC110
                await trio.sleep(0.05)
        await stage.settle()
        assert bob.hands.texts() == {"a.txt": "a\n" * 3000}
