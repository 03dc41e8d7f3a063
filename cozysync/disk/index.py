"""The disk index: what the disk held when it was last in sync with the vault.

One row for each node that is in place. It tells an edit from what cozysync itself wrote, and is
what `scan` and `plan` compare with. It lives in the replica's database, so that it changes in
the same transaction as what was authored from it.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from cozysync.disk.posix import PRIVATE, Stat
from cozysync_conflict import Dot, Kind, NodeId, kind_of

INDEX_COMPONENT = "disk"

ASIDE = PRIVATE + b"/aside"
"""The directory of nodes that had to make room and have no place yet."""

ASIDE_NODE = NodeId(bytes(16))
"""Stands for that directory in the index; each row in it is named by its node's id in hex."""

INDEX_MIGRATIONS = (
    """
    CREATE TABLE disk_index (
        folder BLOB NOT NULL, node BLOB NOT NULL, parent BLOB NOT NULL, name BLOB NOT NULL,
        inode INTEGER NOT NULL, size INTEGER NOT NULL, mtime INTEGER NOT NULL,
        ctime INTEGER NOT NULL, executable INTEGER NOT NULL, digest BLOB NOT NULL,
        heads BLOB NOT NULL, racy INTEGER NOT NULL,
        PRIMARY KEY (folder, node)
    ) WITHOUT ROWID;
    CREATE UNIQUE INDEX disk_index_place ON disk_index (folder, parent, name);
    CREATE INDEX disk_index_inode ON disk_index (folder, inode);
    """,
)

_COLUMNS = "node, parent, name, inode, size, mtime, ctime, executable, digest, heads, racy"
_DOT = 24

# The index is named where one is meant: by itself SQLite takes the primary key's first column for
# more telling than two columns of an index, and reads all rows of the folder each time.
_SELECT = f"SELECT {_COLUMNS} FROM disk_index"  # noqa: S608
_BY_NODE = f"{_SELECT} WHERE folder = ? AND node = ?"
_BY_PLACE = f"{_SELECT} INDEXED BY disk_index_place WHERE folder = ? AND parent = ?"
_AT_PLACE = f"{_BY_PLACE} AND name = ?"
# Kinds are numbers, the first byte of a node; 0 is none. No row is made for each file of a full
# scan, which would take a third of its time.
_EXPECTED = f"""
    SELECT name,
        CASE WHEN racy THEN 0 WHEN substr(node, 1, 1) = x'02' THEN {Kind.FILE:d}
            WHEN substr(node, 1, 1) = x'03' THEN {Kind.LINK:d} ELSE 0 END,
        inode, size, mtime, ctime, executable
    FROM disk_index INDEXED BY disk_index_place WHERE folder = ? AND parent = ?"""  # noqa: S608
_BY_INODE = f"{_SELECT} INDEXED BY disk_index_inode WHERE folder = ? AND inode = ?"


class IndexRow(NamedTuple):
    """One node in place. `digest` is empty for directories; `packed_heads` are the versions.

    `racy` says that the file could have changed again within the tick of its last change: its
    stat alone is no proof that it is the same.
    """

    node: NodeId
    parent: NodeId
    name: bytes
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    executable: bool
    digest: bytes = b""
    packed_heads: bytes = b""
    racy: bool = False

    @property
    def kind(self) -> Kind:
        """What the node is."""
        return kind_of(self.node)

    @property
    def heads(self) -> tuple[Dot, ...]:
        """The versions whose content is on the disk."""
        data = self.packed_heads
        return tuple(
            Dot(data[at : at + 16], int.from_bytes(data[at + 16 : at + _DOT], "big"))
            for at in range(0, len(data), _DOT)
        )

    def with_stat(self, stat: Stat, *, racy: bool = False) -> "IndexRow":
        """This row after the disk was seen like that."""
        return self._replace(
            inode=stat.inode,
            size=stat.size,
            mtime_ns=stat.mtime_ns,
            ctime_ns=stat.ctime_ns,
            executable=stat.executable,
            racy=racy,
        )

    def fits(self, stat: Stat) -> bool:
        """Whether the disk still holds just what it held: nothing has touched it since."""
        if stat.kind is not self.kind or stat.inode != self.inode:
            return False
        if self.kind is Kind.DIRECTORY:
            return True
        return (
            stat.size == self.size
            and stat.mtime_ns == self.mtime_ns
            and stat.ctime_ns == self.ctime_ns
        )


def pack_heads(heads: Iterable[Dot]) -> bytes:
    """The form in which a row keeps heads."""
    return b"".join(device + counter.to_bytes(8, "big") for device, counter in sorted(heads))


def new_row(
    node: NodeId, parent: NodeId, name: bytes, stat: Stat, *, racy: bool = False
) -> IndexRow:
    """The row of a node that is in place for the first time."""
    empty = IndexRow(node, parent, name, 0, 0, 0, 0, executable=False)
    return empty.with_stat(stat, racy=racy)


class DiskIndex:
    """The rows of one folder, whose own directory is node `root` (it has no row)."""

    def __init__(self, connection: sqlite3.Connection, root: NodeId) -> None:
        self._connection = connection
        self.root = root

    def row(self, node: NodeId) -> IndexRow | None:
        """The row of a node, or None."""
        return self._one(_BY_NODE, node)

    def at(self, parent: NodeId, name: bytes) -> IndexRow | None:
        """The row that stands at a name, or None."""
        return self._one(_AT_PLACE, parent, name)

    def children(self, parent: NodeId) -> list[IndexRow]:
        """The rows directly inside a directory."""
        return self._many(_BY_PLACE, parent)

    def expected(self, parent: NodeId) -> dict[bytes, tuple[int, ...]]:
        """By name, the `Stat` of every file and link in a directory that certainly is the same.

        Those of which a stat is no proof (directories, racy files) stand for something that no
        stat equals.
        """
        rows = self._connection.execute(_EXPECTED, (self.root, parent))
        return {row[0]: row[1:] for row in rows.fetchall()}

    def with_inode(self, inode: int) -> list[IndexRow]:
        """The rows that had this inode."""
        return self._many(_BY_INODE, inode)

    def find(self, path: bytes) -> NodeId | None:
        """The node at a path, the folder's own for `b""`; None when the index has none."""
        node = self.root
        for name in path.split(b"/") if path else ():
            row = self.at(node, name)
            if row is None:
                return None
            node = row.node
        return node

    def path(self, node: NodeId) -> bytes | None:
        """The path of a node; None when it, or a directory above, has no row."""
        names: list[bytes] = []
        while node not in (self.root, ASIDE_NODE):
            row = self.row(node)
            if row is None:
                return None
            names.append(row.name)
            node = row.parent
        if node == ASIDE_NODE:
            names.append(ASIDE)
        return b"/".join(reversed(names))

    def below(self, node: NodeId) -> Iterator[IndexRow]:
        """The rows below a directory, each directory before what it holds."""
        for child in self.children(node):
            yield child
            if child.kind is Kind.DIRECTORY:
                yield from self.below(child.node)

    def nodes(self) -> list[NodeId]:
        """Every node that has a row."""
        query = "SELECT node FROM disk_index WHERE folder = ?"
        return [NodeId(row[0]) for row in self._connection.execute(query, (self.root,))]

    def totals(self) -> tuple[int, int]:
        """How many files and links are in place, and their bytes together."""
        files, size = self._connection.execute(
            "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM disk_index"
            " WHERE folder = ? AND digest != x''",
            (self.root,),
        ).fetchone()
        return files, size

    def count(self) -> int:
        """How many rows there are."""
        query = "SELECT COUNT(*) FROM disk_index WHERE folder = ?"
        return int(self._connection.execute(query, (self.root,)).fetchone()[0])

    def count_below(self, chosen: Callable[[bytes], bool]) -> int:
        """How many rows lie below the topmost directories whose names are chosen."""
        query = "SELECT DISTINCT name FROM disk_index WHERE folder = ?"
        names = [row[0] for row in self._connection.execute(query, (self.root,)) if chosen(row[0])]
        tops = [
            NodeId(row[0])
            for name in names
            for row in self._connection.execute(
                "SELECT node FROM disk_index WHERE folder = ? AND name = ?", (self.root, name)
            )
        ]
        below = {row.node for top in tops for row in self.below(top)}
        return len(below)

    def put(self, rows: Iterable[IndexRow]) -> None:
        """Remember rows, each in place of its node's row and of whatever stood at its name."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO disk_index VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(self.root, *row) for row in rows],
        )

    def remove(self, nodes: Iterable[NodeId]) -> None:
        """Forget rows; those below a directory are not removed with it."""
        self._connection.executemany(
            "DELETE FROM disk_index WHERE folder = ? AND node = ?",
            [(self.root, node) for node in nodes],
        )

    def remove_unreachable(self) -> set[NodeId]:
        """Forget rows below directories that have none: no scan would ever come to them.

        Returns their nodes: nobody knows where they are, so they are to be planned again.
        """
        query = (
            "SELECT node FROM disk_index WHERE folder = ?1 AND parent NOT IN (?1, ?2)"
            " AND parent NOT IN (SELECT node FROM disk_index WHERE folder = ?1)"
        )
        gone: set[NodeId] = set()
        while found := self._connection.execute(query, (self.root, ASIDE_NODE)).fetchall():
            nodes = [NodeId(row[0]) for row in found]
            self.remove(nodes)
            gone.update(nodes)  # and then what lay below those
        return gone

    def clear(self) -> None:
        """Forget everything: the folder is not synced any more."""
        self._connection.execute("DELETE FROM disk_index WHERE folder = ?", (self.root,))

    def _one(self, query: str, *values: object) -> IndexRow | None:
        found = self._connection.execute(query, (self.root, *values)).fetchone()
        return IndexRow._make(found) if found is not None else None

    def _many(self, query: str, *values: object) -> list[IndexRow]:
        rows = self._connection.execute(query, (self.root, *values)).fetchall()
        return list(map(IndexRow._make, rows))
