"""Conflicts inside what git keeps for itself."""

import pytest

from cozysync_conflict import Outcome
from tests.suites.devices import Clock, Device, sync
from tests.unit.conflict.test_matrix import inbox


def devices():
    now = Clock()
    ann, bob = (Device(name, now) for name in ("ann", "bob"))
    for path in ("w", "w/.git", "w/.git/refs"):
        ann.mkdir(path)
    ann.write("w/.git/refs/main", "0\n1\n2\n3\n4\n5\n6\n7\n8\n")
    sync(ann, bob)
    return ann, bob


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_versions_the_later_stays_and_the_inbox_keeps_the_other(turned):
    ann, bob = devices()
    first, second = (bob, ann) if turned else (ann, bob)
    first.write("w/.git/refs/main", "zero\n1\n2\n3\n4\n5\n6\n7\n8\n")
    second.write("w/.git/refs/main", "0\n1\n2\n3\n4\n5\n6\n7\neight\n")
    sync(ann, bob)
    files = {path: text for path, text in ann.tree().items() if text is not None}
    assert files == {"w/.git/refs/main": "0\n1\n2\n3\n4\n5\n6\n7\neight\n"}
    assert ann.tree() == bob.tree()
    assert [record.outcome for record in inbox(ann)] == [Outcome.INBOX]


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_files_of_one_name_the_one_written_last_stays(turned):
    ann, bob = devices()
    first, second = (bob, ann) if turned else (ann, bob)
    first.write("w/.git/refs/one", "first")
    second.write("w/.git/refs/other", "second")
    first.move("w/.git/refs/one", "w/.git/refs/topic")
    second.move("w/.git/refs/other", "w/.git/refs/topic")
    sync(ann, bob)
    assert ann.tree() == bob.tree()
    names = {path: text for path, text in ann.tree().items() if path.startswith("w/.git/refs/")}
    assert names.pop("w/.git/refs/topic") == "second"
    assert names.keys() == {"w/.git/refs/main"}


def test_a_branch_and_a_directory_of_branches_do_not_stand_side_by_side():
    ann, bob = devices()
    ann.write("w/.git/refs/topic", "a branch")
    bob.mkdir("w/.git/refs/topic")
    bob.write("w/.git/refs/topic/deep", "another")
    sync(ann, bob)
    assert ann.tree() == bob.tree()
    names = {path for path in ann.tree() if path.startswith("w/.git/refs/")}
    assert names == {"w/.git/refs/main", "w/.git/refs/topic", "w/.git/refs/topic/deep"}
