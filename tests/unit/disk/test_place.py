"""Placing on a real directory: what was not seen is never overwritten."""

import pytest

from cozysync.disk import ASIDE_NODE, Placer
from tests.unit.disk.test_scan import Folder


@pytest.fixture
def folder(tmp_path):
    made = Folder(tmp_path)
    (tmp_path / "d").mkdir()
    (tmp_path / "a").write_text("old")
    made.settle()
    yield made
    made.disk.close()


@pytest.fixture
def placer(folder):
    return Placer(folder.disk, lambda: "2026-01-31")


def stage(folder, placer, node, text):
    path = placer.staged(node)
    with folder.disk.create(path) as file:
        file.write(text)
    return path


def row(folder, path):
    return folder.index.row(folder.node(path))


def trashed(folder):
    return {p.name for p in (folder.path / ".cozysync/trash").rglob("*") if p.is_file()}


def test_a_replaced_file_rests_in_the_trash(folder, placer):
    staged = stage(folder, placer, folder.node(b"a"), b"new")
    assert placer.replace(staged, b"a", row(folder, b"a")) is not None
    assert (folder.path / "a").read_text() == "new"
    assert (folder.path / ".cozysync/trash/2026-01-31/a").read_text() == "old"


def test_an_edit_that_was_not_seen_is_not_replaced(folder, placer):
    seen = row(folder, b"a")
    (folder.path / "a").write_text("the person's")
    staged = stage(folder, placer, folder.node(b"a"), b"new")
    assert placer.replace(staged, b"a", seen) is None
    assert (folder.path / "a").read_text() == "the person's"


def test_an_edit_between_the_look_and_the_exchange_is_put_back(folder, placer, monkeypatch):
    seen = row(folder, b"a")
    staged = stage(folder, placer, folder.node(b"a"), b"new")
    exchange = folder.disk.exchange
    edits = iter(["the person's"])

    def late(one, other):
        for text in edits:
            (folder.path / "a").write_text(text)
        return exchange(one, other)

    monkeypatch.setattr(folder.disk, "exchange", late)
    assert placer.replace(staged, b"a", seen) is None
    assert (folder.path / "a").read_text() == "the person's"


def test_a_replacement_works_where_names_cannot_be_exchanged(folder, placer, monkeypatch):
    monkeypatch.setattr(folder.disk, "exchange", lambda one, other: False)
    staged = stage(folder, placer, folder.node(b"a"), b"new")
    assert placer.replace(staged, b"a", row(folder, b"a")) is not None
    assert (folder.path / "a").read_text() == "new"
    assert trashed(folder) == {"a"}


def test_a_new_file_never_takes_a_name_that_is_in_use(folder, placer):
    staged = stage(folder, placer, folder.node(b"a"), b"new")
    assert placer.put_new(staged, b"a") is None
    assert (folder.path / "a").read_text() == "old"


def test_a_removed_file_can_be_found_in_the_trash(folder, placer):
    assert placer.remove(b"a", row(folder, b"a"))
    assert not (folder.path / "a").exists()
    assert trashed(folder) == {"a"}


def test_an_edited_file_is_not_removed(folder, placer):
    seen = row(folder, b"a")
    (folder.path / "a").write_text("the person's")
    assert not placer.remove(b"a", seen)
    assert (folder.path / "a").read_text() == "the person's"


def test_a_directory_that_holds_something_is_not_removed(folder, placer):
    (folder.path / "d" / "kept").write_text("x")
    assert not placer.remove(b"d", row(folder, b"d"))
    assert (folder.path / "d" / "kept").exists()


def test_what_was_set_aside_comes_back_after_a_kill(folder, placer):
    assert placer.set_aside(b"a", row(folder, b"a")) is not None
    assert not (folder.path / "a").exists()
    placer.recover(folder.index)
    assert (folder.path / "a").read_text() == "old"


def test_what_was_set_aside_comes_back_under_another_name_when_its_own_is_taken(folder, placer):
    placer.set_aside(b"a", row(folder, b"a"))
    (folder.path / "a").write_text("newer")
    placer.recover(folder.index)
    assert (folder.path / "a").read_text() == "newer"
    assert (folder.path / "a (recovered)").read_text() == "old"


def test_a_parent_that_became_a_link_is_not_followed(folder, placer, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (folder.path / "d").rmdir()
    (folder.path / "d").symlink_to(outside)
    staged = stage(folder, placer, folder.node(b"a"), b"new")
    assert placer.put_new(staged, b"d/x") is None
    assert list(outside.iterdir()) == []


def test_a_rename_between_two_deep_places_keeps_both_in_sight(folder, placer):
    for top in ("p", "q"):
        (folder.path / "/".join([top] * 50)).mkdir(parents=True)
    deep = b"/".join([b"p"] * 50) + b"/x"
    (folder.path / deep.decode()).write_text("x")
    folder.disk.rename(deep, b"/".join([b"q"] * 50) + b"/y")
    assert (folder.path / ("q/" * 50 + "y")).read_text() == "x"


def test_a_step_into_a_directory_that_has_gone_is_left_for_the_next_look(folder, placer):
    staged = stage(folder, placer, folder.node(b"a"), b"new")
    assert placer.put_new(staged, b"gone/new") is None
    assert placer.put_new(staged, b"a/new") is None
    assert placer.make_directory(b"gone/new") is None


def test_a_file_that_goes_between_the_look_and_the_step_is_left_too(folder, placer, monkeypatch):
    seen = row(folder, b"a")
    staged = stage(folder, placer, folder.node(b"a"), b"new")
    lstat = folder.disk.lstat
    before = lstat(b"a")
    monkeypatch.setattr(placer, "_fitting", lambda path, row: before)

    def late(path):
        found = lstat(path)
        if path == b"a":
            (folder.path / "a").unlink(missing_ok=True)
        return found

    monkeypatch.setattr(folder.disk, "lstat", late)
    assert placer.remove(b"a", seen) is False
    assert placer.replace(staged, b"a", seen) is None


def test_what_a_kill_left_aside_can_be_fetched_from_there(folder, placer):
    node, seen = folder.node(b"a"), row(folder, b"a")
    placer.set_aside(b"a", seen)
    folder.index.put([seen._replace(parent=ASIDE_NODE, name=node.hex().encode())])
    placer.recover(folder.index)
    assert placer.move(folder.index.path(node), b"a", folder.index.row(node)) is not None


def test_what_was_edited_while_it_stood_aside_is_given_back_to_the_person(folder, placer):
    node, seen = folder.node(b"a"), row(folder, b"a")
    with (folder.path / "a").open("a") as file:
        placer.set_aside(b"a", seen)
        folder.index.put([seen._replace(parent=ASIDE_NODE, name=node.hex().encode())])
        file.write(" and an edit")
    placer.recover(folder.index)
    assert folder.index.row(node) is None
    [recovered] = folder.path.glob("*(recovered)")
    assert recovered.read_text() == "old and an edit"
