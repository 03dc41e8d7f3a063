"""What an enrolled device says may be absurd; it must not stop the others."""

import pytest
import trio

from cozysync_conflict import FURTHEST, Kind
from tests.attacks.hostile import scene
from tests.attacks.test_19_names import author


@pytest.mark.parametrize("time", [FURTHEST, FURTHEST + 1, 2**63 - 200])
async def test_a_stamp_from_a_far_future_lets_the_others_go_on_writing(tmp_path, time):
    async with scene(tmp_path, "ann", "bob") as stage:
        ann, bob = stage.members
        await stage.settle()
        ann.engine.ledger._clock.last = time - 1
        ann.hands.write("evil", "from the future")
        await stage.settle()
        await ann.stop()
        for n in range(300):
            bob.hands.write(f"file{n}", "x")
        with trio.fail_after(60):
            await bob.settle()
        bob.hands.write("evil", "changed by bob")
        await bob.settle()
        assert bob.hands.texts()["evil"] == "changed by bob"
        assert len(bob.hands.texts()) == 301


async def test_a_name_that_no_disk_here_can_hold_stops_no_other(tmp_path):
    async with scene(tmp_path, "ann", "bob", real=True) as stage:
        ann, bob = stage.members
        await stage.settle()
        folder = ann.engine.replica.folders.list()[0].node
        await author(ann, folder, b"n" * 300)
        await author(ann, folder, b"d" * 300, kind=Kind.DIRECTORY)
        (ann.folder / "beside").write_text("x")
        with trio.fail_after(60):
            await ann.engine.settle()
            reasons = ()
            while ["too long" in reason for reason in reasons] != [True, True]:
                reasons = (await bob.engine.settle()).reasons
        assert (bob.folder / "beside").read_text() == "x"
