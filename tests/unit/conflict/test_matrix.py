"""The matrix of conflicts that need no typed merge, on the pure core.

Each row: what both have, what A does, what B does not having seen it, and what everybody shows
afterwards; in both orders of time, and with a third device that did nothing.
"""

import pytest

from tests.suites.devices import Clock, Device, sync

BASE = {"d/a": "1", "d/b": "2", "e/x": "3", "f": "4", "g": "5"}


def row(name, a, b, expected):
    return pytest.param(a, b, expected, id=name)


def gone(tree, *paths):
    return {path: text for path, text in tree.items() if path not in paths}


ROWS = [
    row(
        "the same edit on both sides is one file",
        lambda a: a.write("f", "new"),
        lambda b: b.write("f", "new"),
        {**BASE, "f": "new"},
    ),
    row(
        "an edit follows a renamed file",
        lambda a: a.write("f", "new"),
        lambda b: b.move("f", "d/h"),
        {**gone(BASE, "f"), "d/h": "new"},
    ),
    row(
        "an edit follows a renamed directory",
        lambda a: a.write("d/a", "new"),
        lambda b: b.move("d", "z"),
        {**gone(BASE, "d/a", "d/b"), "z/a": "new", "z/b": "2"},
    ),
    row(
        "an edit outlives a delete",
        lambda a: a.write("f", "new"),
        lambda b: b.delete("f"),
        {**BASE, "f": "new"},
    ),
    row(
        "an edit inside a deleted directory keeps just that file",
        lambda a: a.write("d/a", "new"),
        lambda b: b.delete("d"),
        {**gone(BASE, "d/b"), "d/a": "new"},
    ),
    row(
        "a file deleted in a directory that is renamed stays deleted",
        lambda a: a.delete("d/a"),
        lambda b: b.move("d", "z"),
        {**gone(BASE, "d/a", "d/b"), "z/b": "2"},
    ),
    row(
        "a renamed file outlives a delete",
        lambda a: a.move("f", "h"),
        lambda b: b.delete("f"),
        {**gone(BASE, "f"), "h": "4"},
    ),
    row(
        "a renamed directory outlives a delete whole",
        lambda a: a.move("d", "z"),
        lambda b: b.delete("d"),
        {**gone(BASE, "d/a", "d/b"), "z/a": "1", "z/b": "2"},
    ),
    row(
        "a file moved out of a deleted directory lives and the rest is gone",
        lambda a: a.move("d/a", "e/a"),
        lambda b: b.delete("d"),
        {**gone(BASE, "d/a", "d/b"), "e/a": "1"},
    ),
    row(
        "a file moved into a deleted directory keeps just that file",
        lambda a: a.move("f", "d/f"),
        lambda b: b.delete("d"),
        {**gone(BASE, "d/a", "d/b", "f"), "d/f": "4"},
    ),
    row(
        "a file created in a deleted directory keeps just that file",
        lambda a: a.write("d/n", "new"),
        lambda b: b.delete("d"),
        {**gone(BASE, "d/a", "d/b"), "d/n": "new"},
    ),
    row(
        "the same file created on both sides is one file",
        lambda a: a.write("n", "new"),
        lambda b: b.write("n", "new"),
        {**BASE, "n": "new"},
    ),
    row(
        "directories of one name created on both sides are one directory",
        lambda a: (a.mkdir("n"), a.write("n/a", "1")),
        lambda b: (b.mkdir("n"), b.write("n/b", "2")),
        {**BASE, "n/a": "1", "n/b": "2"},
    ),
    row(
        "a directory moved to a name where another is created is one with it",
        lambda a: a.move("d", "n"),
        lambda b: (b.mkdir("n"), b.write("n/c", "9")),
        {**gone(BASE, "d/a", "d/b"), "n/a": "1", "n/b": "2", "n/c": "9"},
    ),
    row(
        "an edit follows its file through a swap",
        lambda a: a.swap("f", "g"),
        lambda b: b.write("f", "new"),
        {**BASE, "g": "new", "f": "5"},
    ),
    row(
        "a change of case keeps the edit",
        lambda a: a.move("f", "F"),
        lambda b: b.write("f", "new"),
        {**gone(BASE, "f"), "F": "new"},
    ),
]

KEPT_BOTH = [
    row("different edits", lambda a: a.write("f", "A"), lambda b: b.write("f", "B"), {"A", "B"}),
    row(
        "different files of one name",
        lambda a: a.write("n", "A"),
        lambda b: b.write("n", "B"),
        {"A", "B"},
    ),
    row(
        "two files moved to one name",
        lambda a: a.move("f", "n"),
        lambda b: b.move("g", "n"),
        {"4", "5"},
    ),
    row(
        "a file and a directory of one name",
        lambda a: a.write("n", "A"),
        lambda b: (b.mkdir("n"), b.write("n/x", "B")),
        {"A", "B"},
    ),
    row(
        "a delete and recreate against an edit of the old",
        lambda a: (a.delete("f"), a.write("f", "A")),
        lambda b: b.write("f", "B"),
        {"A", "B"},
    ),
]


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
@pytest.mark.parametrize(("a_does", "b_does", "expected"), ROWS)
def test_both_deeds_are_brought_together(a_does, b_does, expected, a_first):
    assert play(a_does, b_does, a_first=a_first) == expected


@pytest.mark.parametrize("a_first", [True, False], ids=["A first", "B first"])
@pytest.mark.parametrize(("a_does", "b_does", "kept"), KEPT_BOTH)
def test_both_versions_are_kept_once(a_does, b_does, kept, a_first):
    shown = play(a_does, b_does, a_first=a_first)
    for text in kept:
        assert list(shown.values()).count(text) == 1


@pytest.mark.parametrize("a_first", [True, False], ids=["A first", "B first"])
def test_one_file_renamed_twice_has_one_name_and_its_content_once(a_first):
    shown = play(lambda a: a.move("f", "p"), lambda b: b.move("f", "q"), a_first=a_first)
    assert list(shown.values()).count("4") == 1
    assert ("q" if a_first else "p") in shown


@pytest.mark.parametrize("a_first", [True, False], ids=["A first", "B first"])
def test_of_two_moves_into_each_other_one_holds_and_nothing_is_lost(a_first):
    shown = play(lambda a: a.move("d", "e/d"), lambda b: b.move("e", "d/e"), a_first=a_first)
    assert sorted(shown.values()) == sorted(BASE.values())
