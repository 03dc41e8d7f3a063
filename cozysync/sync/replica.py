"""A device's replica: one database file and the parts that keep their tables in it."""

from dataclasses import dataclass
from pathlib import Path

from cozysync.disk import INDEX_COMPONENT, INDEX_MIGRATIONS, JOURNAL_MIGRATION
from cozysync.replica import (
    CHUNKS_SCHEMA,
    CURSOR_SCHEMA,
    FRAMES_SCHEMA,
    HISTORY_SCHEMA,
    OUTBOX_SCHEMA,
    SETTINGS_SCHEMA,
    TREE_SCHEMA,
    ChunkIndex,
    Database,
    Folders,
    Frames,
    History,
    LogCursor,
    Outbox,
    Schema,
    Settings,
    Spool,
    SqliteStore,
)

PARTS = (
    TREE_SCHEMA,
    OUTBOX_SCHEMA,
    CHUNKS_SCHEMA,
    CURSOR_SCHEMA,
    FRAMES_SCHEMA,
    HISTORY_SCHEMA,
    SETTINGS_SCHEMA,
    Schema(INDEX_COMPONENT, (*INDEX_MIGRATIONS, JOURNAL_MIGRATION)),
)


SPOOL = "spool"
"""The directory of the spool, beside the database."""


@dataclass(frozen=True, slots=True)
class Replica:
    """The open database and its parts, all of which share its transactions, and the spool."""

    database: Database
    tree: SqliteStore
    outbox: Outbox
    chunks: ChunkIndex
    cursor: LogCursor
    settings: Settings
    folders: Folders
    history: History
    frames: Frames
    spool: Spool

    def close(self) -> None:
        """Close the file in good order."""
        self.database.close()


def open_replica(path: Path) -> Replica:
    """Open or make the database at `path`.

    Raises `DamagedDatabase` or `NewerDatabase`; see `cozysync.replica.database`.
    """
    return _with_parts(Database.open(path, PARTS))


def replica_in_memory() -> Replica:
    """A replica that is gone when closed, for tests and simulations."""
    return _with_parts(Database.in_memory(PARTS))


def _with_parts(database: Database) -> Replica:
    return Replica(
        database=database,
        tree=SqliteStore(database.connection),
        outbox=Outbox(database),
        chunks=ChunkIndex(database),
        cursor=LogCursor(database),
        settings=Settings(database),
        folders=Folders(database),
        history=History(database.connection),
        frames=Frames(database),
        spool=Spool(database.path.with_name(SPOOL)),
    )
