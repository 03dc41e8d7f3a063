"""What the server loses or spoils is told by path, spoils nothing else, and comes back from whoever
has it.
"""

import random

import pytest
import trio

from tests.attacks.hostile import scene

CONTENT = random.Random(1).randbytes(300_000).hex()
OTHER = random.Random(2).randbytes(2_000).hex()


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr("cozysync.sync.repair.TURN_S", 0.01)
    monkeypatch.setattr("cozysync.sync.repair.FIRST_PAUSE_S", 0.01)


async def until_settled(member):
    with trio.fail_after(30):
        while not (await member.engine.settle()).in_sync:  # noqa: ASYNC110
            await trio.sleep(0.05)


def lose(stage):
    for path in stage.pack_files():
        path.unlink()


def spoil(stage):
    for path in stage.pack_files():
        data = bytearray(path.read_bytes())
        data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
        path.write_bytes(data)


def shorten(stage):
    for path in stage.pack_files():
        path.write_bytes(path.read_bytes()[:1000])


@pytest.mark.parametrize("harm", [lose, spoil, shorten], ids=lambda harm: harm.__name__)
async def test_what_is_lost_on_the_server_comes_back_from_the_device_that_has_it(tmp_path, harm):
    async with scene(tmp_path, "ann", "bob") as stage:
        ann, bob = stage.members
        await bob.stop()
        ann.hands.write("file", CONTENT)
        await ann.settle()
        harm(stage)
        before = len(stage.frames())
        await bob.start()
        await until_settled(bob)
        assert bob.hands.texts() == {"file": CONTENT}
        assert len(stage.frames()) > before
        await stage.settle()


async def test_what_cannot_be_had_is_named_and_stops_no_other_file(tmp_path):
    async with scene(tmp_path, "ann", "bob") as stage:
        ann, bob = stage.members
        await bob.stop()
        ann.hands.write("lost", CONTENT)
        await ann.settle()
        lose(stage)
        ann.hands.write("whole", OTHER)
        await ann.settle()
        await ann.stop()
        await bob.start()
        outcome = await bob.engine.settle()
        assert [reason for reason in outcome.reasons if "lost" in reason]
        assert len(outcome.reasons) == 1
        assert bob.hands.texts() == {"whole": OTHER}
        assert bob.engine.status().state == "attention"
        await ann.start()
        await until_settled(bob)
        assert bob.hands.texts() == {"whole": OTHER, "lost": CONTENT}


async def test_a_content_that_only_the_trash_holds_comes_back_from_there(tmp_path):
    async with scene(tmp_path, "ann", "bob", real=True) as stage:
        ann, bob = stage.members
        (ann.folder / "file").write_text(CONTENT)
        await stage.settle()
        (ann.folder / "file").write_text("short")
        await stage.settle()
        lose(stage)
        plan = await ann.engine.past.restore(ann.folder / "file", None, None)
        await ann.engine.past.restore(ann.folder / "file", None, plan.seen)
        await until_settled(ann)
        await until_settled(bob)
        assert (ann.folder / "file").read_text() == CONTENT
        assert (bob.folder / "file").read_text() == CONTENT


async def test_a_device_does_not_send_again_what_is_still_there(tmp_path):
    async with scene(tmp_path, "ann", "bob") as stage:
        ann, bob = stage.members
        ann.hands.write("file", CONTENT)
        await stage.settle()
        packs = stage.pack_files()
        chunks = await ann.engine.ledger.do(ann.engine.replica.chunks.retired)
        assert chunks == []

        def cry_wolf():
            pack = bytes.fromhex(packs[0].name)
            bob.engine.ledger.miss((), [pack])

        await bob.engine.ledger.do(cry_wolf)
        await stage.settle()
        assert await ann.engine.ledger.do(ann.engine.replica.chunks.retired)
        assert await ann.engine.repairs.repair() == 0
        assert stage.pack_files() == packs
