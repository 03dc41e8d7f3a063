"""What was about to be done when the process died: the index learns what of it came true."""

import pytest

from cozysync.disk import (
    JOURNAL_MIGRATION,
    Findings,
    Ignore,
    IndexRow,
    Intent,
    Journal,
    new_row,
    scan,
)
from cozysync_conflict import Kind, NodeId
from tests.unit.disk.test_scan import ROOT, Folder

FRESH = NodeId(bytes([Kind.FILE]) + b"fresh".rjust(15, b"\0"))
MADE = NodeId(bytes([Kind.DIRECTORY]) + b"made".rjust(15, b"\0"))


class Desk:
    """A folder with its journal; a crash is the moment between a deed and what was to follow."""

    def __init__(self, path):
        self.folder = Folder(path)
        (path / "d").mkdir()
        (path / "a").write_text("old")
        self.folder.settle()
        self.folder.connection.executescript(JOURNAL_MIGRATION)
        self.journal = Journal(self.folder.connection, ROOT)

    @property
    def path(self):
        return self.folder.path

    def row(self, path):
        return self.folder.index.row(self.folder.node(path))

    def stat(self, path):
        return self.folder.disk.lstat(path)

    def begin(self, *intents):
        self.journal.begin(intents)

    def recover(self):
        self.journal.recover(self.folder.disk, self.folder.index)


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    yield made
    made.folder.disk.close()


def staged_row(desk, path):
    """The row that `a` will have once the file at `path` has taken its place."""
    return desk.row(b"a").with_stat(desk.stat(path))._replace(digest=b"new")


def test_a_replacement_that_came_true(desk):
    (desk.path / ".cozysync/new").write_text("from elsewhere")
    row = staged_row(desk, b".cozysync/new")
    desk.begin(Intent(row))
    (desk.path / ".cozysync/new").rename(desk.path / "a")
    desk.recover()
    assert desk.row(b"a").inode == row.inode
    assert desk.row(b"a").digest == b"new"
    assert desk.row(b"a").racy


def test_a_replacement_that_did_not(desk):
    before = desk.row(b"a")
    (desk.path / ".cozysync/new").write_text("from elsewhere")
    desk.begin(Intent(staged_row(desk, b".cozysync/new")))
    desk.recover()
    assert desk.row(b"a") == before
    assert desk.folder.scan() == Findings()


def test_a_new_file(desk):
    (desk.path / ".cozysync/new").write_text("x")
    desk.begin(Intent(new_row(FRESH, ROOT, b"new", desk.stat(b".cozysync/new"))))
    (desk.path / ".cozysync/new").rename(desk.path / "new")
    desk.recover()
    assert desk.folder.node(b"new") == FRESH


def test_a_file_of_a_person_at_that_name_stays_a_persons(desk):
    (desk.path / ".cozysync/new").write_text("x")
    desk.begin(Intent(new_row(FRESH, ROOT, b"new", desk.stat(b".cozysync/new"))))
    (desk.path / "new").write_text("by hand")
    desk.recover()
    assert desk.folder.index.row(FRESH) is None
    assert [each.name for each in desk.folder.scan().appeared] == [b"new"]


def test_a_directory_and_what_was_put_into_it(desk):
    directory = new_row(MADE, ROOT, b"made", desk.stat(b"d"))._replace(inode=0)
    (desk.path / ".cozysync/new").write_text("x")
    inside = new_row(FRESH, MADE, b"new", desk.stat(b".cozysync/new"))
    desk.begin(Intent(directory), Intent(inside))
    (desk.path / "made").mkdir()
    (desk.path / ".cozysync/new").rename(desk.path / "made/new")
    desk.recover()
    assert desk.folder.node(b"made/new") == FRESH
    assert desk.row(b"made").inode == (desk.path / "made").stat().st_ino


@pytest.mark.parametrize("died", ["before", "after"])
def test_a_move(desk, died):
    row = desk.row(b"a")
    desk.begin(Intent(row._replace(parent=desk.folder.node(b"d"), name=b"b")))
    if died == "after":
        (desk.path / "a").rename(desk.path / "d/b")
    desk.recover()
    assert desk.folder.node(b"d/b" if died == "after" else b"a") == row.node


@pytest.mark.parametrize("died", ["before", "after"])
def test_a_deletion(desk, died):
    row = desk.row(b"a")
    desk.begin(Intent(row, leaves=True))
    if died == "after":
        (desk.path / "a").unlink()
    desk.recover()
    assert (desk.folder.index.row(row.node) is None) == (died == "after")


def test_what_was_recovered_is_forgotten(desk):
    row = desk.row(b"a")
    desk.begin(Intent(row, leaves=True))
    desk.recover()
    (desk.path / "a").unlink()
    desk.recover()
    assert desk.folder.index.row(row.node) == row


def test_a_directory_that_was_placed_before_a_kill_is_no_change(desk):
    """It has no content to be read again, so it would stay dirty for ever."""
    desk.begin(Intent(IndexRow(MADE, ROOT, b"made", 0, 0, 0, 0, False)))
    (desk.path / "made").mkdir()
    desk.recover()
    assert desk.folder.index.row(MADE) is not None
    disk, index = desk.folder.disk, desk.folder.index
    assert scan(disk, index, Ignore.load(disk), None).changed == []


def test_a_directory_that_left_stays_known_as_long_as_something_is_known_in_it(desk):
    (desk.path / "g").mkdir()
    (desk.path / "g" / "inner").write_text("x")
    desk.folder.settle()
    inner = desk.folder.node(b"g/inner")
    desk.begin(Intent(desk.row(b"g"), leaves=True))
    (desk.path / "g" / "inner").rename(desk.path / "elsewhere")
    (desk.path / "g").rmdir()
    desk.recover()
    assert desk.folder.index.path(inner) == b"g/inner"
    desk.folder.settle()
    assert desk.folder.node(b"elsewhere") == inner
