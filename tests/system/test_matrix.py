"""The matrix on real daemons that were cut off from each other."""

import time

import pytest

from tests.suites.matrix import BASE, ROWS
from tests.system.world import Hands, World, texts

pytestmark = pytest.mark.system

# The one deed is seen and stamped before the other is done; rows hold in either order.
BETWEEN_S = 1.0


@pytest.fixture(scope="module")
def server_stopped(tmp_path_factory):
    """For every row and order: what three devices show whose server was away meanwhile."""
    world = World(tmp_path_factory.mktemp("world"), "ann", "bob", "eve")
    try:
        places = furnish(world)
        world.server.end()
        do_the_deeds(world)
        world.server.start()
        world.settle()
        return {place: [texts(d.folder / place) for d in world.devices] for place in places}
    finally:
        world.close()


@pytest.fixture(scope="module")
def daemons_stopped(tmp_path_factory):
    """The same for two devices whose daemons were not running meanwhile."""
    world = World(tmp_path_factory.mktemp("world"), "ann", "bob")
    try:
        places = furnish(world)
        for device in world.devices:
            device.stop()
        do_the_deeds(world)
        for device in world.devices:
            device.start()
            device.settle()
        world.settle()
        return {place: [texts(d.folder / place) for d in world.devices] for place in places}
    finally:
        world.close()


def furnish(world):
    world.bind()
    places = [f"{order}{n}" for n in range(len(ROWS)) for order in ("ab", "ba")]
    for place in places:
        hands = Hands(world.devices[0].folder / place)
        for directory in ("d", "e"):
            hands.mkdir(directory)
        for path, text in BASE.items():
            hands.write(path, text)
    world.settle()
    return places


def do_the_deeds(world):
    ann, bob, *_ = world.devices
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


@pytest.mark.parametrize("order", ["ab", "ba"])
@pytest.mark.parametrize("n", range(len(ROWS)), ids=[row.name for row in ROWS])
@pytest.mark.parametrize("apart", ["server_stopped", "daemons_stopped"])
def test_both_deeds_are_brought_together(apart, n, order, request):
    trees = request.getfixturevalue(apart)[f"{order}{n}"]
    assert all(tree == trees[0] for tree in trees)
    assert ROWS[n].holds(trees[0]), trees[0]
