"""The replicated tree in SQLite: `cozysync_conflict`'s store.

A node is one row: what queries look for in columns, the rest in one packed value. While
operations are applied, nodes live in a working set that `flush` writes in one go; so a batch of
ten thousand costs one statement a table, and memory holds no more than one batch concerns.
"""

import sqlite3
from collections.abc import Iterable
from typing import Any

import msgpack

from cozysync.replica.database import Schema
from cozysync_conflict import (
    Content,
    Deletion,
    DirectoryMove,
    Dot,
    Head,
    Node,
    NodeId,
    Placement,
    Stamp,
    Version,
    VersionVector,
    bears_record,
)

TREE_SCHEMA = Schema(
    "tree",
    (
        """
        CREATE TABLE node (
            id BLOB PRIMARY KEY,
            parent BLOB,
            name BLOB NOT NULL,
            counted_at BLOB,
            unsettled INTEGER NOT NULL,
            state BLOB NOT NULL
        ) WITHOUT ROWID;
        CREATE INDEX node_place ON node (counted_at, name) WHERE counted_at IS NOT NULL;
        CREATE INDEX node_unsettled ON node (id) WHERE unsettled;
        CREATE TABLE vector (device BLOB PRIMARY KEY, counter INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE deletion (
            device BLOB NOT NULL, counter INTEGER NOT NULL, node BLOB NOT NULL,
            PRIMARY KEY (device, counter, node)
        ) WITHOUT ROWID;
        CREATE TABLE placement (
            time INTEGER NOT NULL, device BLOB NOT NULL, node BLOB NOT NULL,
            parent BLOB NOT NULL, name BLOB NOT NULL, taken INTEGER NOT NULL,
            old_parent BLOB, old_name BLOB NOT NULL, old_time INTEGER, old_device BLOB,
            PRIMARY KEY (time, device)
        ) WITHOUT ROWID;
        CREATE TABLE version (
            node BLOB NOT NULL, time INTEGER NOT NULL, device BLOB NOT NULL,
            counter INTEGER NOT NULL, digest BLOB NOT NULL, detail BLOB NOT NULL,
            PRIMARY KEY (node, time, device)
        ) WITHOUT ROWID;
        """,
        "ALTER TABLE version ADD COLUMN supersedes BLOB NOT NULL DEFAULT x'';",
    ),
)

_Row = tuple[Any, ...]

# What `node.unsettled` says: why a node must be found without looking at all of them.
_HAS_DELETIONS, _IS_CONTESTED, _BEARS_RECORD = 1, 2, 4


class SqliteStore:
    """A `cozysync_conflict.Store` over the tables of `TREE_SCHEMA`.

    Changes belong into the caller's transaction; after a rollback call `forget`.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._nodes: dict[NodeId, Node | None] = {}
        self._changed: set[NodeId] = set()
        self._versions: list[_Row] = []
        self._vector: VersionVector | None = None

    def forget(self) -> None:
        """Let go of everything not written: the transaction it belonged to was undone."""
        self._nodes.clear()
        self._changed.clear()
        self._versions.clear()
        self._vector = None

    def vector(self) -> VersionVector:
        if self._vector is None:
            rows = self._connection.execute("SELECT device, counter FROM vector")
            self._vector = VersionVector(dict(rows.fetchall()))
        return self._vector

    def set_vector(self, vector: VersionVector) -> None:
        self._connection.executemany("INSERT OR REPLACE INTO vector VALUES (?, ?)", vector.items())
        self._vector = vector

    def get(self, node: NodeId) -> Node | None:
        if node in self._nodes:
            return self._nodes[node]
        row = self._connection.execute(
            "SELECT parent, name, counted_at, state FROM node WHERE id = ?", (node,)
        ).fetchone()
        found = unpacked_node(node, *row) if row is not None else None
        if self._changed:
            self._nodes[node] = found
        return found

    def put(self, node: Node) -> None:
        self._nodes[node.id] = node
        self._changed.add(node.id)

    def counted(self, directory: NodeId) -> list[NodeId]:
        rows = self._connection.execute("SELECT id FROM node WHERE counted_at = ?", (directory,))
        return [NodeId(row[0]) for row in rows]

    def named(self, directory: NodeId, name: bytes) -> list[NodeId]:
        rows = self._connection.execute(
            "SELECT id FROM node WHERE counted_at = ? AND name = ?", (directory, name)
        )
        return [NodeId(row[0]) for row in rows]

    def everything(self) -> set[NodeId]:
        """Every node that was ever heard of."""
        return {NodeId(row[0]) for row in self._connection.execute("SELECT id FROM node")}

    def deleted(self) -> list[NodeId]:
        return self._unsettled(_HAS_DELETIONS)

    def contested(self) -> list[NodeId]:
        return self._unsettled(_IS_CONTESTED)

    def recorded(self) -> list[NodeId]:
        return self._unsettled(_BEARS_RECORD)

    def clashing(self) -> list[NodeId]:
        """The shown nodes that share their name with another in the same directory."""
        rows = self._connection.execute(
            "SELECT node.id FROM node JOIN (SELECT counted_at, name FROM node"
            " WHERE counted_at IS NOT NULL GROUP BY counted_at, name HAVING COUNT(*) > 1) AS twin"
            " ON node.counted_at = twin.counted_at AND node.name = twin.name"
        )
        return [NodeId(row[0]) for row in rows]

    def _unsettled(self, why: int) -> list[NodeId]:
        rows = self._connection.execute(
            "SELECT id FROM node WHERE unsettled AND unsettled & ?", (why,)
        )
        return [NodeId(row[0]) for row in rows]

    def group(self, group: Dot) -> list[NodeId]:
        rows = self._connection.execute(
            "SELECT node FROM deletion WHERE device = ? AND counter = ?", group
        )
        return [NodeId(row[0]) for row in rows]

    def add_to_group(self, group: Dot, nodes: Iterable[NodeId]) -> None:
        self._connection.executemany(
            "INSERT OR IGNORE INTO deletion VALUES (?, ?, ?)", [(*group, node) for node in nodes]
        )

    def newest_placement(self) -> Stamp | None:
        row = self._connection.execute(
            "SELECT time, device FROM placement ORDER BY time DESC, device DESC LIMIT 1"
        ).fetchone()
        return Stamp(*row) if row is not None else None

    def placements_after(self, stamp: Stamp) -> list[Placement]:
        rows = self._connection.execute(
            "SELECT * FROM placement WHERE (time, device) > (?, ?) ORDER BY time, device", stamp
        )
        return [_placement(*row) for row in rows]

    def put_placements(self, placements: Iterable[Placement]) -> None:
        self._connection.executemany(
            "INSERT OR REPLACE INTO placement VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (*p.stamp, p.node, p.parent, p.name, p.taken, p.old_parent, p.old_name)
                + (p.old_stamp or (None, None))
                for p in placements
            ],
        )

    def drop_placements_before(self, stamp: Stamp) -> None:
        self._connection.execute("DELETE FROM placement WHERE (time, device) < (?, ?)", stamp)

    def add_version(self, node: NodeId, version: Version) -> None:
        dot, stamp, content, supersedes = version
        before = msgpack.packb(supersedes) if supersedes else b""
        self._versions.append(
            (node, stamp.time, stamp.device, dot.counter, content.digest, content.detail, before)
        )

    def versions(self, node: NodeId) -> list[Version]:
        rows = self._connection.execute(
            "SELECT time, device, counter, digest, detail, supersedes FROM version WHERE node = ?"
            " ORDER BY time, device",
            (node,),
        )
        found = [
            Version(Dot(device, counter), Stamp(time, device), Content(digest, detail), _dots(seen))
            for time, device, counter, digest, detail, seen in rows
        ]
        if all(version.content.detail for version in found):
            return found
        # What history has let go of may still be had: it was written more than once.
        known = self.get(node)
        heads = known.heads if known is not None else ()
        contents = [each.content for each in (*found, *heads)]
        whole = {content.digest: content for content in contents if content.detail}
        return [
            each._replace(content=whole.get(each.content.digest, each.content)) for each in found
        ]

    def flush(self) -> None:
        self._connection.executemany(
            "INSERT OR REPLACE INTO version VALUES (?, ?, ?, ?, ?, ?, ?)", self._versions
        )
        rows = [
            packed_node(node)
            for each in sorted(self._changed)
            if (node := self._nodes[each]) is not None
        ]
        self._connection.executemany("INSERT OR REPLACE INTO node VALUES (?, ?, ?, ?, ?, ?)", rows)
        self._nodes.clear()
        self._changed.clear()
        self._versions.clear()


def packed_node(node: Node) -> _Row:
    """The row of a node."""
    state = msgpack.packb(
        (
            node.placed,
            node.live,
            node.below,
            node.tokens,
            [(*move.dot, dict(move.context)) for move in node.moves],
            [(*d.dot, *d.group, d.parent, dict(d.context), d.moved) for d in node.deletions],
            [(h.dot.counter, *h.stamp, h.content.digest, h.content.detail) for h in node.heads],
            list(node.early),
            node.attributes,
        )
    )
    unsettled = (
        (_HAS_DELETIONS if node.deletions or node.moves else 0)
        | (_IS_CONTESTED if len(node.heads) > 1 else 0)
        | (_BEARS_RECORD if bears_record(node) else 0)
    )
    return node.id, node.parent, node.name, node.counted_at, unsettled, state


def _dots(packed: bytes) -> tuple[Dot, ...]:
    return tuple(Dot(*each) for each in msgpack.unpackb(packed)) if packed else ()


def unpacked_node(
    id: NodeId, parent: NodeId | None, name: bytes, counted_at: NodeId | None, state: bytes
) -> Node:
    """The node of a row, without its `unsettled`."""
    placed, live, below, tokens, moves, deletions, heads, early, attributes = msgpack.unpackb(
        state, strict_map_key=False
    )
    return Node(
        id=id,
        parent=parent,
        name=name,
        placed=Stamp(*placed) if placed is not None else None,
        live=live,
        below=below,
        counted_at=counted_at,
        tokens=tokens,
        moves=[DirectoryMove(Dot(d, c), VersionVector(seen)) for d, c, seen in moves],
        deletions=[
            Deletion(Dot(d, c), Dot(gd, gc), above, VersionVector(seen), moved)
            for d, c, gd, gc, above, seen, moved in deletions
        ],
        heads=[
            Head(Dot(device, counter), Stamp(time, device), Content(digest, detail))
            for counter, time, device, digest, detail in heads
        ],
        early={Dot(*dot) for dot in early},
        attributes={key: (Stamp(*stamp), value) for key, (stamp, value) in attributes.items()},
    )


def _placement(
    time: int,
    device: bytes,
    node: bytes,
    parent: bytes,
    name: bytes,
    taken: int,
    old_parent: bytes | None,
    old_name: bytes,
    old_time: int | None,
    old_device: bytes | None,
) -> Placement:
    old_stamp = Stamp(old_time, old_device) if old_time is not None and old_device else None
    return Placement(
        Stamp(time, device),
        NodeId(node),
        NodeId(parent),
        name,
        bool(taken),
        NodeId(old_parent) if old_parent is not None else None,
        old_name,
        old_stamp,
    )
