"""The rows of a snapshot: what a replica's tables hold, in a form that any device can read.

Each *section* is one table's share: a query that gives its rows in a fixed order, their form on
the wire, and the way back. What another device sends is checked as strictly as a sealed body: it
holds the vault's keys, which does not make it harmless.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cozysync.replica.body_limits import MAX_NAME
from cozysync.replica.tree import packed_node, unpacked_node
from cozysync_conflict import (
    Content,
    Deletion,
    DirectoryMove,
    Dot,
    Head,
    Kind,
    Node,
    NodeId,
    Stamp,
    VersionVector,
)
from cozysync_protocol import MAX_INTEGER, Malformed

Row = Sequence[Any]

_DEVICE, _NODE, _DIGEST = 16, 16, 32
_KINDS = frozenset(int(kind) for kind in Kind)


@dataclass(frozen=True, slots=True)
class Section:
    """One table in a snapshot. `insert` takes what `read` made of a row as it came."""

    name: str
    select: str
    insert: str
    read: Callable[[Row], tuple[Any, ...]]
    written: Callable[[Row], Row] = tuple

    def rows(self, connection: sqlite3.Connection) -> Iterator[Row]:
        """The rows in the form that is sent."""
        for row in connection.execute(self.select):
            yield self.written(row)

    def put(self, connection: sqlite3.Connection, rows: Iterable[object]) -> None:
        """Write rows that came into the table; raises `Malformed`."""
        try:
            connection.executemany(self.insert, [self._read(row) for row in rows])
        except sqlite3.IntegrityError as error:
            raise Malformed(f"a snapshot's {self.name} with one row twice") from error

    def _read(self, row: object) -> tuple[Any, ...]:
        try:
            if not isinstance(row, list):
                raise TypeError("no array")
            return self.read(row)
        except (TypeError, ValueError, IndexError, KeyError) as error:
            raise Malformed(f"a snapshot's {self.name} with a row that cannot be") from error


# --- forms of values ------------------------------------------------------------------------


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= MAX_INTEGER:
        raise ValueError("no number")
    return value


def _bytes(value: Any, size: int | None = None) -> bytes:
    if type(value) is not bytes or (size is not None and len(value) != size):
        raise ValueError("no bytes of that size")
    return value


def _device(value: Any) -> bytes:
    return _bytes(value, _DEVICE)


def _node(value: Any) -> NodeId:
    node = _bytes(value, _NODE)
    if node[0] not in _KINDS:
        raise ValueError("no node")
    return NodeId(node)


def _name(value: Any) -> bytes:
    name = _bytes(value)
    if len(name) > MAX_NAME or b"/" in name or b"\0" in name or name in (b".", b".."):
        raise ValueError("a name that no directory can hold")
    return name


def _or_none(form: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else form(value)


def _text(value: Any) -> str:
    if type(value) is not str:
        raise ValueError("no text")
    return value


def _of(*forms: Callable[[Any], Any]) -> Callable[[Row], tuple[Any, ...]]:
    def read(row: Row) -> tuple[Any, ...]:
        return tuple([form(value) for form, value in zip(forms, row, strict=True)])

    return read


# --- nodes ------------------------------------------------------------------------------------


def _flat(vector: VersionVector) -> list[Any]:
    return [part for pair in sorted(vector.items()) for part in pair]


def _vector(flat: Any) -> VersionVector:
    found = dict(zip(map(_device, flat[::2]), map(_number, flat[1::2]), strict=True))
    return VersionVector(found)


def _stamp(value: Any) -> Stamp:
    time, device = value
    return Stamp(_number(time), _device(device))


def _dot(device: Any, counter: Any) -> Dot:
    return Dot(_device(device), _number(counter))


def _written_node(row: Row) -> Row:
    node = unpacked_node(*row)
    return [
        node.id,
        node.parent,
        node.name,
        node.placed,
        node.live,
        node.below,
        node.counted_at,
        sorted(node.tokens.items()),
        [[*move.dot, _flat(move.context)] for move in node.moves],
        [[*d.dot, *d.group, d.parent, _flat(d.context), d.moved] for d in node.deletions],
        [[*h.dot, h.stamp.time, h.content.digest, h.content.detail] for h in node.heads],
        sorted(node.early),
        [[key, *stamp, value] for key, (stamp, value) in sorted(node.attributes.items())],
    ]


def _read_node(row: Row) -> tuple[Any, ...]:
    (id, parent, name, placed, live, below, counted_at, tokens, moves, deletions, heads, early,
     attributes) = row  # fmt: skip
    if type(live) is not bool or (parent is not None and not name):
        raise ValueError("a node that is nowhere")
    return packed_node(
        Node(
            id=_node(id),
            parent=_or_none(_node)(parent),
            name=_name(name),
            placed=_or_none(_stamp)(placed),
            live=live,
            below=_number(below),
            counted_at=_or_none(_node)(counted_at),
            tokens={_device(device): _number(counter) for device, counter in tokens},
            moves=[DirectoryMove(_dot(d, c), _vector(seen)) for d, c, seen in moves],
            deletions=[
                Deletion(_dot(d, c), _dot(gd, gc), _node(above), _vector(seen), bool(moved))
                for d, c, gd, gc, above, seen, moved in deletions
            ],
            heads=[
                Head(
                    _dot(d, c),
                    Stamp(_number(time), d),
                    Content(_bytes(digest, _DIGEST), _bytes(detail)),
                )
                for d, c, time, digest, detail in heads
            ],
            early={_dot(*dot) for dot in early},
            attributes={
                _text(key): (_stamp((time, device)), _bytes(value))
                for key, time, device, value in attributes
            },
        )
    )


SECTIONS = (
    Section(
        "vector",
        "SELECT device, counter FROM vector ORDER BY device",
        "INSERT INTO vector VALUES (?, ?)",
        _of(_device, _number),
    ),
    Section(
        "node",
        "SELECT id, parent, name, counted_at, state FROM node ORDER BY id",
        "INSERT INTO node VALUES (?, ?, ?, ?, ?, ?)",
        _read_node,
        _written_node,
    ),
    Section(
        "deletion",
        "SELECT device, counter, node FROM deletion ORDER BY device, counter, node",
        "INSERT INTO deletion VALUES (?, ?, ?)",
        _of(_device, _number, _node),
    ),
    Section(
        "placement",
        "SELECT time, device, node, parent, name, taken, old_parent, old_name, old_time, old_device"
        " FROM placement ORDER BY time, device",
        "INSERT INTO placement VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        _of(
            _number, _device, _node, _node, _name, _number,
            _or_none(_node), _name, _or_none(_number), _or_none(_device),
        ),
    ),
    Section(
        "version",
        "SELECT node, time, device, counter, digest, detail, supersedes FROM version"
        " ORDER BY node, time, device",
        "INSERT INTO version VALUES (?, ?, ?, ?, ?, ?, ?)",
        _of(_node, _number, _device, _number, _bytes, _bytes, _bytes),
    ),
    Section(
        "event",
        "SELECT time, device, deed, node, parent, name FROM event ORDER BY time, device",
        "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)",
        _of(_number, _device, _text, _node, _or_none(_node), _or_none(_bytes)),
    ),
    Section(
        "gone",
        "SELECT node, time, device FROM gone ORDER BY node, time, device",
        "INSERT INTO gone VALUES (?, ?, ?)",
        _of(_node, _number, _device),
    ),
    Section(
        "pack",
        "SELECT id, retired FROM pack WHERE key IN (SELECT pack FROM chunk WHERE announced)"
        " OR key NOT IN (SELECT pack FROM chunk) ORDER BY id",
        "INSERT INTO pack (id, retired) VALUES (?, ?)"
        " ON CONFLICT (id) DO UPDATE SET retired = MAX(retired, excluded.retired)",
        _of(lambda value: _bytes(value, _DIGEST), _number),
    ),
    Section(
        "chunk",
        "SELECT chunk.id, pack.id, offset, length FROM chunk JOIN pack ON pack.key = chunk.pack"
        " WHERE announced ORDER BY pack.id, offset",
        "INSERT INTO chunk SELECT ?1, key, ?3, ?4, 1 FROM pack WHERE id = ?2 AND true"
        " ON CONFLICT (id) DO UPDATE SET pack = excluded.pack, offset = excluded.offset,"
        " length = excluded.length, announced = 1",
        _of(
            lambda value: _bytes(value, _DIGEST), lambda value: _bytes(value, _DIGEST),
            _number, _number,
        ),
    ),
)  # fmt: skip
"""In the order in which they are written and read: packs before the chunks in them."""
