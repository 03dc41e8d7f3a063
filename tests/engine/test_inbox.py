"""Deciding about conflicts, through whole engines in memory."""

import pytest
import trio

from cozysync.sync.inbox import LookAgain, NoSuchConflict
from cozysync_conflict import Policy
from tests.suites.fleet import fleet

TEXT = "one\n\n\ntwo\n\n\nthree\n"


@pytest.fixture
async def office(tmp_path):
    async with fleet(tmp_path, "ann", "bob") as found:
        with trio.fail_after(60):
            found.members[0].hands.write("f.txt", TEXT)
            await found.settle()
            yield found


async def clash(office, ann_text="A\n", bob_text="B\n", path="f.txt"):
    """Bob's edit is the later one."""
    for member, text in zip(office.members, (ann_text, bob_text), strict=True):
        member.remote.unplug()
        member.hands.write(path, text)
        office.now.pass_hours(1)
        await member.look()
    for member in office.members:
        member.remote.plug()
    return await office.settle()


async def the_one(member):
    (found,) = await member.engine.inbox.conflicts()
    return found


async def decide(office, member, choice, *, anyway=False):
    found = await the_one(member)
    await member.engine.inbox.decide(found.id[:6], choice, seen=found.seen, anyway=anyway)
    return await office.settle()


def copies(shown):
    return [path for path in shown if "conflict" in path]


async def test_the_same_record_is_on_all_devices_and_counted_in_status(office):
    await clash(office)
    ann, bob = office.members
    here, there = await the_one(ann), await the_one(bob)
    assert (here.id, here.state, here.outcome) == (there.id, "open", "beside")
    assert [v["device"] for v in here.versions] == [v["device"] for v in there.versions]
    assert ann.engine.status().conflicts == bob.engine.status().conflicts == 1
    assert [await bob.engine.inbox.content(here.id, n) for n in (1, 2, 0)] == [
        b"A\n", b"B\n", b"B\n",
    ]  # fmt: skip


@pytest.mark.parametrize(("choice", "text"), [("1", "A\n"), ("2", "B\n"), ("current", "B\n")])
async def test_what_is_decided_anywhere_is_decided_everywhere(office, choice, text):
    await clash(office)
    assert await decide(office, office.members[0], choice) == {"f.txt": text}
    for member in office.members:
        assert (await the_one(member)).state == "decided"
        assert member.engine.status().conflicts == 0


async def test_both_may_be_kept(office):
    await clash(office)
    shown = await decide(office, office.members[1], "both")
    assert sorted(shown.values()) == ["A\n", "B\n"]
    assert office.members[0].engine.status().conflicts == 0


@pytest.mark.parametrize("choice", ["1", "2", "both"])
async def test_a_decision_can_be_taken_back(office, choice):
    before = await clash(office)
    await decide(office, office.members[0], choice)
    assert await decide(office, office.members[1], "undo") == before
    assert (await the_one(office.members[0])).state == "open"
    assert await decide(office, office.members[0], "1") == {"f.txt": "A\n"}


async def test_a_decision_looks_again_before_it_acts(office):
    await clash(office)
    ann, bob = office.members
    found = await the_one(ann)
    bob.hands.write("f.txt", "B, and more\n")
    await office.settle()
    with pytest.raises(LookAgain, match="since you looked"):
        await ann.engine.inbox.decide(found.id, "1", seen=found.seen, anyway=True)
    fresh = await the_one(ann)
    assert fresh.edited
    with pytest.raises(LookAgain, match="edited since"):
        await ann.engine.inbox.decide(found.id, "1", seen=fresh.seen, anyway=False)
    assert await decide(office, ann, "current") == {"f.txt": "B, and more\n"}


async def test_an_edit_made_since_can_be_replaced_on_purpose_and_comes_back(office):
    await clash(office)
    ann, bob = office.members
    bob.hands.write("f.txt", "B, and more\n")
    before = await office.settle()
    assert await decide(office, ann, "1", anyway=True) == {"f.txt": "A\n"}
    assert await decide(office, bob, "undo") == before


async def test_throwing_the_copy_away_by_hand_settles_it(office):
    (copy,) = copies(await clash(office))
    office.members[0].hands.delete(copy)
    await office.settle()
    assert [(await the_one(member)).state for member in office.members] == ["closed"] * 2


@pytest.mark.parametrize("chooser", [0, 1])
async def test_putting_the_copy_in_the_place_of_the_other_chooses_it(office, chooser):
    """It was taken for what another device had said already, and undone; the copy was gone."""
    shown = await clash(office)
    (copy,) = copies(shown)
    member = office.members[chooser]
    member.hands.delete("f.txt")
    member.hands.move(copy, "f.txt")
    assert await office.settle() == {"f.txt": shown[copy]}


@pytest.mark.parametrize("chooser", [0, 1])
async def test_a_copy_of_the_copy_over_the_other_chooses_it(office, chooser):
    shown = await clash(office)
    (copy,) = copies(shown)
    office.members[chooser].hands.write("f.txt", shown[copy])
    after = await office.settle()
    assert after["f.txt"] == shown[copy]


async def test_what_was_merged_is_listed_and_can_be_taken_apart(office):
    merged = await clash(office, TEXT.replace("one", "1"), TEXT.replace("three", "3"))
    assert merged == {"f.txt": TEXT.replace("one", "1").replace("three", "3")}
    ann = office.members[0]
    assert (await the_one(ann)).state == "merged"
    assert ann.engine.status().conflicts == 0
    assert await decide(office, ann, "1") == {"f.txt": TEXT.replace("one", "1")}
    assert await decide(office, ann, "undo") == merged
    shown = await decide(office, ann, "both")
    assert sorted(shown.values()) == [TEXT.replace("one", "1"), TEXT.replace("three", "3")]
    assert await decide(office, ann, "undo") == merged


async def test_a_folder_may_keep_conflicts_in_the_inbox(office):
    ann, bob = office.members
    await ann.engine.set_policy(ann.folder, Policy.INBOX)
    await office.settle()
    assert await clash(office) == {"f.txt": "B\n"}
    assert (await the_one(bob)).outcome == "inbox"
    assert await decide(office, bob, "1") == {"f.txt": "A\n"}
    assert await decide(office, ann, "undo") == {"f.txt": "B\n"}
    shown = await decide(office, ann, "both")
    assert sorted(shown.values()) == ["A\n", "B\n"]


async def test_an_id_that_is_nobodys_is_refused(office):
    with pytest.raises(NoSuchConflict):
        await office.members[0].engine.inbox.decide("nope", "1", seen="", anyway=False)


async def test_two_edits_of_something_large_are_merged_through_the_server(office):
    large = "".join(f"{n} {'x' * 50}\n" for n in range(2000))
    ann, _ = office.members
    ann.hands.write("f.txt", large)
    await office.settle()
    one, other = large.replace("3 x", "3 ann"), large.replace("1500 x", "1500 bob")
    merged = await clash(office, one, other)
    assert copies(merged) == []
    assert merged["f.txt"] == one.replace("1500 x", "1500 bob")


async def test_two_large_files_that_do_not_merge_are_kept(office):
    one, other = "a" * 5000, "b" * 5000
    shown = await clash(office, one, other)
    assert sorted(shown.values()) == [one, other]


async def test_a_file_is_left_alone_while_its_merge_is_on_its_way(office):
    """Showing the later version meanwhile would change the file twice under somebody's hands."""
    large = "".join(f"{n} {'x' * 50}\n" for n in range(200))
    ann, bob = office.members
    ann.hands.write("f.txt", large)
    await office.settle()
    merger, may_merge = bob.engine._merger, trio.Event()
    merge = merger._one

    async def later(contested):
        await may_merge.wait()
        await merge(contested)

    merger._one = later
    bob.remote.unplug()
    bob.hands.write("f.txt", "short, and of bob\n")
    await bob.look()
    ann.hands.write("f.txt", large.replace("3 x", "3 ann"))
    await ann.settle()
    ann.remote.unplug()  # or she would settle it
    bob.remote.plug()
    while not bob.engine.ledger.merges.waiting():  # noqa: ASYNC110
        await trio.sleep(0.01)
    await bob.look()
    assert bob.hands.texts() == {"f.txt": "short, and of bob\n"}
    may_merge.set()
    ann.remote.plug()
    shown = await office.settle()
    assert sorted(shown.values()) == [large.replace("3 x", "3 ann"), "short, and of bob\n"]


async def test_one_who_returns_settles_the_end_of_a_story_and_not_each_step(tmp_path):
    async with fleet(tmp_path, "ann", "laptop", frames_at_once=1) as office:
        with trio.fail_after(60):
            ann, laptop = office.members
            ann.hands.write("f.txt", TEXT)
            await office.settle()
            laptop.remote.unplug()
            for n in range(5):
                ann.hands.write("f.txt", f"step {n}\n")
                await ann.settle()
            laptop.hands.write("f.txt", "of the laptop\n")
            await laptop.look()
            laptop.remote.plug()
            shown = await office.settle()
            assert sorted(shown.values()) == ["of the laptop\n", "step 4\n"]


MONTHS = 24 * 40  # after which little of a day's versions is kept


async def forget(office):
    office.now.pass_hours(MONTHS)
    for member in office.members:
        await member.engine.past.let_go()


async def test_what_waits_in_the_inbox_is_not_let_go_of(office):
    ann, bob = office.members
    await ann.engine.set_policy(ann.folder, Policy.INBOX)
    await office.settle()
    assert await clash(office) == {"f.txt": "B\n"}
    await forget(office)
    assert await decide(office, bob, "1") == {"f.txt": "A\n"}


async def test_a_version_that_history_has_let_go_of_cannot_be_chosen(office):
    await clash(office)
    ann = office.members[0]
    assert await decide(office, ann, "2") == {"f.txt": "B\n"}
    await forget(office)
    with pytest.raises(NoSuchConflict, match="let go"):
        await decide(office, ann, "1")
    assert await office.settle() == {"f.txt": "B\n"}
