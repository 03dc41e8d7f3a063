"""Names that one device's disk takes for one and another's does not."""

from contextlib import asynccontextmanager

import pytest

from tests.suites.fleet import fleet
from tests.suites.folding_disk import FoldingDisk


@asynccontextmanager
async def two(root):
    """Ann's disk tells names apart; bob's folds them."""
    async with fleet(root, "ann", "bob") as both:
        ann, bob = both.members
        await bob.stop()
        bob._ground.only = bob.hands._disk = FoldingDisk(bob._ground.only)
        await bob.start()
        ann.hands.write("a", "first")
        await both.settle()
        yield both, ann, bob


@pytest.mark.parametrize("names", [("a", "A"), ("\u00e9", "e\u0301")])
async def test_a_twin_waits_with_a_reason_and_nothing_is_lost(tmp_path, names):
    one, other = names
    async with two(tmp_path) as (both, ann, bob):
        ann.hands.write(one, "first")
        await both.settle()
        ann.hands.write(other, "second")
        await ann.settle()
        assert not (await bob.engine.settle()).in_sync
        assert bob.hands.texts()[one] == "first"
        assert "takes its name for that of " + one in bob.blocked()[0]
        position = both.server.state.position
        for _ in range(3):  # nobody answers anybody
            await bob.engine.settle()
            await ann.settle()
        assert both.server.state.position == position
        bob.hands.write(one, "edited on the disk that folds")
        await bob.engine.settle()
        await ann.settle()
        shown = ann.hands.texts()
        assert (shown[one], shown[other]) == ("edited on the disk that folds", "second")
        ann.hands.move(other, "renamed")
        assert (await both.settle())["renamed"] == "second"
        assert bob.blocked() == []


async def test_a_directory_that_is_a_twin_waits_with_all_it_holds(tmp_path):
    async with two(tmp_path) as (both, ann, bob):
        ann.hands.mkdir("A")
        ann.hands.write("A/inside", "x")
        await ann.settle()
        assert not (await bob.engine.settle()).in_sync
        assert bob.hands.texts() == {"a": "first"}
        ann.hands.delete("a")
        assert await both.settle() == {"A/inside": "x"}


@pytest.mark.parametrize("doer", ["ann", "bob"])
async def test_a_name_that_is_only_spelt_otherwise_is_a_rename(tmp_path, doer):
    async with two(tmp_path) as (both, ann, bob):
        ann.hands.mkdir("dir")
        ann.hands.write("dir/x", "x")
        await both.settle()
        if doer == "ann":
            ann.hands.move("a", "A")
            ann.hands.move("dir", "Dir")
        else:
            bob.hands._disk.respell(b"a", b"A")
            bob.hands._disk.respell(b"dir", b"Dir")
        assert await both.settle() == {"A": "first", "Dir/x": "x"}
        lines = list(await ann.engine.past.log(None, 50))
        assert not [line for line in lines if line.action == "deleted"]


async def test_an_edit_of_a_file_that_was_respelt_follows_it(tmp_path):
    async with two(tmp_path) as (both, ann, bob):
        ann.hands.move("a", "A")
        bob.hands.write("a", "edited")
        assert await both.settle() == {"A": "edited"}
