"""A replica that is lost, damaged or set aside is built anew from the server and the folder."""

import pytest
import trio

from cozysync.sync.alarm import AlarmKind
from cozysync.sync.anew import rejoin
from tests.engine.test_gone_back import fork, lived
from tests.suites.fleet import fleet


@pytest.fixture
async def office(tmp_path):
    async with fleet(tmp_path, "ann", "bob") as found:
        with trio.fail_after(100):
            await lived(found)
            yield found


def removed(path):
    path.unlink()


def zeroed(path):
    path.write_bytes(bytes(path.stat().st_size))


def truncated(path):
    path.write_bytes(path.read_bytes()[:5000])


def emptied(path):
    path.write_bytes(b"")


def flipped(path):
    data = bytearray(path.read_bytes())
    for at in range(4096, len(data), 4096):
        data[at] ^= 0xFF  # of which kind each page is
    path.write_bytes(data)


HARMS = [removed, zeroed, truncated, emptied, flipped]


def copies(shown):
    return [path for path in shown if "conflict" in path or "(" in path]


@pytest.mark.parametrize("harm", HARMS)
async def test_nothing_changes_when_the_database_is_lost_and_nothing_else(office, harm):
    ann, _ = office.members
    shown = await office.settle()
    end = office.server.state.position
    await ann.stop()
    harm(ann._home.database)
    await ann.start()
    assert await office.settle() == shown
    assert office.server.state.position == end, "it had nothing to say"


@pytest.mark.parametrize("harm", [zeroed, flipped])
async def test_a_damaged_database_is_set_aside_and_told_of(office, harm):
    ann, _ = office.members
    await ann.stop()
    harm(ann._home.database)
    damaged = ann._home.database.read_bytes()
    await ann.start()
    await office.settle()
    (told,) = ann.engine.status().attention
    assert "damaged" in told.reason
    (aside,) = ann._home.root.glob("set-aside-*")
    assert told.path == str(aside)
    assert (aside / "replica.db").read_bytes() == damaged


@pytest.mark.parametrize("harm", [removed, zeroed])
async def test_what_happened_meanwhile_comes_in_and_what_others_deleted_stays_away(office, harm):
    ann, bob = office.members
    bob.hands.mkdir("gone")
    bob.hands.write("gone/deep", "deep")
    bob.hands.write("moves", "moves")
    bob.hands.write("edited", "first")
    await office.settle()
    await ann.stop()
    harm(ann._home.database)
    bob.hands.delete("ann.txt")
    bob.hands.delete("gone")
    bob.hands.move("moves", "moved elsewhere")
    bob.hands.write("edited", "second")
    bob.hands.write("fresh", "fresh")
    await bob.settle()
    expected = bob.hands.texts()
    ann.hands.write("mine", "never sent")
    await ann.start()
    assert await office.settle() == {**expected, "mine": "never sent"}


async def test_a_directory_deleted_elsewhere_lives_on_when_something_new_is_in_it(office):
    ann, bob = office.members
    bob.hands.mkdir("gone")
    bob.hands.write("gone/old", "old")
    await office.settle()
    await ann.stop()
    removed(ann._home.database)
    bob.hands.delete("gone")
    await bob.settle()
    ann.hands.write("gone/new", "new")
    await ann.start()
    shown = await office.settle()
    assert shown["gone/new"] == "new"
    assert "gone/old" not in shown


async def test_an_edit_that_was_never_sent_is_not_lost(office):
    ann, bob = office.members
    await ann.stop()
    removed(ann._home.database)
    ann.hands.write("last", "ann's edit")
    bob.hands.write("last", "bob's edit")
    await bob.settle()
    await ann.start()
    shown = await office.settle()
    assert {"ann's edit", "bob's edit"} <= set(shown.values())


async def test_a_file_made_after_the_first_look_is_new_whatever_once_stood_there(office):
    ann, bob = office.members
    await ann.stop()
    removed(ann._home.database)
    await ann.start()
    await office.settle()
    disk = ann._ground.only
    time = disk.lstat(b"last").mtime_ns
    bob.hands.delete("last")
    await office.settle()
    ann.hands.write("last", "last")
    disk.set_mtime(b"last", time)  # as from a backup, or out of the trash
    assert (await office.settle())["last"] == "last"


async def test_rejoining_is_the_way_out_of_two_histories(tmp_path):
    async with fleet(tmp_path, "ann", "bob", "cem") as office:
        with trio.fail_after(100):
            ann, bob, cem = office.members
            ann.hands.write("both", "first")
            await lived(office)
            cem.remote.unplug()
            position = office.server.state.position
            ann.hands.write("lost new", "in the lost history")
            ann.hands.write("both", "second, lost")
            ann.hands.delete("last")
            await office.settle(ann, bob)
            others, _ = await fork(office, position)
            for member in others:
                await member.engine.settle()
                assert member.engine.alarms.standing.kind is AlarmKind.FORK
                await member.stop()
                rejoin(member._home)
                await member.start()
            shown = await office.settle()
            assert shown["between"] == "written in between"
            assert shown["lost new"] == "in the lost history"
            assert shown["both"] == "second, lost"
            assert not copies(shown)
            assert all(member.engine.alarms.standing is None for member in office.members)
            for member in others:
                assert list(member._home.root.glob("set-aside-*"))
