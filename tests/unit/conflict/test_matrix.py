"""The matrix on the pure core: both orders of time, and a third device that did nothing."""

import pytest

from tests.suites.devices import Clock, Device, sync
from tests.suites.matrix import BASE, ROWS


def play(a_does, b_does, *, a_first):
    now = Clock()
    devices = [Device(name, now) for name in ("ann", "bob", "eve")]
    ann, bob, _ = devices
    for directory in ("d", "e"):
        ann.mkdir(directory)
    for path, text in BASE.items():
        ann.write(path, text)
    sync(*devices)
    deeds = [lambda: a_does(ann), lambda: b_does(bob)]
    for deed in deeds if a_first else reversed(deeds):
        deed()
    sync(*devices)
    trees = [device.tree() for device in devices]
    assert trees[0] == trees[1] == trees[2]
    return {path: text for path, text in trees[0].items() if text is not None}


@pytest.mark.parametrize("a_first", [True, False], ids=["A first", "B first"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_both_deeds_are_brought_together(row, a_first):
    assert row.holds(play(row.a, row.b, a_first=a_first))


@pytest.mark.parametrize("a_first", [True, False], ids=["A first", "B first"])
def test_of_two_names_the_later_one_holds(a_first):
    shown = play(lambda a: a.move("f", "p"), lambda b: b.move("f", "q"), a_first=a_first)
    assert ("q" if a_first else "p") in shown
