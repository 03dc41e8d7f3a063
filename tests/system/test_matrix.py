"""The matrix on real daemons that were cut off from each other: the server was stopped."""

import time

import pytest

from tests.suites.matrix import BASE, ROWS
from tests.system.world import Hands, World, texts

pytestmark = pytest.mark.system

# The one deed is seen and stamped before the other is done; rows hold in either order.
BETWEEN_S = 1.0


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """For every row and order: what the three devices show in the end."""
    world = World(tmp_path_factory.mktemp("world"), "ann", "bob", "eve")
    try:
        world.bind()
        ann, bob, _ = world.devices
        places = [f"{order}{n}" for n in range(len(ROWS)) for order in ("ab", "ba")]
        for place in places:
            hands = Hands(ann.folder / place)
            for directory in ("d", "e"):
                hands.mkdir(directory)
            for path, text in BASE.items():
                hands.write(path, text)
        world.settle()
        world.server.end()
        for n, row in enumerate(ROWS):
            row.a(Hands(ann.folder / f"ab{n}"))
        time.sleep(BETWEEN_S)
        for n, row in enumerate(ROWS):
            row.b(Hands(bob.folder / f"ab{n}"))
            row.b(Hands(bob.folder / f"ba{n}"))
        time.sleep(BETWEEN_S)
        for n, row in enumerate(ROWS):
            row.a(Hands(ann.folder / f"ba{n}"))
        time.sleep(BETWEEN_S)
        world.server.start()
        world.settle()
        return {place: [texts(d.folder / place) for d in world.devices] for place in places}
    finally:
        world.close()


@pytest.mark.parametrize("order", ["ab", "ba"])
@pytest.mark.parametrize("n", range(len(ROWS)), ids=[row.name for row in ROWS])
def test_both_deeds_are_brought_together(shown, n, order):
    trees = shown[f"{order}{n}"]
    assert trees[0] == trees[1] == trees[2]
    assert ROWS[n].holds(trees[0]), trees[0]
