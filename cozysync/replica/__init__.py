"""The local database of the vault's state: a cache of what the log says, and the outbox."""

from cozysync.replica.body import SealedBody, decode_body, encode_body
from cozysync.replica.body_limits import MAX_CHUNKS
from cozysync.replica.chunks import CHUNKS_SCHEMA, KNOWN_CHUNKS, ChunkIndex, Place
from cozysync.replica.contents import Cursor, contents_after
from cozysync.replica.cursor import CURSOR_SCHEMA, LogCursor
from cozysync.replica.database import (
    DamagedDatabase,
    Database,
    DatabaseUnusable,
    NewerDatabase,
    Schema,
    told,
)
from cozysync.replica.frames import FRAMES_SCHEMA, Frames
from cozysync.replica.history import HISTORY_SCHEMA, Deed, Event, History
from cozysync.replica.outbox import OUTBOX_SCHEMA, Outbox, packs_of
from cozysync.replica.retention import Retention, thin
from cozysync.replica.settings import (
    SETTINGS_SCHEMA,
    FolderRow,
    Folders,
    FolderState,
    Settings,
)
from cozysync.replica.snapshot import Opening, read_snapshot, write_snapshot
from cozysync.replica.split import delete_parts, parts_of, split
from cozysync.replica.spool import Spool
from cozysync.replica.tree import TREE_SCHEMA, SqliteStore, unpacked_node

__all__ = [
    "CHUNKS_SCHEMA",
    "CURSOR_SCHEMA",
    "FRAMES_SCHEMA",
    "HISTORY_SCHEMA",
    "KNOWN_CHUNKS",
    "MAX_CHUNKS",
    "OUTBOX_SCHEMA",
    "SETTINGS_SCHEMA",
    "TREE_SCHEMA",
    "ChunkIndex",
    "Cursor",
    "DamagedDatabase",
    "Database",
    "DatabaseUnusable",
    "Deed",
    "Event",
    "FolderRow",
    "FolderState",
    "Folders",
    "Frames",
    "History",
    "LogCursor",
    "NewerDatabase",
    "Opening",
    "Outbox",
    "Place",
    "Retention",
    "Schema",
    "SealedBody",
    "Settings",
    "Spool",
    "SqliteStore",
    "contents_after",
    "decode_body",
    "delete_parts",
    "encode_body",
    "packs_of",
    "parts_of",
    "read_snapshot",
    "split",
    "thin",
    "told",
    "unpacked_node",
    "write_snapshot",
]
