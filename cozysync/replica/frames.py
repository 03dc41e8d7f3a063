"""The log as this device has verified it: every entry with its position and head.

Kept so that a server that has lost some of it, or all, can be given it back byte for byte: then
positions and heads come out as they were, and to everybody it is as if nothing had happened.
"""

from collections.abc import Iterable

from cozysync.replica.database import Database, Schema
from cozysync_protocol import HeadHash, LogFrame, Position

FRAMES_SCHEMA = Schema(
    "frames",
    (
        "CREATE TABLE frame"
        " (position INTEGER PRIMARY KEY, head BLOB NOT NULL, entry BLOB NOT NULL);",
    ),
)


class Frames:
    """The kept entries of one replica. Changes belong into the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._connection = database.connection

    def add(self, frames: Iterable[LogFrame]) -> None:
        """Keep entries that have been verified."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO frame VALUES (?, ?, ?)",
            ((frame.position, frame.head, frame.entry) for frame in frames),
        )

    def are_all_up_to(self, position: Position) -> bool:
        """Whether none of the entries up to a position is missing."""
        query = "SELECT COUNT(*) FROM frame WHERE position <= ?"
        return int(self._connection.execute(query, (position,)).fetchone()[0]) == position

    def after(self, position: int, most: int, max_bytes: int) -> list[LogFrame]:
        """The entries that follow a position: at most so many, and so many bytes together.

        The first comes however large it is. They follow each other without a gap; there are none
        when the one right after the position is not kept.
        """
        found: list[LogFrame] = []
        size = 0
        for number, head, entry in self._connection.execute(
            "SELECT position, head, entry FROM frame WHERE position > ? ORDER BY position LIMIT ?",
            (position, most),
        ):
            size += len(entry)
            if number != position + len(found) + 1 or (found and size > max_bytes):
                break
            found.append(LogFrame(Position(number), HeadHash(head), entry))
        return found
