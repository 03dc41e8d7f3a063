"""What a person does in a directory that is just being replaced."""

import pytest

from tests.suites.fleet import fleet


@pytest.mark.parametrize("depth", ["c", "c/deep"])
@pytest.mark.parametrize("unseen", ["unseen", "x"])
async def test_what_nobody_had_seen_comes_back_from_aside(tmp_path, depth, unseen):
    """The vault has another directory of that name by now: the old one has to make room."""
    async with fleet(tmp_path, "ann", "bob") as both:
        ann, bob = both.members
        ann.hands.mkdir("c")
        if depth != "c":
            ann.hands.mkdir(depth)
        ann.hands.write(f"{depth}/x", "x")
        await both.settle()
        ann.remote.unplug()
        ann.hands.write(f"{depth}/{unseen}", "not seen by anybody")
        bob.hands.delete("c")
        await bob.settle()
        bob.hands.mkdir("c")
        bob.hands.write("c/new", "new")
        await bob.settle()
        ann.remote.plug()
        await ann.until(lambda: "c/new" in ann.hands.texts())
        tree = await both.settle()
        assert tree["c/new"] == "new"
        assert "not seen by anybody" in tree.values()
