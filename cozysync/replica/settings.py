"""What a replica remembers besides the vault's state: small values, and the bound folders."""

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cozysync.replica.database import Database, Schema
from cozysync_conflict import NodeId

SETTINGS_SCHEMA = Schema(
    "settings",
    (
        """
        CREATE TABLE setting (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE folder (
            path BLOB PRIMARY KEY,
            name TEXT NOT NULL,
            node BLOB,
            state TEXT NOT NULL
        ) WITHOUT ROWID;
        """,
    ),
)


class Settings:
    """Small values by name. Whoever owns a name keeps it as a constant beside its use."""

    def __init__(self, database: Database) -> None:
        self._connection = database.connection

    def get(self, key: str) -> bytes | None:
        """The value, or None when it was never set."""
        row = self._connection.execute("SELECT value FROM setting WHERE key = ?", (key,)).fetchone()
        return row[0] if row is not None else None

    def set(self, key: str, value: bytes) -> None:
        """Remember a value in place of the one before."""
        self._connection.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (key, value))

    def get_int(self, key: str, default: int = 0) -> int:
        """A value that `set_int` remembered."""
        value = self.get(key)
        return int(value) if value is not None else default

    def set_int(self, key: str, value: int) -> None:
        """Remember an integer of any size."""
        self.set(key, str(value).encode())


class FolderState(StrEnum):
    """Whether a bound folder takes part in syncing."""

    ACTIVE = "active"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class FolderRow:
    """A directory of this device, bound to a top-level directory of the vault.

    `path` is absolute. `node` is None until the engine has found or made the vault's directory
    of that `name`.
    """

    path: Path
    name: str
    node: NodeId | None = None
    state: FolderState = FolderState.ACTIVE


class Folders:
    """The folders bound on this device, by path."""

    def __init__(self, database: Database) -> None:
        self._connection = database.connection

    def list(self) -> list[FolderRow]:
        """All folders, in order of path."""
        rows = self._connection.execute("SELECT path, name, node, state FROM folder ORDER BY path")
        return [_row(*row) for row in rows]

    def get(self, path: Path) -> FolderRow | None:
        """The folder bound at exactly this path."""
        row = self._connection.execute(
            "SELECT path, name, node, state FROM folder WHERE path = ?", (os.fsencode(path),)
        ).fetchone()
        return _row(*row) if row is not None else None

    def put(self, folder: FolderRow) -> None:
        """Remember a folder, in place of what was known of its path."""
        self._connection.execute(
            "INSERT OR REPLACE INTO folder VALUES (?, ?, ?, ?)",
            (os.fsencode(folder.path), folder.name, folder.node, folder.state),
        )

    def remove(self, path: Path) -> bool:
        """Forget a folder; whether it was bound."""
        cursor = self._connection.execute("DELETE FROM folder WHERE path = ?", (os.fsencode(path),))
        return cursor.rowcount > 0


def _row(path: bytes, name: str, node: bytes | None, state: str) -> FolderRow:
    return FolderRow(
        Path(os.fsdecode(path)),
        name,
        NodeId(node) if node is not None else None,
        FolderState(state),
    )
