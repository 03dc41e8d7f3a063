"""What is about to be done to the disk, written down before it is done.

The disk and the index cannot change in one transaction. A kill between the two would leave a file
in place that the index does not know, and the next scan would take it for a person's: something
that was deleted or renamed elsewhere meanwhile would come back. So the rows that the index is
about to get are committed here first; whoever starts next looks which of them came true.
"""

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from cozysync.disk.index import DiskIndex, IndexRow
from cozysync.disk.posix import Disk
from cozysync_conflict import Kind, NodeId

JOURNAL_MIGRATION = """
    CREATE TABLE placing (
        folder BLOB NOT NULL, turn INTEGER NOT NULL, leaves INTEGER NOT NULL,
        node BLOB NOT NULL, parent BLOB NOT NULL, name BLOB NOT NULL,
        inode INTEGER NOT NULL, size INTEGER NOT NULL, mtime INTEGER NOT NULL,
        ctime INTEGER NOT NULL, executable INTEGER NOT NULL, digest BLOB NOT NULL,
        heads BLOB NOT NULL, racy INTEGER NOT NULL,
        PRIMARY KEY (folder, turn)
    ) WITHOUT ROWID;
    """


class Intent(NamedTuple):
    """A row that is to be, with inode 0 where the disk will choose it, or one that leaves."""

    row: IndexRow
    leaves: bool = False


class Journal:
    """The intents of one folder. `begin` is to be committed before the disk is touched."""

    def __init__(self, connection: sqlite3.Connection, folder: NodeId) -> None:
        self._connection = connection
        self._folder = folder

    def begin(self, intents: Iterable[Intent]) -> None:
        """Write down what is about to be done, in the order in which it will be."""
        self._connection.executemany(
            "INSERT INTO placing VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (self._folder, turn, intent.leaves, *intent.row)
                for turn, intent in enumerate(intents)
            ),
        )

    def done(self) -> None:
        """Forget the intents: the index says now what was done."""
        self._connection.execute("DELETE FROM placing WHERE folder = ?", (self._folder,))

    def begun(self) -> list[Intent]:
        """The intents of which it is not known whether they came true."""
        rows = self._connection.execute(
            "SELECT leaves, node, parent, name, inode, size, mtime, ctime, executable, digest,"
            " heads, racy FROM placing WHERE folder = ? ORDER BY turn",
            (self._folder,),
        ).fetchall()
        return [Intent(IndexRow(*values), bool(leaves)) for leaves, *values in rows]

    def recover(self, disk: Disk, index: DiskIndex) -> None:
        """Let the index learn which of the intents the disk shows; inside a transaction.

        Rows come back racy: their files are read again before anything is believed of them.
        """
        for row, leaves in self.begun():
            if leaves:
                _see_gone(row, disk, index)
            else:
                _see_placed(row, disk, index)
        self.done()


def _see_gone(row: IndexRow, disk: Disk, index: DiskIndex) -> None:
    path = index.path(row.node)
    stat = disk.lstat(path) if path is not None else None
    # With a row that is still inside, nobody would look for what it stands for: a scan will tell.
    if (stat is None or stat.inode != row.inode) and not index.children(row.node):
        index.remove([row.node])


def _see_placed(row: IndexRow, disk: Disk, index: DiskIndex) -> None:
    above = index.path(row.parent)
    if above is None:
        return
    stat = disk.lstat(above + b"/" + row.name if above else row.name)
    if stat is not None and stat.kind is row.kind and row.inode in (0, stat.inode):
        index.remove([row.node])
        # A directory is known by its inode alone; there is nothing in it to read again.
        racy = row.kind is not Kind.DIRECTORY
        index.put([row._replace(inode=stat.inode, racy=racy)])
