"""`verify` finds whatever the server does not hold as it should, and names the files."""

import random

import pytest
import trio

from cozysync.content import Recipe
from cozysync.sync.verify import BadCursor, parsed
from cozysync_conflict import Content, Create, Kind, Write
from tests.attacks.hostile import scene
from tests.attacks.test_06_repair import at_once, until_settled  # noqa: F401

TEXTS = {f"file{n}": random.Random(n).randbytes(20_000).hex() for n in range(12)}


@pytest.fixture
async def full(tmp_path):
    async with scene(tmp_path, "ann", "bob") as stage:
        ann = stage.members[0]
        for name, text in TEXTS.items():
            ann.hands.write(name, text)
            await ann.settle()
        await stage.settle()
        yield stage


async def verified(engine):
    """All portions: how many chunks were looked at, and the paths that are damaged."""
    chunks, damaged, after = 0, set(), None
    while True:
        portion = await engine.verifier.portion(after)
        chunks += portion.chunks
        damaged |= {each.path.rpartition("/")[2] for each in portion.damaged}
        after = portion.next
        if after is None:
            return chunks, damaged


@pytest.mark.parametrize("portion_bytes", [1, 100_000, 1 << 30])
async def test_every_chunk_is_looked_at_whatever_the_portions(full, monkeypatch, portion_bytes):
    monkeypatch.setattr("cozysync.sync.verify.PORTION_BYTES", portion_bytes)
    monkeypatch.setattr("cozysync.sync.verify.PORTION_CHUNKS", 5)
    engine = full.members[0].engine
    assert await verified(engine) == (engine.replica.chunks.count(), set())
    assert engine.replica.chunks.count() >= len(TEXTS)


async def test_each_spoiled_byte_range_and_lost_pack_is_named_by_its_file(full):
    ann, bob = full.members
    await ann.stop()
    spoiled, lost, *_ = full.pack_files()
    data = bytearray(spoiled.read_bytes())
    data[500] ^= 1
    spoiled.write_bytes(data)
    lost.unlink()
    await bob.engine.alarms.end()  # nothing stands
    before = bob.hands.texts()
    _, damaged = await verified(bob.engine)
    assert len(damaged) == 2
    assert damaged <= TEXTS.keys()
    assert bob.hands.texts() == before
    with trio.fail_after(30):  # bob holds them himself
        while (await verified(bob.engine))[1]:  # noqa: ASYNC110
            await trio.sleep(0.05)


async def test_a_quick_look_finds_packs_that_are_gone(full):
    bob = full.members[1]
    assert (await bob.engine.verifier.quick()).damaged == ()
    full.pack_files()[0].unlink()
    assert len((await bob.engine.verifier.quick()).damaged) == 1


async def test_what_only_a_hostile_device_writes_is_found(full):
    ann, bob = full.members
    folder = bob.engine.replica.folders.list()[0].node

    def lie():
        ledger = ann.engine.ledger
        node = ledger.new_node(folder, b"made-up", Kind.FILE)
        detail = Recipe(3, 0, inline=b"abc").encode()
        with ledger.replica.database.transaction():
            ledger.author(
                [Create(node, folder, b"made-up"), Write(node, Content(bytes(32), detail), ())]
            )

    await ann.engine.ledger.do(lie)
    outcome = await bob.engine.settle()
    assert [reason for reason in outcome.reasons if "made-up" in reason]
    assert bob.hands.texts() == TEXTS
    assert (await verified(bob.engine))[1] == {"made-up"}


PLACES = "", "x", "chunks", "chunks.1", "chunks.a.b", "contents.1.2", "chunks.-1.0"


@pytest.mark.parametrize("cursor", [*PLACES, f"chunks.{1 << 70}.0", "contents.zz.1.00"])
def test_a_place_that_was_not_printed_is_refused(cursor):
    with pytest.raises(BadCursor):
        parsed(cursor)
