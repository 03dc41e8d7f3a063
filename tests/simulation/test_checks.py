"""Every check of the simulation has been seen to fail: a broken world or product is noticed.

Each takes out a line of the product, or breaks the world itself, and expects the check that is
there for it to speak. A check that nothing can make fail checks nothing.
"""

import os
import sqlite3
from types import SimpleNamespace

import pytest

from cozysync.disk import ASIDE, PRIVATE, STAGING, TRASH, Placer
from cozysync.sync import engine, ledger, staging
from cozysync.sync.folder import FolderSync
from cozysync.sync.observe import Observer
from cozysync.sync.wanted import EXECUTABLE
from cozysync_conflict import SetAttribute
from tests.simulation import bounds, chance, checks, play
from tests.simulation.diary import BEGIN, END, Diary, sealed, words_in
from tests.simulation.server import Machine
from tests.suites.memory_disk import FileSystem, MemoryDisk


def folder(**files):
    """A device that nobody runs, and these files in it."""
    hands = MemoryDisk(FileSystem(lambda: 1))
    for name, data in files.items():
        with hands.create(name.encode()) as file:
            file.write(data)
    return SimpleNamespace(name="ann", files=hands.files, hands=hands, strays=[])


def said(found, word):
    return any(word in each for each in found)


# --- over a prepared world


@pytest.mark.parametrize("what", ["content", "name", "kind", "executable"])
def test_trees_that_differ_have_not_converged(what):
    one, other = folder(a=b"1", b=b"2"), folder(a=b"1", b=b"2")
    assert not list(checks.converged([one, other]))
    match what:
        case "content":
            other.hands.overwrite(b"a", b"3")
        case "name":
            other.hands.rename(b"a", b"c")
        case "kind":
            other.hands.unlink(b"a")
            other.hands.symlink(b"1", b"a")
        case "executable":
            other.hands.set_executable(b"a", True)
    assert said(checks.converged([one, other]), "'a' is")


def test_a_word_that_is_shown_nowhere_is_lost():
    diary = Diary()
    word = diary.word("ann")
    diary.wrote(b"", word)
    assert not list(checks.nothing_lost([folder(a=word)], diary))
    assert said(checks.nothing_lost([folder(a=b"")], diary), "ann-1 was written")


@pytest.mark.parametrize("how", ["overwritten", "lost by power"])
def test_a_word_that_somebody_gave_up_is_not_lost(how):
    diary = Diary()
    word = diary.word("ann")
    diary.wrote(b"", word)
    if how == "overwritten":
        diary.wrote(word, b"")
    else:
        diary.power_lost({b"ann-1"}, set())
    assert not list(checks.nothing_lost([folder()], diary))


def test_what_a_power_cut_took_is_not_sought_in_the_trash():
    here = folder(a=b"{ann-1}")
    for path in (PRIVATE, TRASH, STAGING):
        here.hands.mkdir(path)
    for path in (TRASH + b"/old", STAGING + b"/replaced"):
        with here.hands.create(path) as file:
            file.write(b"{ann-2}" if path.startswith(TRASH) else b"{ann-3}")
    assert words_in(here.files.root, private=True) == {b"ann-1", b"ann-3"}


def test_a_word_that_was_deleted_and_is_shown_has_come_back():
    here = folder(a=b"{ann-1}")
    assert not list(checks.nothing_back([here], {b"ann-2"}))
    assert said(checks.nothing_back([here], {b"ann-1"}), "ann-1 was deleted in peace")


TEXT = BEGIN + b"{ann-1}\nmore\n" + END
SEALED = sealed(b"{ann-2}" + bytes(100))


@pytest.mark.parametrize(
    "piece",
    [TEXT[:-1], TEXT[1:], BEGIN + bytes(9) + END, SEALED[:-1], SEALED[64:], bytes(len(SEALED))],
)
def test_a_piece_of_a_file_is_not_whole(piece):
    assert not list(checks.whole_files(folder(a=TEXT, b=SEALED), Diary()))
    assert said(checks.whole_files(folder(a=piece), Diary()), "a piece of a file")


@pytest.mark.parametrize(
    ("deed", "paths"),
    [
        ("create", [b"a"]),
        ("write", [b"a"]),
        ("create", [STAGING + b"/../../a"]),
        ("create", [b"/etc/passwd"]),
        ("symlink", [b"a"]),
        ("unlink", [b"a"]),
        ("unlink", [PRIVATE + b"/folder"]),
        ("rmdir", [TRASH]),
        ("rmdir", [b""]),
        ("mkdir", [PRIVATE]),
        ("mkdir", [b"a/./b"]),
        ("rename", [b"a", PRIVATE + b"/folder"]),
        ("rename", [STAGING, b"a"]),
        ("rename", [b"a", b"a\0b"]),
        ("exchange", [b"a", b"b"]),
        ("set_mtime", [b"a"]),
        ("lstat", [b"../a"]),
    ],
)
def test_a_deed_outside_of_its_bounds_is_noticed(deed, paths):
    assert list(bounds.strays(deed, paths))


@pytest.mark.parametrize(
    ("deed", "paths"),
    [
        ("create", [STAGING + b"/00"]),
        ("rename", [STAGING + b"/00", b"a"]),
        ("rename", [b"a", ASIDE + b"/00"]),
        ("rename", [b"a", TRASH + b"/2026-11-25/a"]),
        ("exchange", [STAGING + b"/00", b"a/b"]),
        ("lstat", [b""]),
        ("listing", [PRIVATE]),
    ],
)
def test_what_placing_does_is_within_its_bounds(deed, paths):
    assert not list(bounds.strays(deed, paths))


@pytest.mark.parametrize("deed", ["open", "make", "rename", "remove", "connect"])
def test_a_file_outside_of_the_home_is_noticed(deed, tmp_path):
    home, outside = tmp_path / "home", tmp_path / "outside"
    home.mkdir()
    outside.mkdir()
    (outside / "there").touch()

    def change(place):
        match deed:
            case "open":
                (place / "a").write_bytes(b"")
            case "make":
                (place / "d").mkdir()
            case "rename":
                os.replace(outside / "there", place / "b")
            case "remove":
                (place / "there").unlink()
            case _:
                sqlite3.connect(place / "c.db").close()

    with bounds.real.within(home):
        (home / "there").touch()
        (outside / "there").read_bytes()
        assert not bounds.real.found
        change(outside)
    assert bounds.real.found
    if deed != "rename":
        with bounds.real.within(home):
            change(home)
        assert not bounds.real.found


# --- with a line of the product taken out


@pytest.fixture(scope="module", autouse=True)
def _sound_template():
    play.template()  # once, and before anything is taken out


def wrong(seed=6, faults="cuts=0"):
    return play.play(seed, None, faults).wrong


def test_a_device_that_places_nothing_has_not_converged(monkeypatch):
    async def place(folder):
        folder._touched = set()

    monkeypatch.setattr(FolderSync, "_place", place)
    assert said(wrong(), "nothing on bob")


def test_a_conflict_that_is_not_resolved_loses_an_edit(monkeypatch):
    monkeypatch.setattr(ledger, "resolve", lambda *_, **__: [])
    assert said(wrong(34), "was written, nobody who saw it threw it away, and it is gone")


def test_what_is_not_deleted_elsewhere_comes_back(monkeypatch):
    def forget(observer, findings):
        rows = [row for each in findings.vanished for row in (each.root, *each.rows)]
        observer._index.remove([row.node for row in rows])
        observer.unplaced |= {row.node for row in rows}

    monkeypatch.setattr(Observer, "_vanished", forget)
    assert said(wrong(), "was deleted in peace and stands in")


def test_a_file_that_is_staged_by_half_is_noticed(monkeypatch):
    whole = staging.write_all
    monkeypatch.setattr(staging, "write_all", lambda file, data: whole(file, data[:-9]))
    monkeypatch.setattr(checks, "converged", lambda _: ())
    monkeypatch.setattr(checks, "nothing_lost", lambda *_: ())
    assert any(said(wrong(seed), "holds a piece of a file") for seed in (7, 8, 9))


def test_a_pack_that_the_server_does_not_keep_is_noticed(monkeypatch):
    kept = Machine.crash

    def crash(machine):
        kept(machine)
        for path in (machine.data / "packs").rglob("*"):
            if path.is_file():
                path.unlink()

    monkeypatch.setattr(Machine, "crash", crash)
    assert any(said(wrong(seed), "promised to keep pack") for seed in (7, 8, 9))


def test_an_entry_that_the_server_does_not_keep_is_noticed(monkeypatch):
    kept = Machine.crash

    def crash(machine):
        kept(machine)
        with sqlite3.connect(machine.data / "server.db") as database:
            database.execute("DELETE FROM entry WHERE position = (SELECT MAX(position) FROM entry)")
        database.close()

    monkeypatch.setattr(Machine, "crash", crash)
    assert said(wrong(), "acknowledged an entry")


def test_a_device_that_speaks_though_nobody_did_anything_is_noticed(monkeypatch):
    looked, rested = FolderSync._ready_to_look, play._World._rest
    resting = []

    async def rest(world):
        resting.append(True)
        await rested(world)

    async def speak(folder):
        if resting:
            resting.clear()
            await folder._ledger.do(lambda: author(folder._ledger, folder.node))
        await looked(folder)

    def author(ledger, node):
        with ledger.replica.database.transaction():
            ledger.author([SetAttribute(node, EXECUTABLE, b"")])

    monkeypatch.setattr(play._World, "_rest", rest)
    monkeypatch.setattr(FolderSync, "_ready_to_look", speak)
    assert said(wrong(), "a rest: 1 entries were written though nobody did anything")


def test_a_device_that_is_never_done_is_noticed(monkeypatch):
    monkeypatch.setattr(FolderSync, "is_idle", False)
    monkeypatch.setattr(play, "ROUNDS", 1)
    monkeypatch.setattr(engine, "SETTLE_ROUNDS", 2)
    assert said(wrong(), "it never settles")


def test_a_run_without_end_is_noticed(monkeypatch):
    monkeypatch.setattr(chance.Trace, "MOST", 200)
    assert said(wrong(), "it never comes to rest")


def test_a_file_that_is_put_where_people_see_it_in_pieces_is_noticed(monkeypatch):
    monkeypatch.setattr(Placer, "staged", lambda placer, node: node.hex().encode())
    assert said(wrong(), "create of")
