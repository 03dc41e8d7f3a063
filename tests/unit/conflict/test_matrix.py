"""The matrix on the pure core: both orders of time, on two devices, and with one that looked on."""

import pytest

from cozysync_conflict import NodeId, Outcome, records_of
from tests.suites.devices import Clock, Device, sync
from tests.suites.matrix import BASE, ROWS


def play(a_does, b_does, *, a_first, count=3):
    """What all devices show in the end, and what their inboxes record."""
    now = Clock()
    devices = [Device(name, now) for name in ("ann", "bob", "eve")[:count]]
    ann, bob, *_ = devices
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
    assert all(tree == trees[0] for tree in trees)
    inboxes = [inbox(device) for device in devices]
    assert all(each == inboxes[0] for each in inboxes)
    return {path: text for path, text in trees[0].items() if text is not None}, inboxes[0]


def inbox(device):
    nodes = [device.store.get(NodeId(node)) for node in sorted(device.store.recorded())]
    return [record for node in nodes for record in records_of(node)]


@pytest.mark.parametrize("count", [2, 3], ids=["two devices", "three devices"])
@pytest.mark.parametrize("a_first", [True, False], ids=["A first", "B first"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_both_deeds_are_brought_together(row, a_first, count):
    shown, _ = play(row.a, row.b, a_first=a_first, count=count)
    assert row.holds(shown)


@pytest.mark.parametrize("a_first", [True, False], ids=["A first", "B first"])
def test_of_two_names_the_later_one_holds(a_first):
    shown, _ = play(lambda a: a.move("f", "p"), lambda b: b.move("f", "q"), a_first=a_first)
    assert ("q" if a_first else "p") in shown


@pytest.mark.parametrize("a_first", [True, False], ids=["A first", "B first"])
def test_of_two_edits_the_later_has_the_name_and_there_is_one_record(a_first):
    shown, records = play(lambda a: a.write("f", "A"), lambda b: b.write("f", "B"), a_first=a_first)
    assert shown["f"] == ("B" if a_first else "A")
    (copy,) = shown.keys() - BASE.keys()
    assert copy.startswith("f (conflict, ")
    (record,) = records
    assert record.outcome is Outcome.BESIDE
    assert len(record.versions) == 2


def test_what_was_merged_is_recorded_and_what_did_not_clash_is_not():
    by_name = {row.name: row for row in ROWS}
    merged = by_name["edits in different lines of a text are one text"]
    _, records = play(merged.a, merged.b, a_first=True)
    assert [record.outcome for record in records] == [Outcome.MERGED]
    for name in ("the same edit on both sides is one file", "an edit outlives a delete"):
        _, records = play(by_name[name].a, by_name[name].b, a_first=True)
        assert records == []


def test_a_node_that_could_not_keep_its_name_is_recorded():
    shown, records = play(lambda a: a.move("f", "n"), lambda b: b.move("g", "n"), a_first=True)
    assert "n" in shown
    assert [(record.outcome, record.name) for record in records] == [(Outcome.RENAMED, b"n")]


@pytest.mark.parametrize("a_first", [True, False], ids=["A first", "B first"])
def test_of_two_nodes_of_one_name_the_first_keeps_it(a_first):
    shown, _ = play(lambda a: a.move("f", "n"), lambda b: b.move("g", "n"), a_first=a_first)
    assert shown["n"] == (BASE["f"] if a_first else BASE["g"])


@pytest.mark.parametrize("a_first", [True, False], ids=["A first", "B first"])
def test_equal_files_moved_to_one_name_are_one(a_first):
    shown, records = play(
        lambda a: (a.write("f", "same"), a.move("f", "n")),
        lambda b: (b.write("g", "same"), b.move("g", "n")),
        a_first=a_first,
    )
    assert shown["n"] == "same"
    assert len(shown) == len(BASE) - 1
    assert records == []
