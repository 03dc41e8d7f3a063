"""Deletions that wait for a person, through whole engines."""

from contextlib import asynccontextmanager

import pytest

from cozysync.sync.inbox import LookAgain
from tests.suites.fleet import fleet

COUNT = 60


@asynccontextmanager
async def filled(root):
    async with fleet(root, "ann", "bob") as both:
        ann, _ = both.members
        ann.hands.mkdir("d")
        for n in range(COUNT):
            ann.hands.write(f"d/{n}", f"text {n}")
        ann.hands.write("stays", "x")
        await both.settle()
        yield both


async def held(member):
    await member.engine.settle()
    (found,) = member.engine.approvals.list()
    return found


async def decide(member, found, allow):
    await member.engine.approvals.decide(member.folder, found["seen"], allow=allow)


async def test_what_is_approved_is_deleted_everywhere(tmp_path):
    async with filled(tmp_path) as both:
        ann, bob = both.members
        ann.hands.delete("d")
        found = await held(ann)
        assert (found["count"], found["entries"]) == (COUNT + 1, ["d"])
        await bob.settle()
        assert len(bob.hands.texts()) == COUNT + 1
        await decide(ann, found, allow=True)
        assert await both.settle() == {"stays": "x"}
        assert ann.engine.approvals.list() == []


async def test_what_is_denied_comes_back(tmp_path):
    async with filled(tmp_path) as both:
        ann, _ = both.members
        ann.hands.delete("d")
        await decide(ann, await held(ann), allow=False)
        assert len(await both.settle()) == COUNT + 1


async def test_only_what_was_shown_is_decided_about(tmp_path):
    async with filled(tmp_path) as both:
        ann, bob = both.members
        ann.hands.delete("d")
        found = await held(ann)
        ann.hands.delete("stays")
        with pytest.raises(LookAgain):
            await decide(ann, found, allow=True)
        await bob.settle()
        assert len(bob.hands.texts()) == COUNT + 1


async def test_a_slow_removal_is_held_in_the_end(tmp_path):
    async with filled(tmp_path) as both:
        ann, bob = both.members
        for n in range(COUNT):
            ann.hands.delete(f"d/{n}")
            if n % 10 == 9:
                await ann.engine.settle()
        found = await held(ann)
        assert found["earlier"] + found["count"] == COUNT
        await bob.settle()
        assert len(bob.hands.texts()) == found["count"] + 1
        await ann.stop()
        await ann.start()
        again = await held(ann)
        assert (again["count"], again["seen"]) == (found["count"], found["seen"])
        await decide(ann, again, allow=False)
        assert len(await both.settle()) == found["count"] + 1


async def test_a_repacked_repository_needs_nobody(tmp_path):
    async with filled(tmp_path) as both:
        ann, bob = both.members
        ann.hands.mkdir("r")
        ann.hands.mkdir("r/.git")
        for n in range(200):
            ann.hands.write(f"r/.git/{n}", f"object {n}")
        await both.settle()
        for n in range(200):
            ann.hands.delete(f"r/.git/{n}")
        ann.hands.write("r/.git/pack", "all")
        await both.settle()
        assert "r/.git/pack" in bob.hands.texts()
        assert "r/.git/7" not in bob.hands.texts()
