"""Placing in a folder in which somebody has just been at work."""

import pytest

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
