"""When deletions are held, and how entries are counted."""

import sqlite3

import pytest

from cozysync.disk import INDEX_MIGRATIONS, DiskIndex, IndexRow, Vanished
from cozysync.sync.guard import WINDOW_S, Guard, known, weight
from cozysync_conflict import Kind, NodeId

ROOT = NodeId(b"\x01" + bytes(15))


def test_half_of_a_folder_may_go_and_more_is_held():
    assert not Guard(0.5).holds(50, 100, 0)
    assert Guard(0.5).holds(51, 100, 0)


def test_a_small_folder_is_not_asked_about():
    assert not Guard(0.5).holds(49, 49, 0)


def test_pieces_that_follow_each_other_add_up():
    guard, there = Guard(0.5), 100
    for second in range(5):
        assert not guard.holds(10, there, second)
        guard.passed(10, second)
        there -= 10
    assert guard.holds(10, there, 6)


def test_pieces_that_are_far_apart_do_not():
    guard, there = Guard(0.5), 100
    for n in range(9):
        assert not guard.holds(10, there, n * WINDOW_S)
        guard.passed(10, n * WINDOW_S)
        there -= 10


def test_waiting_is_no_approval():
    guard = Guard(0.5)
    guard.passed(50, 0)
    assert guard.holds(10, 50, 1)
    assert guard.holds(10, 50, WINDOW_S * 10)


def test_a_restart_is_no_approval():
    guard = Guard(0.5, earlier=50)
    assert guard.held
    assert guard.holds(10, 50, 1)


def test_what_is_put_back_ends_the_hold():
    guard = Guard(0.5)
    assert guard.holds(60, 100, 0)
    assert not guard.holds(1, 100, 1)
    assert not guard.held


def test_after_a_decision_the_count_begins_anew():
    guard = Guard(0.5)
    assert guard.holds(90, 100, 0)
    guard.decided()
    assert not guard.holds(5, 10, 1)


@pytest.fixture
def repository():
    """A folder of `work/a`, `work/.git` with 100 objects, and `b`."""
    connection = sqlite3.connect(":memory:")
    connection.executescript(INDEX_MIGRATIONS[0])
    index = DiskIndex(connection, ROOT)
    numbers = iter(range(2, 1000))

    def add(kind, parent, name):
        node = NodeId(bytes([kind]) + next(numbers).to_bytes(15, "big"))
        index.put([IndexRow(node, parent, name, 0, 0, 0, 0, executable=False)])
        return node

    work = add(Kind.DIRECTORY, ROOT, b"work")
    add(Kind.FILE, work, b"a")
    inside = add(Kind.DIRECTORY, work, b".git")
    objects = add(Kind.DIRECTORY, inside, b"objects")
    for n in range(100):
        add(Kind.FILE, objects, b"%d" % n)
    add(Kind.FILE, ROOT, b"b")
    yield index
    connection.close()


def vanished(index, path):
    row = index.row(index.find(path))
    return Vanished(row, tuple(index.below(row.node)))


def test_a_repository_is_one_entry(repository):
    assert known(repository) == 4
    assert weight([vanished(repository, b"work/.git")], repository) == 1
    assert weight([vanished(repository, b"work")], repository) == 3


def test_what_git_replaces_inside_is_not_counted(repository):
    gone = [vanished(repository, b"work/.git/objects/%d" % n) for n in range(100)]
    assert weight(gone, repository) == 0
    assert weight([vanished(repository, b"b")], repository) == 1
