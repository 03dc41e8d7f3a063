"""Scanning a real directory against its index."""

import os
import shutil
import sqlite3
from itertools import count

import pytest

from cozysync.disk import (
    ASIDE,
    ASIDE_NODE,
    INDEX_MIGRATIONS,
    Appeared,
    DiskIndex,
    Findings,
    Ignore,
    PosixDisk,
    new_row,
    prepare_root,
    scan,
)
from cozysync_conflict import Kind, NodeId

ROOT = NodeId(b"\x01" + bytes(15))


class Folder:
    def __init__(self, path):
        self.path = path
        prepare_root(path)
        self.disk = PosixDisk(path)
        self.connection = sqlite3.connect(":memory:")
        self.connection.executescript(INDEX_MIGRATIONS[0])
        self.index = DiskIndex(self.connection, ROOT)
        self._numbers = count(1)

    def scan(self, *directories):
        return scan(self.disk, self.index, Ignore.load(self.disk), directories or None)

    def take(self, findings):
        """Believe everything, as authoring would."""
        nodes = {}

        def node_of(parent):
            return nodes[id(parent)] if isinstance(parent, Appeared) else parent

        for each in findings.vanished:
            self.index.remove([row.node for row in (each.root, *each.rows)])
        self.index.remove([each.row.node for each in findings.moved])
        for each in findings.appeared:
            kind = each.stat.kind
            nodes[id(each)] = NodeId(bytes([kind]) + next(self._numbers).to_bytes(15, "big"))
            row = new_row(nodes[id(each)], node_of(each.parent), each.name, each.stat)
            self.index.put([row])
        for each in findings.moved:
            row = each.row._replace(parent=node_of(each.parent), name=each.name)
            self.index.put([row.with_stat(each.stat)])
        for each in findings.changed:
            self.index.put([each.row.with_stat(each.stat)])
        self.index.put(findings.settled)

    def settle(self):
        self.take(self.scan())
        assert self.scan() == Findings()

    def node(self, path):
        return self.index.find(path)


@pytest.fixture
def folder(tmp_path):
    made = Folder(tmp_path)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "e").mkdir()
    for name in ("a", "b", "d/c", "d/e/f"):
        (tmp_path / name).write_text(name * 3)
    made.settle()
    yield made
    made.disk.close()


def test_a_second_scan_finds_nothing(folder):
    assert folder.scan() == Findings()


def test_an_edit_is_a_change_of_the_same_node(folder):
    (folder.path / "a").write_text("longer than before")
    findings = folder.scan()
    assert [each.path for each in findings.changed] == [b"a"]
    assert not findings.appeared
    assert not findings.vanished


def test_saving_by_rename_is_a_change_of_the_same_node(folder):
    (folder.path / "new").write_text("fresh")
    os.replace(folder.path / "new", folder.path / "a")
    findings = folder.scan()
    assert [each.row.node for each in findings.changed] == [folder.node(b"a")]
    assert not findings.moved


def test_saving_with_a_backup_is_a_change_of_the_same_node(folder):
    os.rename(folder.path / "a", folder.path / "a~")
    (folder.path / "a").write_text("fresh")
    findings = folder.scan()
    assert [each.path for each in findings.changed] == [b"a"]
    assert [each.path for each in findings.appeared] == [b"a~"]


def test_a_rename_is_a_move(folder):
    node = folder.node(b"a")
    os.rename(folder.path / "a", folder.path / "d" / "z")
    findings = folder.scan()
    assert [(each.row.node, each.path) for each in findings.moved] == [(node, b"d/z")]
    assert not findings.appeared
    assert not findings.vanished
    folder.settle()
    assert folder.node(b"d/z") == node


def test_a_renamed_directory_is_one_move_with_all_that_it_holds(folder):
    os.rename(folder.path / "d", folder.path / "x")
    findings = folder.scan()
    assert [each.path for each in findings.moved] == [b"x"]
    assert not findings.appeared
    assert not findings.vanished
    assert not findings.changed
    folder.settle()
    assert folder.node(b"x/e/f") is not None


def test_two_swapped_names_are_two_moves(folder):
    one, other = folder.node(b"a"), folder.node(b"b")
    os.rename(folder.path / "a", folder.path / "t")
    os.rename(folder.path / "b", folder.path / "a")
    os.rename(folder.path / "t", folder.path / "b")
    folder.take(folder.scan())
    assert (folder.node(b"a"), folder.node(b"b")) == (other, one)


def test_a_file_that_is_swapped_with_one_in_a_swapped_directory_keeps_its_content(folder):
    """It was met after the one in its place, which counted as an edit of it and moved, too."""
    a, inner = folder.node(b"a"), folder.node(b"d/c")
    (folder.path / "g").mkdir()
    folder.settle()
    os.rename(folder.path / "a", folder.path / "x")
    os.rename(folder.path / "d/c", folder.path / "a")
    os.rename(folder.path / "x", folder.path / "d/c")
    for old, new in (("d", "x"), ("g", "d"), ("x", "g")):
        os.rename(folder.path / old, folder.path / new)
    findings = folder.scan()
    assert not findings.changed
    moved = {each.row.node: each.path for each in findings.moved}
    assert (moved[a], moved[inner]) == (b"g/c", b"a")


@pytest.mark.parametrize("heard", [b"", b"d"])
def test_a_swap_of_which_half_is_heard_is_two_moves_all_the_same(folder, heard):
    """As two edits, one of them back to what had been there before, it lost to edits elsewhere."""
    a, inner = folder.node(b"a"), folder.node(b"d/c")
    for old, new in (("a", "x"), ("d/c", "a"), ("x", "d/c")):
        os.rename(folder.path / old, folder.path / new)
    findings = folder.scan(heard)
    assert {each.row.node: each.path for each in findings.moved} == {a: b"d/c", inner: b"a"}
    assert not findings.changed
    assert not findings.vanished
    folder.take(findings)
    assert folder.scan() == Findings()


def test_a_directory_is_met_once_whatever_took_its_place(folder):
    (folder.path / "g").mkdir()
    folder.settle()
    os.rename(folder.path / "d", folder.path / "x")
    os.rename(folder.path / "g", folder.path / "d")
    (folder.path / "new").mkdir()
    os.rename(folder.path / "x", folder.path / "new" / "d")
    findings = folder.scan()
    met = [each.row.node for each in findings.moved] + [row.node for row in findings.settled]
    assert len(met) == len(set(met))
    folder.settle()


def test_a_deleted_directory_names_all_that_it_held(folder):
    expected = {folder.node(b"d/c"), folder.node(b"d/e"), folder.node(b"d/e/f")}
    for name in ("d/e/f", "d/c"):
        (folder.path / name).unlink()
    (folder.path / "d" / "e").rmdir()
    (folder.path / "d").rmdir()
    (gone,) = folder.scan().vanished
    assert gone.root.node == folder.node(b"d")
    assert {row.node for row in gone.rows} == expected


def test_a_file_moved_out_of_a_deleted_directory_is_not_among_the_deleted(folder):
    node = folder.node(b"d/c")
    os.rename(folder.path / "d" / "c", folder.path / "c")
    (folder.path / "d" / "e" / "f").unlink()
    (folder.path / "d" / "e").rmdir()
    (folder.path / "d").rmdir()
    findings = folder.scan()
    assert [each.row.node for each in findings.moved] == [node]
    assert node not in {row.node for gone in findings.vanished for row in gone.rows}


@pytest.mark.parametrize("inside", ["nothing", "the same names", "other names"])
def test_a_directory_with_a_reused_inode_is_no_move(folder, inside):
    node = folder.node(b"d")
    shutil.rmtree(folder.path / "d")
    (folder.path / "n").mkdir()
    if inside != "nothing":
        (folder.path / "n" / ("c" if inside == "the same names" else "z")).write_text("new")
    row = folder.index.row(node)
    folder.index.put([row._replace(inode=(folder.path / "n").stat().st_ino)])
    findings = folder.scan()
    assert [each.root.node for each in findings.vanished] == [node]
    assert not findings.moved


def test_a_renamed_directory_is_known_by_what_is_deep_in_it(folder):
    node = folder.node(b"d")
    (folder.path / "d" / "c").unlink()
    (folder.path / "d" / "e" / "new").write_text("x")
    os.rename(folder.path / "d", folder.path / "x")
    assert [each.row.node for each in folder.scan().moved] == [node]


def test_a_reused_inode_is_no_move(folder):
    (folder.path / "a").unlink()
    (folder.path / "other").write_text("something else altogether")
    findings = folder.scan()
    assert [each.path for each in findings.appeared] == [b"other"]
    assert not findings.moved


def test_a_new_directory_is_looked_through_to_the_bottom_in_a_partial_scan(folder):
    (folder.path / "n" / "m").mkdir(parents=True)
    (folder.path / "n" / "m" / "x").write_text("x")
    found = [each.path for each in folder.scan(b"").appeared]
    assert found == [b"n", b"n/m", b"n/m/x"]


def test_a_partial_scan_leaves_other_directories_alone(folder):
    (folder.path / "a").unlink()
    assert folder.scan(b"d") == Findings()


def test_a_directory_in_the_place_of_a_file_is_another_node(folder):
    (folder.path / "a").unlink()
    (folder.path / "a").mkdir()
    findings = folder.scan()
    assert [each.stat.kind for each in findings.appeared] == [Kind.DIRECTORY]
    assert [gone.root.name for gone in findings.vanished] == [b"a"]


def test_hard_links_are_two_nodes_and_do_not_flap(folder):
    os.link(folder.path / "a", folder.path / "twin")
    folder.settle()
    assert folder.node(b"a") != folder.node(b"twin")


def test_a_pipe_is_refused_with_a_remedy(folder):
    os.mkfifo(folder.path / "pipe")
    (refused,) = folder.scan().unscannable
    assert refused.path == b"pipe"
    assert refused.remedy


def test_the_rule_that_keeps_a_path_out_is_told():
    rules = Ignore("*.tmp\nbuild/\n!keep.tmp\n")
    assert rules.rule_for(b"a/x.tmp", directory=False) == "*.tmp"
    assert rules.rule_for(b"build/x/y", directory=False) == "build/"
    assert rules.rule_for(b"keep.tmp", directory=False) is None
    assert rules.rule_for(b"a/.DS_Store", directory=False) == ".DS_Store"
    assert rules.rule_for(b"plain", directory=False) is None


def test_ignored_names_stay_out(folder):
    (folder.path / ".cozyignore").write_text("*.tmp\n")
    (folder.path / "x.tmp").write_text("x")
    assert [each.path for each in folder.scan().appeared] == [b".cozyignore"]


def test_a_hint_below_what_was_a_file_is_no_hint_about_the_file(folder):
    """Once a directory `a` had taken the place of a file, its content was put into the file."""
    (folder.path / "a").unlink()
    (folder.path / "a").mkdir()
    (folder.path / "a" / "inner").write_text("inner")
    file = folder.index.find(b"a")
    findings = folder.scan(b"a")
    assert [gone.root.node for gone in findings.vanished] == [file]
    directory, inner = sorted(findings.appeared, key=lambda each: each.path)
    assert inner.parent is directory


def test_what_was_edited_in_a_directory_that_stands_aside_is_found_there(folder):
    """Nobody looked there, and the directory that was to go stood aside for ever."""
    node, file = folder.node(b"d"), folder.node(b"d/c")
    aside = ASIDE + b"/" + node.hex().encode()
    folder.disk.rename(b"d", aside)
    row = folder.index.row(node)
    folder.index.put([row._replace(parent=ASIDE_NODE, name=node.hex().encode())])
    place = folder.path / os.fsdecode(aside)
    (place / "c").write_text("edited in the last instant")
    (place / "new").write_text("made in the last instant")
    findings = folder.scan(aside)
    assert [each.row.node for each in findings.changed] == [file]
    assert [(each.name, each.parent) for each in findings.appeared] == [(b"new", node)]
    assert not findings.vanished
