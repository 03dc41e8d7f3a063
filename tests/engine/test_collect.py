"""Packs that hold nothing any more go, and nothing that anybody needs goes with them."""

import os
from contextlib import asynccontextmanager

import trio
import trio.lowlevel

from cozysync.replica import Retention
from cozysync.server.collection import Keeping
from cozysync_protocol import PacksDoomed, encode_control
from tests.engine.test_life import MONTH, rows, truncated, until_read
from tests.suites.fleet import fleet

NOTHING = Retention(0, 0, 0, 0)


def big(n=200_000):
    """A text that does not compress."""
    return os.urandom(n // 2).hex()


@asynccontextmanager
async def office_of(tmp_path, *names, grace_s=0.0, **more):
    keeping = Keeping(grace_s=grace_s)
    async with fleet(tmp_path, *names, keeping=keeping, retention=NOTHING, **more) as office:
        yield office


async def tidied(office, member):
    """A day's look by one device, and by the server after all have read of it."""
    office.now.pass_hours(1 / 60)
    done = await member.engine.upkeep.tidy()
    for each in office.members:
        if each.engine is not None and each.remote.is_plugged:
            await each.settle()
            await until_read(office, each)
    office.server.collect()
    return done


def stored(office):
    return sum(len(data) for data in office.server.packs.values())


async def test_storage_shrinks_when_files_are_deleted(tmp_path):
    async with office_of(tmp_path, "ann", "bob") as office:
        ann, bob = office.members
        for n in range(10):
            ann.hands.write(f"{n}.bin", big())
        await office.settle()
        full = stored(office)
        for n in range(9):
            bob.hands.delete(f"{n}.bin")
        await office.settle()
        for _ in range(3):
            await tidied(office, ann)
        assert stored(office) < full / 4
        assert list(await office.settle()) == ["9.bin"]


async def test_storage_does_not_grow_when_a_file_is_written_again_and_again(tmp_path):
    async with office_of(tmp_path, "ann", "bob") as office:
        ann, bob = office.members
        sizes = []
        for n in range(6):
            ann.hands.write("report.bin", big())
            ann.hands.write("still.txt", "as ever\n" * 1000)
            await office.settle()
            await tidied(office, (ann, bob)[n % 2])
            sizes.append(stored(office))
        assert max(sizes[1:]) < 2.5 * sizes[0]
        assert len(office.server.packs) < 6


async def test_a_newcomer_gets_everything_after_packs_have_moved(tmp_path):
    async with office_of(tmp_path, "ann", "bob", "cat", late=1) as office:
        ann, bob, cat = office.members
        for n in range(8):
            ann.hands.write(f"{n}.bin", big())
        await office.settle(ann, bob)
        for n in range(7):
            ann.hands.delete(f"{n}.bin")
        await office.settle(ann, bob)
        office.now.pass_hours(MONTH)
        for _ in range(3):
            await tidied(office, ann)
        await truncated(office, ann, bob)
        await cat.start()
        tree = await office.settle()
        assert list(tree) == ["7.bin"]
        assert rows(cat) == rows(ann)


async def test_who_writes_what_a_doomed_pack_held_sends_it_anew(tmp_path):
    """Order one: the doom is in the log before the entry."""
    async with office_of(tmp_path, "ann", "bob") as office:
        ann, bob = office.members
        text = big()
        ann.hands.write("old.bin", text)
        await office.settle()
        ann.hands.delete("old.bin")
        await office.settle()
        stop_reading(bob)
        await ann.engine.upkeep.tidy()
        await ann.settle()
        bob.hands.write("again.bin", text)  # its chunks are known to bob, and nobody needs them
        await bob.look()
        await until_pending(bob)
        await read_on(bob)
        await brought_out(bob, ann)
        tree = await office.settle()
        assert tree == {"again.bin": text}
        for _ in range(3):
            await tidied(office, ann)
        assert (await office.settle()) == {"again.bin": text}
        await everything_is_stored(office, ann)


async def test_a_doom_that_crosses_an_entry_is_taken_back(tmp_path):
    """Order two: the entry is in the log before the doom, whose author had not read it."""
    async with office_of(tmp_path, "ann", "bob") as office:
        ann, bob = office.members
        text = big()
        ann.hands.write("old.bin", text)
        await office.settle()
        ann.hands.delete("old.bin")
        await office.settle()
        stop_reading(ann)
        bob.hands.write("again.bin", text)
        await bob.settle()
        office.now.pass_hours(1 / 60)
        await ann.engine.past.let_go()
        doomed = await ann.engine.upkeep.packs.collect()
        assert doomed
        await read_on(ann)
        tree = await office.settle()
        assert tree == {"again.bin": text}
        for _ in range(3):
            await tidied(office, ann)
        assert (await office.settle()) == {"again.bin": text}
        await everything_is_stored(office, ann)


async def test_an_unsent_entry_with_a_pack_that_is_gone_is_said_again(tmp_path):
    """Uploaded, authored, and away for longer than the server keeps what nobody names."""
    async with office_of(tmp_path, "ann", "bob", grace_s=1000) as office:
        ann, bob = office.members
        await office.settle()
        text = big()

        async def cut(*_):
            bob.remote.unplug()
            bob.remote._check()

        append, bob.remote.append = bob.remote.append, cut
        bob.hands.write("late.bin", text)
        bob.hands.write("small.txt", "small\n")
        async with trio.open_nursery() as looking:
            looking.start_soon(bob.look)
            await until_pending(bob)
            looking.cancel_scope.cancel()
        await bob.stop()
        bob.remote.append = append
        office.now.pass_hours(24)
        assert office.server.collect() >= 1
        bob.remote.plug()
        await bob.start()
        for member in office.members:  # missed for a moment, until it has been sent anew
            await member.until_in_sync()
        tree = await office.settle()
        assert tree == {"late.bin": text, "small.txt": "small\n"}
        assert bob.engine.alarms.standing is None
        await everything_is_stored(office, ann)


async def test_a_file_that_a_rename_revives_is_brought_out_of_its_doomed_pack(tmp_path):
    async with office_of(tmp_path, "ann", "bob", grace_s=1000) as office:
        ann, bob = office.members
        text = big()
        ann.hands.write("a.bin", text)
        await office.settle()
        bob.remote.unplug()
        bob.hands.move("a.bin", "b.bin")
        await bob.look()
        ann.hands.delete("a.bin")
        await ann.settle()
        await ann.engine.upkeep.tidy()
        bob.remote.plug()
        await brought_out(bob, ann)
        tree = await office.settle()
        assert tree == {"b.bin": text}
        office.now.pass_hours(24)
        await tidied(office, ann)
        await everything_is_stored(office, ann)


async def test_nobody_dooms_what_history_keeps(tmp_path):
    async with fleet(tmp_path, "ann", keeping=Keeping(grace_s=0)) as office:
        (ann,) = office.members
        first = big()
        ann.hands.write("a.bin", first)
        await office.settle()
        ann.hands.write("a.bin", big())
        await office.settle()
        ann.hands.delete("a.bin")
        await office.settle()
        office.now.pass_hours(24)
        done = await tidied(office, ann)
        assert done.packs == 0
        plan = await ann.engine.past.restore(ann.folder / "a.bin", None, None)
        await ann.engine.past.restore(ann.folder / "a.bin", None, plan.seen)
        assert "a.bin" in await office.settle()


async def test_a_pack_that_was_missed_once_and_holds_nothing_any_more_goes_too(tmp_path):
    async with office_of(tmp_path, "ann", "bob") as office:
        ann, _ = office.members
        ann.hands.write("a.bin", big())
        await office.settle()
        packs = ann.engine.replica.chunks.packs()
        await ann.engine.ledger.do(lambda: ann.engine.ledger.miss((), packs))  # it was there again
        await office.settle()
        ann.hands.delete("a.bin")
        await office.settle()
        for _ in range(3):
            await tidied(office, ann)
        assert not office.server.packs.keys() & set(packs)


async def test_a_version_that_still_stands_is_kept_beside_though_its_first_writing_was_let_go(
    tmp_path,
):
    """The resolver wrote it once more when it won its first conflict; then comes a second one."""
    async with office_of(tmp_path, "ann", "bob", "cat") as office:
        ann, bob, cat = office.members
        ann.hands.write("both.bin", "first\0")
        await office.settle()
        cat.remote.unplug()
        bob.remote.unplug()
        ann.hands.write("both.bin", "by ann\0")
        bob.hands.write("both.bin", "by bob\0")
        await ann.settle()
        bob.remote.plug()
        assert sorted((await office.settle(ann, bob)).values()) == ["by ann\0", "by bob\0"]
        office.now.pass_hours(1)
        await ann.engine.past.let_go()
        await bob.engine.past.let_go()
        cat.hands.write("both.bin", "by cat\0")
        cat.remote.plug()
        tree = await office.settle()
        assert sorted(tree.values()) == ["by ann\0", "by bob\0", "by cat\0"]


async def test_a_doom_of_a_pack_that_is_not_known_harms_nobody(tmp_path):
    async with office_of(tmp_path, "ann", "bob") as office:
        ann, bob = office.members
        ann.hands.write("a.txt", "a\n")
        await office.settle()

        def doom():
            with ann.engine.replica.database.transaction():
                ann.engine.ledger.write_control(encode_control(PacksDoomed((bytes(32),))))

        await ann.engine.ledger.do(doom)
        assert await office.settle() == {"a.txt": "a\n"}
        assert rows(ann) == rows(bob)


# --- helpers --------------------------------------------------------------------------------------


def stop_reading(member):
    """The device hears nothing of the log until `read_on`; what it sends gets through."""
    gate = member.gate = trio.Event()
    log, member.real_log = member.remote.log, member.remote.log

    async def held(after, wait):
        await gate.wait()
        async for frames in log(after, wait):
            yield frames

    member.remote.log = held
    member.remote.unplug()  # ends the read that waits
    member.remote.plug()


async def brought_out(member, other):
    """The other has forgotten where it lies; the member moves it upon reading of the doom."""
    await member.settle()
    await other.until_in_sync()


async def read_on(member):
    member.gate.set()
    await trio.lowlevel.checkpoint()


async def until_pending(member):
    with trio.fail_after(30):
        while not member.engine.replica.outbox.count():  # noqa: ASYNC110
            await trio.sleep(0.01)


async def everything_is_stored(office, member):
    """Every chunk that anything needs lies in a pack that the server has."""
    from cozysync.sync.in_use import recipes_in_use

    replica = member.engine.replica
    needed = {
        chunk
        for recipe in recipes_in_use(replica.database.connection)
        for chunk, _ in recipe.chunks
    }
    assert needed
    with trio.fail_after(30):
        while True:
            places = await member.engine.ledger.do(lambda: replica.chunks.locate(needed))
            if needed == places.keys() and all(
                place.pack in office.server.packs for place in places.values()
            ):
                return
            await trio.sleep(0.05)
