"""Placing in a folder in which somebody has just been at work."""

import pytest

from cozysync_conflict import NodeId
from tests.suites.memory_disk import contents
from tests.unit.sync.desks import put, sitting

pytestmark = pytest.mark.usefixtures("autojump_clock")


async def test_a_directory_stays_as_long_as_something_is_known_to_be_in_it(tmp_path):
    """With the directory gone, nobody would ever look for what had been in it."""
    with sitting(tmp_path) as (desk, person, _):
        person.mkdir(b"d")
        put(person, b"d/a", b"text")
        await desk.intake.take()
        node = desk.node(b"d/a")
        desk.move((b"d/a", b"b"))
        desk.delete(b"d")
        person.rename(b"d/a", b"x")
        await desk.place()
        assert desk.index.path(node) == b"d/a"
        desk.intake.mark([b"", b"d"])
        await desk.intake.take()
        await desk.place()
        assert desk.index.path(node) == b"x"
        assert person.lstat(b"d") is None
        assert person.open(b"x").read() == b"text"


@pytest.mark.parametrize("deed", ["edited", "moved"])
async def test_a_row_below_a_directory_that_has_none_keeps_nothing_from_coming(tmp_path, deed):
    """Nobody knew where it stood, so it was fetched and put nowhere, over and over."""
    with sitting(tmp_path) as (desk, person, _):
        put(person, b"a", b"text")
        await desk.intake.take()
        node = desk.node(b"a")
        person.unlink(b"a")
        nowhere = NodeId(b"\x01" + bytes(15))
        desk.index.put([desk.index.row(node)._replace(parent=nowhere)])
        if deed == "edited":
            desk.write_to(node, b"edited")
        else:
            desk.move_to(node, desk.folder, b"b")
        await desk.place()
        await desk.place()
        path, text = (b"a", b"edited") if deed == "edited" else (b"b", b"text")
        assert person.open(path).read() == text


async def test_rows_that_nobody_can_reach_are_forgotten_in_a_recovery(tmp_path):
    with sitting(tmp_path) as (desk, person, _):
        put(person, b"a", b"text")
        await desk.intake.take()
        node = desk.node(b"a")
        desk.index.put([desk.index.row(node)._replace(parent=NodeId(b"\x01" + bytes(15)))])
        await desk.ledger.do(desk.placing.recover)
        assert desk.index.row(node) is None


async def test_what_takes_the_place_of_something_held_leaves_no_rows_behind(tmp_path):
    with sitting(tmp_path) as (desk, person, _):
        person.mkdir(b"d")
        for n in range(60):
            put(person, b"d/%d" % n, b"%d" % n)
        await desk.intake.take()
        desk.intake._guard._share = 0.5
        for n in range(60):
            person.unlink(b"d/%d" % n)
        person.rmdir(b"d")
        put(person, b"d", b"a file now")
        for _ in range(2):
            desk.intake.mark(None)
            await desk.intake.take()
        assert all(desk.index.path(node) is not None for node in desk.index.nodes())
        assert len(desk.intake.unplaced) == 61
        for _ in range(4):
            await desk.place()
        shown = {node.data for node in contents(desk.files.root).values()}
        assert shown >= {b"%d" % n for n in range(60)} | {b"a file now"}
