"""A server that has gone back in time is given back what it lost, by whoever knows it."""

import pytest
import trio

from cozysync.sync.alarm import AlarmKind
from cozysync.sync.remote import Refused
from cozysync_conflict import heads
from cozysync_protocol import ErrorCode
from tests.engine.test_life import rows, some_work, truncated
from tests.suites.fleet import enrol, fleet

EVERYBODY = {2: ("ann", "bob"), 3: ("ann", "bob", "cem")}


async def lived(office):
    """A vault with a past: short contents, moves, a deletion; every device has written."""
    for n, member in enumerate(office.members):
        member.hands.write(f"{member.name}.txt", f"by {member.name}")
        member.hands.write(f"shared {n}", "first")
        await office.settle()
    office.members[0].hands.move("shared 1", "moved")
    office.members[-1].hands.delete("shared 0")
    await office.settle()
    office.members[-1].hands.write("last", "last")
    return await office.settle()


def heads_of(server):
    return [frame.head for frame in server.frames]


@pytest.mark.parametrize("count", [2, 3])
async def test_whatever_the_server_has_lost_comes_back_as_it_was(tmp_path, count):
    async with fleet(tmp_path, *EVERYBODY[count]) as office:
        with trio.fail_after(100):
            shown = await lived(office)
            before = heads_of(office.server)
            for position in range(count + 1, len(before)):
                for member in office.members:
                    member.remote.unplug()
                office.server.go_back(position)
                assert heads_of(office.server) == before[:position]
                for member in office.members:
                    member.remote.plug()
                assert await office.settle() == shown
                assert heads_of(office.server) == before
                assert all(member.engine.alarms.standing is None for member in office.members)


async def test_what_was_read_since_an_entry_was_first_sent_is_not_left_out(tmp_path):
    """It is sent again and again; then a server takes it that has lost what came meanwhile."""
    async with fleet(tmp_path, "ann", "bob") as office:
        with trio.fail_after(60):
            await lived(office)
            ann, bob = office.members
            bob.remote.mute = True
            bob.hands.write("new", "on its way for long")
            await bob.look()
            await bob.until(bob.engine.replica.outbox.count)
            ann.hands.write("more", "read by bob meanwhile")
            await ann.settle()
            end = office.server.state.position
            await bob.until(lambda: bob.engine._puller._received == end)
            ann.remote.unplug()
            office.server.go_back(end - 1)
            bob.remote.mute = False
            await bob.until(lambda: office.server.state.position > end)
            ann.remote.plug()
            shown = await office.settle()
            assert {"new", "more"} <= shown.keys()
            assert all(member.engine.alarms.standing is None for member in office.members)


async def test_a_snapshot_that_meets_a_server_gone_back_is_no_alarm(tmp_path):
    async with fleet(tmp_path, "ann", "bob") as office:
        with trio.fail_after(60):
            shown = await lived(office)
            ann, _ = office.members
            set_snapshot = ann.remote.set_snapshot

            async def too_late(*pointer):
                for member in office.members:
                    member.remote.unplug()
                office.server.go_back(office.server.state.position - 2)
                for member in office.members:
                    member.remote.plug()
                await set_snapshot(*pointer)

            ann.remote.set_snapshot = too_late
            assert not await ann.engine.upkeep.snapshots.make(only_if_due=False)
            assert await office.settle() == shown
            assert ann.engine.alarms.standing is None


async def test_it_comes_back_without_anybody_asking(tmp_path):
    async with fleet(tmp_path, "ann", "bob") as office:
        with trio.fail_after(60):
            await lived(office)
            before = heads_of(office.server)
            ann, bob = office.members
            for member in office.members:
                member.remote.unplug()
            office.server.go_back(len(before) - 2)
            ann.remote.plug()
            await office.server.grown(len(before) - 1)
            assert heads_of(office.server) == before
            bob.remote.plug()


async def test_edits_made_while_it_was_away_follow_what_comes_back(tmp_path):
    async with fleet(tmp_path, "ann", "bob", "cem") as office:
        with trio.fail_after(60):
            await lived(office)
            before = heads_of(office.server)
            for member in office.members:
                member.remote.unplug()
                member.hands.write(f"new by {member.name}", "written meanwhile")
                await member.look()
            office.server.go_back(len(before) - 3)
            for member in office.members:
                member.remote.plug()
            shown = await office.settle()
            assert heads_of(office.server)[: len(before)] == before
            assert {f"new by {m.name}" for m in office.members} <= shown.keys()


async def test_an_entry_that_was_sent_and_lost_before_anybody_read_it_is_sent_again(tmp_path):
    async with fleet(tmp_path, "ann", "bob") as office:
        with trio.fail_after(60):
            await lived(office)
            ann, bob = office.members
            end = len(office.server.frames)
            bob.remote.unplug()
            # Ann hears that it was taken, and the server dies before she reads it back.
            ann.remote.deaf = True
            ann.hands.write("fresh", "sent")
            await ann.look()
            while ann.engine.replica.outbox.reached() <= end:  # noqa: ASYNC110
                await trio.sleep(0.01)
            ann.remote.unplug()
            office.server.go_back(end)
            ann.remote.deaf = False
            ann.remote.plug()
            bob.remote.plug()
            assert (await office.settle())["fresh"] == "sent"


async def test_a_device_that_the_server_has_forgotten_waits_for_another(tmp_path):
    async with fleet(tmp_path, "ann", "bob") as office:
        with trio.fail_after(60):
            shown = await lived(office)
            ann, bob = office.members
            for member in office.members:
                member.remote.unplug()
            office.server.go_back(1)  # Bob was not enrolled yet
            bob.remote.plug()
            while not bob.engine.link.is_stranger:  # noqa: ASYNC110
                await trio.sleep(0.01)
            status = bob.engine.status()
            assert str(status.state) == "attention"
            assert "cozysync give --invite" in status.attention[0].remedy
            ann.remote.plug()
            assert await office.settle() == shown
            assert not bob.engine.status().attention


@pytest.mark.parametrize("who", [0, 1])
async def test_an_empty_server_is_given_everything_by_any_device(tmp_path, who):
    async with fleet(tmp_path, "ann", "bob") as office:
        with trio.fail_after(60):
            shown = await lived(office)
            before = heads_of(office.server)
            office.server.go_back(0)
            await office.members[who].engine.give("code")
            assert await office.settle() == shown
            assert heads_of(office.server) == before


async def began_with_a_snapshot(office):
    """Only the last has stayed, who came when the log did not begin at its start any more."""
    *others, last = office.members
    some_work(others[0].hands)
    await office.settle(*others)
    await truncated(office, *others)
    await enrol(others[0], last)
    others[0].hands.write("later.txt", "after the snapshot\n")
    await office.settle(*others)
    await last.start()
    shown = await office.settle()
    return shown, office.server.start


async def test_who_began_with_a_snapshot_gives_an_empty_server_a_beginning(tmp_path):
    async with fleet(tmp_path, "ann", "bob", "cat", late=1, outside=1) as office:
        with trio.fail_after(60):
            ann, bob, cat = office.members
            shown, start = await began_with_a_snapshot(office)
            before = heads_of(office.server)
            for gone in (ann, bob):
                gone.remote.unplug()
            office.server.go_back(0)
            cat.hands.write("meanwhile.txt", "written while there was no server\n")
            await cat.engine.give("code")
            assert office.server.start == start
            for back in (ann, bob):
                back.remote.plug()
            tree = await office.settle()
            assert tree == shown | {"meanwhile.txt": "written while there was no server\n"}
            assert heads_of(office.server)[: len(before)] == before
            assert all(member.engine.alarms.standing is None for member in office.members)


async def test_a_newcomer_begins_with_what_an_empty_server_was_given(tmp_path):
    async with fleet(tmp_path, "ann", "bob", "cat", "dan", late=2, outside=2) as office:
        with trio.fail_after(60):
            ann, bob, cat, dan = office.members
            office.members.remove(dan)
            shown, _ = await began_with_a_snapshot(office)
            for gone in (ann, bob):
                await gone.stop()
            office.server.go_back(0)
            await cat.engine.give("code")
            await enrol(cat, dan)
            await dan.start()
            await dan.until_in_sync()  # once cat has sent again what was in the packs
            assert await office.settle(cat, dan) == shown
            assert rows(dan) == rows(cat)


async def test_a_new_snapshot_takes_the_place_of_one_by_a_device_that_was_revoked_since(tmp_path):
    async with fleet(tmp_path, "ann", "bob", "cat", "dan", late=2, outside=2) as office:
        with trio.fail_after(60):
            ann, bob, cat, dan = office.members
            office.members.remove(dan)
            shown, _ = await began_with_a_snapshot(office)
            await cat.engine.members.revoke("ann")
            await office.settle(bob, cat)
            for gone in (ann, bob):
                await gone.stop()
            office.server.go_back(0)
            await cat.engine.give("code")
            assert await cat.remote.snapshot() == (0, None)
            assert await cat.engine.upkeep.snapshots.make(only_if_due=True)
            await enrol(cat, dan)
            await dan.start()
            await dan.until_in_sync()  # what went with the server is missed until cat has sent it
            assert await office.settle(cat, dan) == shown


async def test_giving_a_beginning_is_taken_up_where_it_broke_off(tmp_path):
    async with fleet(tmp_path, "ann", "bob", "cat", late=1, outside=1) as office:
        with trio.fail_after(60):
            ann, bob, cat = office.members
            shown, start = await began_with_a_snapshot(office)
            for gone in (ann, bob):
                gone.remote.unplug()
            for step in ("begin", "give_back", "put_pack", "set_snapshot"):
                office.server.go_back(0)
                done = getattr(cat.remote, step)
                setattr(cat.remote, step, failing_after(done))
                with pytest.raises(Refused):
                    await cat.engine.give("code")
                setattr(cat.remote, step, done)
                await cat.engine.give("code")
                assert office.server.start == start
                _, pointer = await cat.remote.snapshot()
                assert pointer.position == start
            for back in (ann, bob):
                back.remote.plug()
            assert await office.settle() == shown


def failing_after(call):
    async def fail(*values):
        await call(*values)
        raise Refused(ErrorCode.MALFORMED, "the line broke")

    return fail


BIG = {f"big {n}": f"{n}, " * 60_000 for n in range(5)}


async def everything_can_be_fetched(member):
    downloader = member.engine.repairs._downloader
    for folder, _ in member.engine._folders.values():
        for node in folder._tree.everything():
            for head in heads(folder._tree._store, node):
                recipe = await downloader.recipe(head.content)
                await downloader.chunks([chunk for chunk, _ in recipe.chunks])


@pytest.mark.parametrize("back", [1, 3, 5])
async def test_contents_that_went_with_the_log_are_sent_again(tmp_path, back):
    async with fleet(tmp_path, "ann", "bob") as office:
        with trio.fail_after(60):
            ann, bob = office.members
            for path, text in BIG.items():
                ann.hands.write(path, text)
                await ann.settle()
            assert await office.settle() == BIG
            ann.remote.unplug()
            bob.remote.unplug()
            before = len(office.server.packs)
            office.server.go_back(len(office.server.frames) - back)
            assert len(office.server.packs) == before - back
            bob.remote.plug()  # the one who did not write them has them, too
            while not office.server.lost or len(office.server.packs) < before:  # noqa: ASYNC110
                await trio.sleep(0.01)
            ann.remote.plug()
            assert await office.settle() == BIG
            await everything_can_be_fetched(ann)
            await everything_can_be_fetched(bob)


async def test_an_entry_whose_packs_are_lost_before_it_is_sent_is_taken(tmp_path):
    async with fleet(tmp_path, "ann", "bob") as office:
        with trio.fail_after(60):
            ann, bob = office.members
            ann.remote.mute = True  # packs are taken, entries are not
            ann.hands.write("big", BIG["big 0"])
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ann.engine.settle)
                while not ann.engine.replica.outbox.count():  # noqa: ASYNC110
                    await trio.sleep(0.01)
                nursery.cancel_scope.cancel()
            assert office.server.packs
            office.server.packs.clear()
            ann.remote.mute = False
            await ann.settle()
            assert office.server.lost
            # Ann has to hear that it is missed before she sends it again.
            while not (await bob.engine.settle()).in_sync:  # noqa: ASYNC110
                await trio.sleep(0.1)
            assert await office.settle() == {"big": BIG["big 0"]}
            await everything_can_be_fetched(bob)


async def test_what_reading_a_file_sent_again_is_told_to_everybody(tmp_path):
    async with fleet(tmp_path, "ann", "bob") as office:
        with trio.fail_after(60):
            ann, bob = office.members
            ann.hands.write("big", BIG["big 0"])
            await office.settle()

            async def no_repair():
                return 0

            for member in office.members:
                member.engine.repairs.repair = no_repair
            lost = ann.engine.replica.chunks.packs()
            office.server.packs.clear()
            await ann.engine.ledger.do(lambda: ann.engine.ledger.miss((), lost))
            ann.hands.write("big", BIG["big 0"])  # the same once more: nothing to say of the file
            await office.settle()
            await everything_can_be_fetched(bob)


async def fork(office, position):
    """The last device knows only so much, and writes before the others come back."""
    *others, late = office.members
    for member in office.members:
        member.remote.unplug()
    office.server.go_back(position)
    late.remote.plug()
    late.hands.write("between", "written in between")
    await late.settle()
    for member in others:
        member.remote.plug()
    return others, late


async def test_two_histories_are_an_alarm_and_change_nothing(tmp_path):
    async with fleet(tmp_path, "ann", "bob", "cem") as office:
        with trio.fail_after(60):
            shown = await lived(office)
            *others, late = office.members
            late.remote.unplug()
            position = len(office.server.frames)
            others[0].hands.write("newer", "unknown to the one who was away")
            expected = await office.settle(*others)
            office.server.go_back(position)
            after = heads_of(office.server)
            others, late = await fork(office, position)
            for member in others:
                outcome = await member.engine.settle()
                assert not outcome.in_sync
                assert member.engine.alarms.standing.kind is AlarmKind.FORK
                assert member.hands.texts() == expected
                assert "cozysync rejoin" in member.engine.alarms.standing.remedy
            assert heads_of(office.server)[:position] == after
            assert late.hands.texts() == {**shown, "between": "written in between"}
