"""Which chunks need not be sent."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from cozysync.replica import KNOWN_CHUNKS
from cozysync_protocol import ChunkId


class KnownChunks:
    """Those of a replica that have a place, as `content.Known`; for one thread at a time.

    By a connection of its own: what it sees is committed, whatever the ledger is in the middle of.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)

    def __call__(self, chunks: Iterable[ChunkId]) -> set[ChunkId]:
        query = KNOWN_CHUNKS.format("?")
        execute = self._connection.execute
        return {chunk for chunk in chunks if execute(query, (chunk,)).fetchone()}

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
