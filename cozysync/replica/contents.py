"""Every version that history keeps, in a fixed order: for who looks at all of them."""

import sqlite3

from cozysync_conflict import Content, NodeId

PAGE = 1000
"""Versions read at a time."""

_PAGE = (
    "SELECT node, time, device, digest, detail FROM version WHERE (node, time, device) > (?, ?, ?)"
    " ORDER BY node, time, device LIMIT ?"
)
_START = (b"", 0, b"")

Cursor = tuple[bytes, int, bytes]


def contents_after(
    connection: sqlite3.Connection, cursor: Cursor | None
) -> tuple[list[tuple[NodeId, Content]], Cursor | None]:
    """The next contents with their nodes, and the cursor to go on from; None when none is left.

    Versions that history has let go of are left out.
    """
    rows = connection.execute(_PAGE, (*(cursor or _START), PAGE)).fetchall()
    found = [(NodeId(row[0]), Content(row[3], row[4])) for row in rows if row[4]]
    return found, tuple(rows[-1][:3]) if len(rows) == PAGE else None
