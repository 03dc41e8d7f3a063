"""The scrub finds whatever is wrong with what a server keeps, and nothing else."""

import sqlite3

import pytest

from cozysync.server import ServerError
from cozysync.server.verify import verify
from tests.unit.protocol.logs import VAULT
from tests.unit.server.kept import Kept


@pytest.fixture
def kept(tmp_path):
    found = Kept(tmp_path / "server")
    yield found
    found.close()


def kinds(report):
    return [str(each.kind) for each in report.findings]


def change(kept, statement, *values):
    with sqlite3.connect(kept.data / "server.db") as connection:
        connection.execute(statement, values)
    connection.close()


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_sound_server_is_clean_while_it_is_open(kept):
    kept.put(b"its entry is still to come")
    report = verify(kept.data)
    assert report.is_clean
    assert (report.vaults, report.entries, report.packs, report.spare) == (1, 6, 6, 1)


@pytest.mark.parametrize("at", [0, 2500, -1])
def test_a_flipped_byte_of_a_pack_is_found_and_moved_aside(kept, at):
    path = kept.path(2)
    flip(path, at)
    assert kinds(verify(kept.data)) == ["damaged-pack"]
    assert path.exists()
    report = verify(kept.data, repair=True)
    assert kinds(report) == ["damaged-pack"]
    assert report.findings[0].where == str(path)
    assert not path.exists()
    assert (kept.data / "damaged" / VAULT.hex() / path.name).exists()
    assert kinds(verify(kept.data)) == ["missing-pack"]
    assert kept.packs.missing(VAULT, kept.named) == [kept.named[2]]


@pytest.mark.parametrize("left", [0, 100, 4999])
def test_a_torn_pack_is_found(kept, left):
    kept.path(1).write_bytes(kept.path(1).read_bytes()[:left])
    assert kinds(verify(kept.data)) == ["damaged-pack"]


def test_a_missing_pack_is_found(kept):
    kept.path(0).unlink()
    report = verify(kept.data)
    assert kinds(report) == ["missing-pack"]
    assert report.findings[0].where == str(kept.path(0))


def test_a_flipped_byte_of_an_entry_is_found(kept):
    (body,) = sqlite3.connect(kept.data / "server.db").execute(
        "SELECT body FROM entry WHERE position = 4"
    ).fetchone()  # fmt: skip
    for at in range(0, len(body), 7):
        flipped = bytearray(body)
        flipped[at] ^= 1
        change(kept, "UPDATE entry SET body = ? WHERE position = 4", bytes(flipped))
        report = verify(kept.data)
        assert "log" in kinds(report), at
        assert report.findings[0].where == "position 4"


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("UPDATE entry SET head = zeroblob(32) WHERE position = 3", "position 3"),
        ("DELETE FROM entry WHERE position = 3", "position 3"),
        ("DELETE FROM entry WHERE position = 6", "position 6"),
        ("UPDATE entry SET position = 9 WHERE position = 6", "position 6"),
        ("UPDATE entry SET sequence = 77 WHERE position = 5", "position 5"),
        ("UPDATE vault SET position = 5", "position 7"),
    ],
)
def test_a_log_that_is_not_whole_is_found(kept, statement, where):
    change(kept, statement)
    report = verify(kept.data)
    assert "log" in kinds(report)
    assert report.findings[0].where == where


def test_a_database_that_is_none_is_found(kept):
    kept.close()
    (kept.data / "server.db-wal").unlink(missing_ok=True)
    (kept.data / "server.db").write_bytes(bytes(8192))
    assert "database" in kinds(verify(kept.data))


def test_a_directory_without_a_server_is_an_error(tmp_path):
    with pytest.raises(ServerError, match="holds no server's data"):
        verify(tmp_path)
