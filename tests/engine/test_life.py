"""A vault that lives for long: snapshots, a log that ends somewhere, devices that were away."""

from dataclasses import replace

import pytest
import trio

from cozysync.sync.replica import open_replica
from cozysync.sync.snapshots import members_of
from cozysync.vault import DeviceKeys
from cozysync_protocol import BadSignature, ForkDetected, NotAllowed
from tests.suites.fleet import enrol, fleet
from tests.suites.replicas import state_of

MONTH = 24 * 31


def rows(member):
    return state_of(member.engine.replica.database.connection)


async def snapshot_by(member):
    await member.settle()
    await member.engine.upkeep.snapshots.make(only_if_due=False)


async def truncated(office, *present):
    """A snapshot, and all that it makes superfluous is gone."""
    await snapshot_by(present[0])
    for each in present:
        await each.settle()
        await until_read(office, each)
    office.server.collect()
    _, pointer = await present[0].remote.snapshot()
    assert office.server.start == pointer.position


async def until_read(office, member):
    """Wait until the server has been asked for what comes next."""
    device = member.engine.ledger.device.id
    while True:
        office.server.store.note_readers()
        reader = office.server.store.marks.readers(office.server.vault)[device]
        if reader.position == office.server.state.position:
            return
        await trio.sleep(0.01)


def some_work(hands):
    hands.mkdir("plans")
    for n in range(30):
        hands.write(f"plans/{n}.txt", f"plan {n}\n" * (n * 20))
    hands.write("notes.txt", "first\n")


async def test_a_new_device_begins_with_the_snapshot_when_the_log_is_gone(tmp_path):
    async with fleet(tmp_path, "ann", "bob", "cat", late=1) as office:
        ann, bob, cat = office.members
        some_work(ann.hands)
        await office.settle(ann, bob)
        bob.hands.write("notes.txt", "second\n")
        bob.hands.delete("plans/3.txt")
        bob.hands.move("plans/4.txt", "four.txt")
        await office.settle(ann, bob)
        office.now.pass_hours(MONTH)  # in which nobody has seen cat
        await truncated(office, ann, bob)
        ann.hands.write("later.txt", "after the snapshot\n")
        await office.settle(ann, bob)
        await cat.start()
        tree = await office.settle()
        assert tree["notes.txt"] == "second\n"
        assert "plans/3.txt" not in tree
        assert tree["later.txt"] == "after the snapshot\n"
        assert rows(cat) == rows(ann) == rows(bob)
        cat.hands.write("notes.txt", "third\n")
        assert (await office.settle())["notes.txt"] == "third\n"


async def test_who_comes_into_the_vault_after_the_snapshot_begins_with_it_too(tmp_path):
    async with fleet(tmp_path, "ann", "bob", "cat", late=1, outside=1) as office:
        ann, bob, cat = office.members
        some_work(ann.hands)
        await office.settle(ann, bob)
        await truncated(office, ann, bob)
        await enrol(ann, cat)
        bob.hands.write("notes.txt", "second\n")
        cat.hands.write("mine.txt", "there before the vault was\n")
        await cat.start()
        tree = await office.settle()
        assert tree["notes.txt"] == "second\n"
        assert "mine.txt" in tree
        assert rows(cat) == rows(ann) == rows(bob)


async def test_nobody_begins_with_a_snapshot_of_a_vault_that_never_let_them_in(tmp_path):
    async with fleet(tmp_path, "ann", "bob", late=1, outside=1) as office:
        ann, bob = office.members
        some_work(ann.hands)
        await truncated(office, ann)
        await bob.start()
        outcome = await bob.engine.settle()
        assert not outcome.in_sync
        assert "may not write" in outcome.reasons[0]
        assert not bob.hands.texts()


async def test_starting_reads_the_snapshot_and_not_the_log_before_it(tmp_path):
    async with fleet(tmp_path, "ann", "bob", late=1) as office:
        ann, bob = office.members
        for n in range(40):
            ann.hands.write("diary.txt", f"day {n}\n")
            await ann.settle()
        await snapshot_by(ann)
        asked = []
        log = bob.remote.log

        def watched(after, wait):
            asked.append(after)
            return log(after, wait)

        bob.remote.log = watched
        await bob.start()
        await office.settle()
        _, pointer = await ann.remote.snapshot()
        assert asked[0] == pointer.position > 40


async def test_who_slept_past_the_horizon_loses_nothing_and_brings_nothing_back(tmp_path):
    async with fleet(tmp_path, "ann", "bob") as office:
        ann, bob = office.members
        some_work(ann.hands)
        for name in ("gone.txt", "edited.txt", "both.txt", "old.txt"):
            ann.hands.write(name, f"{name} as it was\n")
        await office.settle()
        # What waits to be sent when the cable is out, and what happens while bob does not run.
        bob.remote.unplug()
        bob.hands.move("old.txt", "renamed.txt")
        bob.hands.write("small.txt", "written on the train\n")
        await bob.look()
        assert bob.engine.replica.outbox.count()
        await bob.stop()
        bob.hands.write("edited.txt", "edited while asleep\n")
        bob.hands.write("both.txt", "bob's\n")
        bob.hands.delete("plans/5.txt")
        ann.hands.delete("gone.txt")
        ann.hands.delete("edited.txt")
        ann.hands.delete("plans/7.txt")
        ann.hands.write("both.txt", "ann's\n")
        ann.hands.write("new.txt", "new\n")
        await ann.settle()
        office.now.pass_hours(MONTH)
        await truncated(office, ann)
        bob.remote.plug()
        await bob.start()
        tree = await office.settle()
        assert "gone.txt" not in tree
        assert "plans/7.txt" not in tree
        assert "plans/5.txt" not in tree
        assert tree["edited.txt"] == "edited while asleep\n"
        assert tree["renamed.txt"] == "old.txt as it was\n"
        assert "old.txt" not in tree
        assert tree["small.txt"] == "written on the train\n"
        assert tree["new.txt"] == "new\n"
        contents = [text for name, text in tree.items() if name.startswith("both")]
        assert sorted(contents) == ["ann's\n", "bob's\n"]
        assert rows(ann) == rows(bob)


async def test_what_is_written_before_the_old_entries_are_sent_follows_on_them(tmp_path):
    async with fleet(tmp_path, "ann", "bob") as office:
        ann, bob = office.members
        ann.hands.write("old.txt", "old\n")
        await office.settle()
        bob.remote.unplug()
        for name in ("one.txt", "two.txt"):
            bob.hands.write(name, f"{name} on the train\n")
            await bob.look()
        await bob.stop()
        ann.hands.write("new.txt", "new\n")
        await ann.settle()
        office.now.pass_hours(MONTH)
        await truncated(office, ann)
        append, is_open = bob.remote.append, trio.Event()

        async def once_it_is_open(*entries):
            await is_open.wait()
            return await append(*entries)

        bob.remote.append = once_it_is_open
        bob.remote.plug()
        await bob.start()
        while bob.engine.ledger.log_state().position < office.server.start:  # noqa: ASYNC110
            await trio.sleep(0.01)
        before = bob.engine.replica.outbox.count()
        bob.hands.write("three.txt", "written after starting anew\n")
        async with trio.open_nursery() as looking:
            looking.start_soon(bob.look)
            while bob.engine.replica.outbox.count() == before:  # noqa: ASYNC110
                await trio.sleep(0.01)
            looking.cancel_scope.cancel()
        is_open.set()
        tree = await office.settle()
        assert tree == {
            "old.txt": "old\n",
            "new.txt": "new\n",
            "one.txt": "one.txt on the train\n",
            "two.txt": "two.txt on the train\n",
            "three.txt": "written after starting anew\n",
        }
        assert rows(ann) == rows(bob)


async def test_an_entry_whose_receipt_was_lost_is_not_sent_again_past_the_horizon(tmp_path):
    async with fleet(tmp_path, "ann", "bob") as office:
        ann, bob = office.members
        await office.settle()
        append = bob.remote.append

        async def swallowed(entries, verified):
            await append(entries, verified)
            bob.remote.unplug()
            bob.remote._check()

        bob.remote.append = swallowed
        bob.hands.write("note.txt", "sent, and nobody said so\n")
        await bob.look()
        while not office.server.state.devices[bob.engine.ledger.device.id].sequence:  # noqa: ASYNC110
            await trio.sleep(0.01)
        await bob.stop()
        bob.remote.append = append
        ann.hands.write("other.txt", "other\n")
        await ann.settle()
        office.now.pass_hours(MONTH)
        await truncated(office, ann)
        bob.remote.plug()
        await bob.start()
        tree = await office.settle()
        assert tree == {"note.txt": "sent, and nobody said so\n", "other.txt": "other\n"}
        assert bob.engine.alarms.standing is None


async def test_a_device_whose_database_is_lost_starts_again_from_the_snapshot(tmp_path):
    async with fleet(tmp_path, "ann", "bob") as office:
        ann, bob = office.members
        some_work(ann.hands)
        await office.settle()
        ann.hands.delete("plans/1.txt")
        await office.settle()
        await truncated(office, ann, bob)
        await bob.stop()
        bob.lose_database()
        bob.hands.write("notes.txt", "changed while the database was lost\n")
        await bob.start()
        tree = await office.settle()
        assert "plans/2.txt" in tree
        assert "changed while the database was lost\n" in tree.values()


async def test_the_log_stays_while_an_active_device_has_not_read_it(tmp_path):
    async with fleet(tmp_path, "ann", "bob") as office:
        ann, bob = office.members
        some_work(ann.hands)
        await office.settle()
        bob.remote.unplug()
        ann.hands.write("notes.txt", "second\n")
        await snapshot_by(ann)
        await until_read(office, ann)
        office.server.collect()
        assert office.server.start == 0
        bob.remote.plug()
        await office.settle()
        await until_read(office, bob)
        office.server.collect()
        assert office.server.start > 0


# --- what is not believed -------------------------------------------------------------------------


async def pointer_of(office, member):
    """A good pointer, the members by the control entries, and the state that it stands for."""
    await snapshot_by(member)
    _, pointer = await member.remote.snapshot()
    members = members_of(office.server.vault, await member.remote.controls())
    return pointer, members, member.engine.ledger.log_state()


async def test_a_pointer_that_no_device_of_the_vault_signed_is_refused(tmp_path):
    async with fleet(tmp_path, "ann", "bob") as office:
        ann, bob = office.members
        some_work(ann.hands)
        await office.settle()
        pointer, members, state = await pointer_of(office, ann)
        members.check(pointer)
        members.check_opening(pointer, state)
        stranger = DeviceKeys.generate()
        with pytest.raises(NotAllowed):
            members.check(replace(pointer, device=stranger.id).signed(stranger.sign))
        for change in (
            {"packs": (bytes(32),)},
            {"position": pointer.position + 1},
            {"head": bytes(32)},
            {"device": bob.engine.ledger.device.id},
        ):
            with pytest.raises(BadSignature):
                members.check(replace(pointer, **change))
        for change in ({"position": 3}, {"head": bytes(32)}, {"epoch": 2}):
            with pytest.raises(ForkDetected):
                members.check_opening(replace(pointer, **change), state)
        some = next(iter(state.devices))
        strange = {**state.devices, stranger.id: replace(state.devices[some], keys=stranger.public)}
        with pytest.raises(ForkDetected):
            members.check_opening(pointer, replace(state, devices=strange))


async def test_a_server_that_shows_a_snapshot_of_another_history_raises_an_alarm(tmp_path):
    async with fleet(tmp_path, "ann", "bob") as office:
        ann, bob = office.members
        some_work(ann.hands)
        await office.settle()
        await bob.stop()
        known = bob_state(bob)
        ann.hands.write("later.txt", "later\n")
        await ann.settle()
        office.now.pass_hours(MONTH)
        await truncated(office, ann)
        _, pointer = await ann.remote.snapshot()

        async def another():
            return 1, replace(pointer, head=bytes(32))

        bob.remote.snapshot = another
        await bob.start()
        with trio.fail_after(30):
            while bob.engine.alarms.standing is None:  # noqa: ASYNC110
                await trio.sleep(0.01)
        assert bob.engine.ledger.log_state().position == known
        assert "later.txt" not in bob.hands.texts()


def bob_state(member):
    replica = open_replica(member._home.database)
    position = replica.cursor.load().position
    replica.close()
    return position
