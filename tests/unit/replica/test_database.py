import sqlite3
from pathlib import Path

import pytest

from cozysync.replica import DamagedDatabase, Database, NewerDatabase, Schema

FIRST = Schema("notes", ("CREATE TABLE note (text TEXT NOT NULL);",))
SECOND = Schema(
    "notes",
    (*FIRST.migrations, "ALTER TABLE note ADD COLUMN size INTEGER; UPDATE note SET size = 7;"),
)


def texts(database: Database) -> list[str]:
    return [row[0] for row in database.connection.execute("SELECT text FROM note ORDER BY text")]


def test_a_new_file_gets_every_table_and_keeps_what_is_committed(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "a.db", [FIRST])
    with database.transaction() as connection:
        connection.execute("INSERT INTO note VALUES ('kept')")
    database.close()
    assert texts(Database.open(tmp_path / "a.db", [FIRST])) == ["kept"]


def test_every_commit_waits_for_the_disk(tmp_path: Path) -> None:
    """By SQLite's own numbers: 2 is FULL. What was sent must never be forgotten here."""
    database = Database.open(tmp_path / "a.db", [FIRST])
    assert database.connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert database.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    database.close()


def test_an_exception_takes_back_the_whole_transaction() -> None:
    database = Database.in_memory([FIRST])

    def interrupted() -> None:
        with database.transaction() as connection:
            connection.execute("INSERT INTO note VALUES ('lost')")
            raise KeyError

    with pytest.raises(KeyError):
        interrupted()
    assert texts(database) == []
    with database.transaction() as connection:
        connection.execute("INSERT INTO note VALUES ('next')")
    assert texts(database) == ["next"]


def test_a_transaction_inside_another_is_an_error_and_spoils_nothing() -> None:
    database = Database.in_memory([FIRST])
    with database.transaction() as connection:
        connection.execute("INSERT INTO note VALUES ('outer')")
        with pytest.raises(RuntimeError), database.transaction():
            pass
    assert texts(database) == ["outer"]


def test_an_older_file_is_brought_up_to_date_with_its_rows(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "a.db", [FIRST])
    database.connection.execute("INSERT INTO note VALUES ('old')")
    database.close()
    newer = Database.open(tmp_path / "a.db", [SECOND])
    assert newer.connection.execute("SELECT text, size FROM note").fetchall() == [("old", 7)]


def test_a_newer_file_is_refused_by_the_name_of_its_part(tmp_path: Path) -> None:
    Database.open(tmp_path / "a.db", [SECOND]).close()
    with pytest.raises(NewerDatabase, match="«notes» has version 2"):
        Database.open(tmp_path / "a.db", [FIRST])
    Database.open(tmp_path / "a.db", [SECOND]).close()


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    Database.open(tmp_path / "a.db", [FIRST]).close()
    broken = Schema("notes", (*FIRST.migrations, "CREATE TABLE more (a); CREATE TABLE note (a);"))
    with pytest.raises(sqlite3.OperationalError):
        Database.open(tmp_path / "a.db", [broken])
    Database.open(tmp_path / "a.db", [SECOND]).close()


def test_a_file_that_is_no_database_is_reported_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"this was a database once " * 100)
    before = path.read_bytes()
    with pytest.raises(DamagedDatabase) as caught:
        Database.open(path, [FIRST])
    assert str(path) in caught.value.message
    assert "sets it aside" in caught.value.remedy
    assert path.read_bytes() == before


def test_after_an_unclean_end_damage_inside_the_file_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    database = Database.open(path, [FIRST])
    with database.transaction() as connection:
        rows = [(f"{n:0500}",) for n in range(500)]
        connection.executemany("INSERT INTO note VALUES (?)", rows)
    database.connection.close()  # as if killed: nothing notes a clean end
    damaged = bytearray(path.read_bytes())
    damaged[-40_000:-20_000] = bytes(20_000)
    path.write_bytes(damaged)
    with pytest.raises(DamagedDatabase):
        Database.open(path, [FIRST])


def test_after_an_unclean_end_a_sound_file_opens(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "a.db", [FIRST])
    database.connection.execute("INSERT INTO note VALUES ('sound')")
    database.connection.close()
    assert texts(Database.open(tmp_path / "a.db", [FIRST])) == ["sound"]


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "a.db", [FIRST])
    database.close()
    database.close()


def test_statements_with_inner_semicolons_stay_whole() -> None:
    schema = Schema(
        "notes",
        (
            """
            CREATE TABLE note (text TEXT DEFAULT 'a;b');
            CREATE TRIGGER twice AFTER INSERT ON note WHEN new.text = 'once' BEGIN
                INSERT INTO note VALUES ('twice'); INSERT INTO note VALUES ('c;d');
            END;
            """,
        ),
    )
    database = Database.in_memory([schema])
    database.connection.execute("INSERT INTO note VALUES ('once')")
    assert texts(database) == ["c;d", "once", "twice"]
