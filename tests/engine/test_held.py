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


@pytest.mark.parametrize("allow", [True, False], ids=["approved", "denied"])
async def test_what_is_held_is_left_alone_until_it_is_decided(tmp_path, allow):
    """An edit of it elsewhere was fetched and staged over and over, without a pause."""
    async with filled(tmp_path) as both:
        ann, bob = both.members
        ann.hands.delete("d")
        await held(ann)
        bob.hands.write("d/0", "edited")
        bob.hands.write("new", "comes all the same")
        await bob.settle()
        staged = []
        disk = ann.hands._disk
        disk._before = lambda deed, *paths: staged.append(paths) if deed == "create" else None
        await ann.until(lambda: "new" in ann.hands.texts())
        found = await held(ann)
        assert not any(node(bob, "d/0").hex().encode() in path for (path,) in staged)
        await decide(ann, found, allow=allow)
        tree = await both.settle()
        assert tree["d/0"] == "edited"
        assert len(tree) == (3 if allow else COUNT + 2)


def node(member, path):
    ((folder, _),) = member.engine._folders.values()
    return folder._index.find(path.encode())


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
