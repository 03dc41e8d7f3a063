"""What happened to the vault's files, in order of the time it was done: for people to read.

One row an operation that a person would recognise as a deed; what belongs to the making of a file
(its first content, its attributes) is told by its creation.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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
    ),
)


class Deed(StrEnum):
    """What was done."""

    CREATED = "created"
    CHANGED = "changed"
    MOVED = "moved"
    DELETED = "deleted"
    MODE = "mode"


@dataclass(frozen=True, slots=True)
class Event:
    """One deed. `parent` and `name` are where it put the node, None where it put it nowhere."""

    stamp: Stamp
    deed: Deed
    node: NodeId
    parent: NodeId | None = None
    name: bytes | None = None


class History:
    """The events of one replica. Changes belong into the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, batches: Iterable[Batch]) -> None:
        """Remember what these batches did; repeating it does no harm."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?, ?, ?)",
            (
                (*each.stamp, each.deed, each.node, each.parent, each.name)
                for batch in batches
                for each in _events(batch)
            ),
        )

    def newest(self) -> Iterator[Event]:
        """All events, newest first."""
        rows = self._connection.execute(
            "SELECT time, device, deed, node, parent, name FROM event"
            " ORDER BY time DESC, device DESC"
        )
        for time, device, deed, node, parent, name in rows:
            above = NodeId(parent) if parent is not None else None
            yield Event(Stamp(time, device), Deed(deed), NodeId(node), above, name)


def _events(batch: Batch) -> Iterator[Event]:
    made: set[NodeId] = set()
    for operation in batch.operations:
        event = _event(operation)
        if event.deed is Deed.CREATED:
            made.add(event.node)
        elif event.node in made and event.deed in (Deed.CHANGED, Deed.MODE):
            continue
        yield event


def _event(operation: Operation) -> Event:
    match operation.action:
        case Create(node, parent, name):
            return Event(operation.stamp, Deed.CREATED, node, parent, name)
        case Move(node, parent, name):
            return Event(operation.stamp, Deed.MOVED, node, parent, name)
        case Write(node, _, _):
            return Event(operation.stamp, Deed.CHANGED, node)
        case SetAttribute(node, _, _):
            return Event(operation.stamp, Deed.MODE, node)
        case Delete(_, root, _):
            return Event(operation.stamp, Deed.DELETED, root)
