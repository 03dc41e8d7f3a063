"""The server's database: its tables, and how older files are brought up to them."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from cozysync.server.failures import ServerError
from cozysync.server.marks import MARKS_SCHEMA, Marks
from cozysync_protocol import (
    EntryKind,
    LogState,
    PacksDoomed,
    Position,
    VaultId,
    decode_control,
    decode_entry,
)

_FIRST = """
CREATE TABLE vault (id BLOB PRIMARY KEY, position INTEGER NOT NULL, state BLOB NOT NULL)
    WITHOUT ROWID;
CREATE TABLE entry (
    vault BLOB NOT NULL, position INTEGER NOT NULL, device BLOB NOT NULL, sequence INTEGER NOT NULL,
    head BLOB NOT NULL, body BLOB NOT NULL, PRIMARY KEY (vault, position)
);
CREATE UNIQUE INDEX entry_sequence ON entry (vault, device, sequence);
CREATE TABLE invitation (code BLOB PRIMARY KEY, expires INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE snapshot (vault BLOB PRIMARY KEY, version INTEGER NOT NULL, pointer BLOB NOT NULL)
    WITHOUT ROWID;
CREATE TABLE secret (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""

_SECOND = """
CREATE TABLE lost_pack (vault BLOB NOT NULL, pack BLOB NOT NULL, PRIMARY KEY (vault, pack))
    WITHOUT ROWID;
CREATE TABLE contact (
    vault BLOB NOT NULL, device BLOB NOT NULL, seconds INTEGER NOT NULL,
    PRIMARY KEY (vault, device)
) WITHOUT ROWID;
"""

# `start`: the sealed entries up to this position are gone, and `base` is what they had made of the
# log's state. `kind`: as in the entry itself.
_THIRD = (
    """
ALTER TABLE vault ADD COLUMN start INTEGER NOT NULL DEFAULT 0;
ALTER TABLE vault ADD COLUMN base BLOB;
ALTER TABLE entry ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;
"""
    + MARKS_SCHEMA
    + "CREATE INDEX entry_control ON entry (vault, position) WHERE kind = 1;"
)


def open_database(path: Path, now_s: Callable[[], float]) -> sqlite3.Connection:
    """Open or make the file, with all tables; raises `ServerError`."""
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA busy_timeout=5000")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(_MIGRATIONS):
            raise ServerError(
                f"{path} was written by a newer cozysync.", "Install that version on the server."
            )
        for number, migrate in enumerate(_MIGRATIONS[version:], version + 1):
            connection.execute("BEGIN IMMEDIATE")
            migrate(connection, now_s())
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        if connection.execute("PRAGMA auto_vacuum").fetchone()[0] != _INCREMENTAL:
            # So that the file shrinks when the log does; takes effect with a rewrite, once.
            connection.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")
            connection.execute("VACUUM")
    except sqlite3.DatabaseError as error:
        raise ServerError(
            f"The server's database {path} cannot be read: {error}.",
            "Restore it from a backup; devices send again what it lacks.",
        ) from error
    return connection


_INCREMENTAL = 2


def _make(connection: sqlite3.Connection, _now_s: float) -> None:
    _run(connection, _FIRST)


def _note_contacts(connection: sqlite3.Connection, _now_s: float) -> None:
    _run(connection, _SECOND)


def _note_packs_and_readers(connection: sqlite3.Connection, now_s: float) -> None:
    _run(connection, _THIRD)
    marks = Marks(connection)
    for vault, position, data in connection.execute(
        "SELECT vault, position, body FROM entry ORDER BY vault, position"
    ).fetchall():
        _note(connection, marks, VaultId(vault), Position(position), data, now_s)
    for vault, state in connection.execute("SELECT id, state FROM vault").fetchall():
        for device, known in LogState.decode(state).devices.items():
            marks.enrolled(VaultId(vault), device, now_s)
            marks.read(VaultId(vault), device, known.seen)


def _note(
    connection: sqlite3.Connection,
    marks: Marks,
    vault: VaultId,
    position: Position,
    data: bytes,
    now_s: float,
) -> None:
    entry = decode_entry(data)
    marks.name(vault, entry.header.packs, position)
    if entry.header.kind is EntryKind.CONTROL:
        control = decode_control(entry.body)
        if isinstance(control, PacksDoomed):
            marks.doom(vault, control.packs, position, now_s)
        connection.execute(
            "UPDATE entry SET kind = 1 WHERE vault = ? AND position = ?", (vault, position)
        )


def _bind_invitations(connection: sqlite3.Connection, _now_s: float) -> None:
    # Whoever gives a lost vault back may need an invitation for more than one request.
    _run(connection, "ALTER TABLE invitation ADD COLUMN vault BLOB;")


_MIGRATIONS = (_make, _note_contacts, _note_packs_and_readers, _bind_invitations)


def _run(connection: sqlite3.Connection, script: str) -> None:
    for statement in script.split(";"):
        if statement.strip():
            connection.execute(statement)
