"""What happened to the vault's files, in order of the time it was done: for people to read.

One row an operation that a person would recognise as a deed; what belongs to the making of a file
(its first content, its attributes) is told by its creation.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from cozysync.replica.database import Schema
from cozysync_conflict import (
    Batch,
    Create,
    Delete,
    Move,
    NodeId,
    Operation,
    SetAttribute,
    Stamp,
    Write,
    is_about_conflicts,
)

HISTORY_SCHEMA = Schema(
    "history",
    (
        """
        CREATE TABLE event (
            time INTEGER NOT NULL, device BLOB NOT NULL, deed TEXT NOT NULL,
            node BLOB NOT NULL, parent BLOB, name BLOB,
            PRIMARY KEY (time, device)
        ) WITHOUT ROWID;
        """,
        """
        CREATE TABLE gone (
            node BLOB NOT NULL, time INTEGER NOT NULL, device BLOB NOT NULL,
            PRIMARY KEY (node, time, device)
        ) WITHOUT ROWID;
        INSERT INTO gone SELECT node, time, device FROM event WHERE deed = 'deleted';
        CREATE INDEX event_node ON event (node);
        CREATE INDEX event_place ON event (parent, name) WHERE parent IS NOT NULL;
        """,
    ),
)


class Deed(StrEnum):
    """What was done."""

    CREATED = "created"
    CHANGED = "changed"
    MOVED = "moved"
    DELETED = "deleted"
    MODE = "mode"
    GIVEN = "given"
    """An attribute that a node was created with: part of its making, and no deed of its own."""


@dataclass(frozen=True, slots=True)
class Event:
    """One deed. `parent` and `name` are where it put the node, None where it put it nowhere.

    For an attribute `name` is its key, an equals sign, and the value.
    """

    stamp: Stamp
    deed: Deed
    node: NodeId
    parent: NodeId | None = None
    name: bytes | None = None


class History:
    """The events of one replica. Changes belong into the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, batches: Sequence[Batch]) -> None:
        """Remember what these batches did; repeating it does no harm."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?, ?, ?)",
            (
                (*each.stamp, each.deed, each.node, each.parent, each.name)
                for batch in batches
                for each in _events(batch)
            ),
        )
        self._connection.executemany(
            "INSERT OR IGNORE INTO gone VALUES (?, ?, ?)",
            (
                (node, *operation.stamp)
                for batch in batches
                for operation in batch.operations
                if isinstance(operation.action, Delete)
                for node, _ in operation.action.nodes
            ),
        )

    def newest(self) -> Iterator[Event]:
        """All events, newest first."""
        return self._events("WHERE deed <> 'given' ORDER BY time DESC, device DESC")

    def of_node(self, node: NodeId) -> list[Event]:
        """What was done to one node, oldest first; deletions are in `deletions`."""
        return list(self._events("WHERE node = ? ORDER BY time, device", node))

    def placed(self, parent: NodeId, name: bytes) -> set[NodeId]:
        """Every node that was ever put there."""
        rows = self._events("WHERE parent = ? AND name = ?", parent, name)
        return {event.node for event in rows}

    def placed_below(self, parent: NodeId) -> set[NodeId]:
        """Every node that was ever put into a directory."""
        return {event.node for event in self._events("WHERE parent = ?", parent)}

    def deletions(self, node: NodeId) -> list[Stamp]:
        """When a node was deleted, oldest first."""
        rows = self._connection.execute(
            "SELECT time, device FROM gone WHERE node = ? ORDER BY time, device", (node,)
        )
        return [Stamp(*row) for row in rows]

    def touched_by(self, device: bytes, since: int) -> set[NodeId]:
        """The nodes that a device did something to at or after a hybrid time."""
        rows = self._connection.execute(
            "SELECT node FROM event WHERE device = ?1 AND time >= ?2"
            " UNION SELECT node FROM gone WHERE device = ?1 AND time >= ?2",
            (device, since),
        )
        return {NodeId(row[0]) for row in rows}

    def _events(self, rest: str, *values: bytes) -> Iterator[Event]:
        rows = self._connection.execute(
            # `rest` is one of the constants above
            "SELECT time, device, deed, node, parent, name FROM event " + rest,  # noqa: S608
            values,
        )
        for time, device, deed, node, parent, name in rows:
            above = NodeId(parent) if parent is not None else None
            yield Event(Stamp(time, device), Deed(deed), NodeId(node), above, name)


def _events(batch: Batch) -> Iterator[Event]:
    made: set[NodeId] = set()
    for operation in batch.operations:
        event = _event(operation)
        if event is None:
            continue
        if event.deed is Deed.CREATED:
            made.add(event.node)
        elif event.node in made and event.deed is Deed.CHANGED:
            continue
        elif event.node in made and event.deed is Deed.MODE:
            event = replace(event, deed=Deed.GIVEN)
        yield event


def _event(operation: Operation) -> Event | None:
    match operation.action:
        case Create(node, parent, name):
            return Event(operation.stamp, Deed.CREATED, node, parent, name)
        case Move(node, parent, name):
            return Event(operation.stamp, Deed.MOVED, node, parent, name)
        case Write(node, _, _):
            return Event(operation.stamp, Deed.CHANGED, node)
        case SetAttribute(node, key, value):
            if is_about_conflicts(key):
                return None  # told by the inbox
            return Event(operation.stamp, Deed.MODE, node, name=key.encode() + b"=" + value)
        case Delete(_, root, _):
            return Event(operation.stamp, Deed.DELETED, root)
