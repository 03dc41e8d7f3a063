"""A backup is whole at every moment, and what is brought back is what was backed up."""

import os
import sqlite3
import threading

import pytest

from cozysync.server import ServerError, backup
from cozysync.server.backup import backup as make
from cozysync.server.backup import restore
from cozysync.server.overview import overview
from cozysync.server.verify import verify
from tests.unit.protocol.logs import VAULT
from tests.unit.server.kept import Kept


@pytest.fixture
def kept(tmp_path):
    found = Kept(tmp_path / "server")
    yield found
    found.close()


def position(data):
    return overview(data)[0].position


def test_a_backup_is_clean_and_the_next_one_copies_only_what_is_new(kept, tmp_path):
    to = tmp_path / "backup"
    assert make(kept.data, to).packs == 5
    assert verify(to).is_clean
    kept.grow()
    copied = make(kept.data, to)
    assert copied.packs == 1
    assert copied.report.is_clean
    assert verify(to).is_clean
    assert position(to) == 7


def test_backups_made_while_the_server_takes_entries_name_no_pack_that_they_lack(kept, tmp_path):
    enough = threading.Event()

    def work():
        while not enough.is_set():
            kept.grow()

    writer = threading.Thread(target=work)
    writer.start()
    try:
        for n in range(5):
            assert make(kept.data, tmp_path / f"backup {n}").report.is_clean
            assert verify(tmp_path / f"backup {n}").is_clean
    finally:
        enough.set()
        writer.join()


@pytest.mark.parametrize("step", ["_copy_packs", "_sync"])
def test_a_backup_that_breaks_off_leaves_the_one_before_whole(kept, tmp_path, monkeypatch, step):
    to = tmp_path / "backup"
    make(kept.data, to)
    kept.grow()

    def broken(*_args, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup, step, broken)
    with pytest.raises(OSError, match="No space"):
        make(kept.data, to)
    monkeypatch.undo()
    assert verify(to).is_clean
    assert position(to) == 6
    assert make(kept.data, to).report.is_clean
    assert position(to) == 7


def test_a_damaged_pack_is_not_copied_over_a_good_one(kept, tmp_path):
    to = tmp_path / "backup"
    good = kept.path(0).read_bytes()
    make(kept.data, to)
    kept.grow()
    os.unlink(kept.path(0))  # a hard link: the backup keeps its own
    kept.path(0).write_bytes(b"damaged")
    kept.path(5).write_bytes(b"damaged too")
    report = make(kept.data, to).report
    assert [str(each.kind) for each in report.findings] == ["missing-pack"]
    assert (to / kept.path(0).relative_to(kept.data)).read_bytes() == good


def test_packs_that_nobody_needs_any_more_leave_the_backup(kept, tmp_path):
    to = tmp_path / "backup"
    spare = kept.packs.path(VAULT, kept.put(b"spare"))
    make(kept.data, to)
    assert (to / spare.relative_to(kept.data)).exists()
    spare.unlink()
    assert make(kept.data, to).report.is_clean
    assert not (to / spare.relative_to(kept.data)).exists()


def test_a_backup_is_not_put_where_it_would_do_harm(kept, tmp_path):
    for to in (kept.data, kept.data / "backup", tmp_path):
        with pytest.raises(ServerError):
            make(kept.data, to)
    other = tmp_path / "letters"
    other.mkdir()
    (other / "letter").write_text("dear")
    with pytest.raises(ServerError, match="no backup"):
        make(kept.data, other)


def test_a_restore_brings_back_what_was_and_keeps_newer_packs(kept, tmp_path):
    to = tmp_path / "backup"
    kept.store.invite()
    make(kept.data, to)
    kept.grow()
    kept.close()
    with pytest.raises(ServerError, match="not empty"):
        restore(kept.data, to)
    assert position(kept.data) == 7
    assert restore(kept.data, to, replace=True).report.is_clean
    assert position(kept.data) == 6
    assert kept.path(5).exists()
    assert list(kept.data.glob("replaced-*.db"))
    assert verify(kept.data).is_clean
    with sqlite3.connect(kept.data / "server.db") as connection:
        assert not connection.execute("SELECT * FROM invitation").fetchall()
    connection.close()


def test_a_restore_into_an_empty_directory_is_the_whole_server(kept, tmp_path):
    make(kept.data, tmp_path / "backup")
    restore(tmp_path / "new", tmp_path / "backup")
    report = verify(tmp_path / "new")
    assert report.is_clean
    assert report.packs == 5


def test_a_broken_backup_is_not_restored(kept, tmp_path):
    to = tmp_path / "backup"
    make(kept.data, to)
    with sqlite3.connect(to / "server.db") as connection:
        connection.execute("DELETE FROM entry WHERE position = 2")
    connection.close()
    with pytest.raises(ServerError, match="broken"):
        restore(tmp_path / "new", to)
    assert not (tmp_path / "new").exists()


def test_the_key_that_devices_know_the_server_by_goes_along(kept, tmp_path):
    files = {"tls.pem": b"certificate and key", "server-key": b"fingerprint"}
    for name, text in files.items():
        (kept.data / name).write_bytes(text)
    make(kept.data, tmp_path / "backup")
    restore(tmp_path / "new", tmp_path / "backup")
    for name, text in files.items():
        for place in ("backup", "new"):
            assert (tmp_path / place / name).read_bytes() == text
            assert (tmp_path / place / name).stat().st_mode & 0o077 == 0
