"""Restoring and rewinding, through whole engines in memory."""

import pytest
import trio

from cozysync.sync.inbox import LookAgain
from cozysync.sync.restore import NothingThere
from cozysync.sync.rewind import NoSuchDevice
from tests.suites.fleet import fleet


@pytest.fixture
async def office(tmp_path):
    async with fleet(tmp_path, "ann", "bob") as found:
        with trio.fail_after(60):
            hands = found.members[0].hands
            hands.mkdir("d")
            for path in ("f", "d/a", "d/b", "g"):
                hands.write(path, f"{path} at first")
            await found.settle()
            yield found


def moment(office):
    """A time between what was done before and what comes after."""
    office.now.pass_hours(1)
    at = office.now() / 1e9
    office.now.pass_hours(1)
    return at


async def restore(office, path, at=None, who=0):
    member = office.members[who]
    past, there = member.engine.past, member.folder / path
    plan = await past.restore(there, at, None)
    assert (await office.settle()) == (await office.settle()), "telling does nothing"
    await past.restore(there, at, plan.seen)
    return await office.settle(), [
        (line.deed, line.path.rpartition("work/")[2]) for line in plan.lines
    ]


async def rewind(office, device, since):
    past = office.members[0].engine.past
    plan = await past.rewind(device, since, None)
    await past.rewind(device, since, plan.seen)
    shown = await office.settle()
    return shown, {line.path.rpartition("work/")[2]: line.deed for line in plan.lines}


START = {"f": "f at first", "d/a": "d/a at first", "d/b": "d/b at first", "g": "g at first"}


async def test_a_file_as_it_was_before_the_last_change(office):
    _, bob = office.members
    for text in ("second", "third"):
        office.now.pass_hours(1)
        bob.hands.write("f", text)
        await office.settle()
    shown, lines = await restore(office, "f")
    assert shown == START | {"f": "second"}
    assert lines == [("restore", "f")]
    shown, _ = await restore(office, "f")
    assert shown["f"] == "third", "a restore is a change like any other"


async def test_a_file_as_it_was_at_a_time(office):
    first = moment(office)
    office.members[1].hands.write("f", "second")
    await office.settle()
    second = moment(office)
    office.members[0].hands.write("f", "third")
    await office.settle()
    assert (await restore(office, "f", second))[0]["f"] == "second"
    assert (await restore(office, "f", first))[0]["f"] == "f at first"


async def test_what_was_deleted_comes_back_with_the_directories_above(office):
    _, bob = office.members
    bob.hands.delete("d")
    bob.hands.delete("f")
    await office.settle()
    assert (await restore(office, "d/a"))[0] == {"g": "g at first", "d/a": "d/a at first"}
    assert (await restore(office, "f"))[0]["f"] == "f at first"
    assert (await restore(office, "d/b", who=1))[0] == START


async def test_a_folder_as_it_was_leaves_what_came_since(office):
    _, bob = office.members
    at = moment(office)
    bob.hands.write("d/a", "changed")
    bob.hands.delete("d/b")
    bob.hands.move("g", "d/g")
    bob.hands.write("d/new", "new")
    bob.hands.move("f", "other name")
    await office.settle()
    shown, _ = await restore(office, "", at)
    assert shown == START | {"d/new": "new"}


async def test_a_directory_as_it_was_copies_back_what_lives_elsewhere_by_now(office):
    bob = office.members[1]
    at = moment(office)
    bob.hands.move("d/a", "a")
    await office.settle()
    shown, lines = await restore(office, "d", at)
    assert shown == START | {"a": "d/a at first"}
    assert [deed for deed, _ in lines] == ["copy back"]


async def test_a_name_that_is_taken_by_now_gets_the_old_content(office):
    bob = office.members[1]
    at = moment(office)
    bob.hands.delete("f")
    await office.settle()
    bob.hands.write("f", "another file")
    await office.settle()
    shown, _ = await restore(office, "f", at)
    assert shown == START


async def test_where_nothing_was_there_is_a_clear_answer(office):
    ann = office.members[0]
    before = office.now() / 1e9 - 86_400
    for path, at in (("nope", None), ("f", before), ("d", None), ("f", None)):
        with pytest.raises(NothingThere):
            await ann.engine.past.restore(ann.folder / path, at, None)


async def test_a_plan_that_is_another_by_now_is_not_carried_out(office):
    ann, bob = office.members
    at = moment(office)
    bob.hands.write("d/a", "changed")
    await office.settle()
    plan = await ann.engine.past.restore(ann.folder / "d", at, None)
    bob.hands.delete("d/b")
    await office.settle()
    with pytest.raises(LookAgain):
        await ann.engine.past.restore(ann.folder / "d", at, plan.seen)


# --- undo -------------------------------------------------------------------------------------


async def test_one_devices_deeds_are_taken_back_and_others_stay(office):
    ann, bob = office.members
    ann.hands.write("of ann", "x")
    await office.settle()
    since = moment(office)
    bob.hands.write("f", "ENCRYPTED")
    bob.hands.delete("d")
    bob.hands.move("g", "moved")
    bob.hands.write("ransom", "pay")
    bob.hands.write("of ann", "ENCRYPTED")
    await office.settle()
    ann.hands.write("of ann", "by ann, again")
    ann.hands.write("later", "y")
    await office.settle()
    shown, lines = await rewind(office, "bob", since)
    assert shown == START | {"of ann": "by ann, again", "later": "y"}
    assert lines["of ann"] == "leave"
    assert lines["ransom"] == "delete"
    plan = await ann.engine.past.rewind("bob", since, None)
    assert [line.deed for line in plan.lines if line.deed != "leave"] == []


async def test_what_was_there_before_the_time_stays(office):
    _, bob = office.members
    bob.hands.write("f", "good work")
    await office.settle()
    since = moment(office)
    bob.hands.write("f", "bad work")
    await office.settle()
    shown, _ = await rewind(office, "bob", since)
    assert shown == START | {"f": "good work"}


async def test_a_merge_loses_only_the_devices_part(office):
    ann, bob = office.members
    text = "one\n\n\ntwo\n\n\nthree\n"
    ann.hands.write("f", text)
    await office.settle()
    since = moment(office)
    for member, change in ((ann, ("one", "1")), (bob, ("three", "3"))):
        member.remote.unplug()
        member.hands.write("f", text.replace(*change))
        await member.look()
    for member in office.members:
        member.remote.plug()
    assert (await office.settle())["f"] == "1\n\n\ntwo\n\n\n3\n"
    shown, _ = await rewind(office, "bob", since)
    assert shown["f"] == "1\n\n\ntwo\n\n\nthree\n"


async def test_a_device_that_nobody_knows_is_named(office):
    with pytest.raises(NoSuchDevice, match="eve"):
        await office.members[0].engine.past.rewind("eve", 0, None)
