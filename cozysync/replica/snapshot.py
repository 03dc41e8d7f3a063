"""A replica's state of the vault as a stream of pieces, and a replica made from one.

How to think about it. A snapshot says what the log up to one position made of a replica, no more:
nothing of this device's folders, disk or outbox. The first piece is the *opening*: which state of
the log that is, and the newest time in it. The others hold rows, some of one table each. Pieces
are small, so neither side holds more than one in memory. The format is specified in
protocol/SPEC.md.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cozysync.replica.snapshot_rows import SECTIONS, Row
from cozysync_protocol import MAX_CHUNK, MAX_INTEGER, LogState, Malformed, Reader, decode, encode

SNAPSHOT_FORM = 1
"""The version of the pieces."""

# Sealed and compressed one by one: large enough to compress well, small beside a pack.
PIECE = 512 * 1024

_BY_NAME = {section.name: section for section in SECTIONS}


@dataclass(frozen=True, slots=True)
class Opening:
    """The state of the log that a snapshot stands for, and the newest hybrid time in it."""

    state: LogState
    clock: int

    def encode(self) -> bytes:
        """The first piece."""
        return encode([SNAPSHOT_FORM, self.state.encode(), self.clock])

    @classmethod
    def decode(cls, piece: bytes) -> "Opening":
        """What a first piece says; raises `Malformed`."""
        read = Reader(decode(piece, max_bytes=MAX_CHUNK), "snapshot", fields=3)
        if read.integer() != SNAPSHOT_FORM:
            raise Malformed("a snapshot of a form that is not known")
        return cls(LogState.decode(read.blob(MAX_CHUNK)), read.integer(0, MAX_INTEGER))


def write_snapshot(connection: sqlite3.Connection, opening: Opening) -> Iterator[bytes]:
    """The pieces; the connection must show one state until the last one is taken."""
    yield opening.encode()
    for section in SECTIONS:
        yield from _pieces(section.name, section.rows(connection))


def read_snapshot(connection: sqlite3.Connection, pieces: Iterable[bytes]) -> Opening:
    """Put what a snapshot says in place of what the replica has; in the caller's transaction.

    Where chunks lie that no entry tells of yet stays. Raises `Malformed`.
    """
    stream = iter(pieces)
    opening = Opening.decode(next(stream, b""))
    _clear(connection)
    at = 0
    for piece in stream:
        read = Reader(decode(piece, max_bytes=MAX_CHUNK), "snapshot", fields=2)
        name = read.text(16)
        if name not in _BY_NAME or SECTIONS.index(_BY_NAME[name]) < at:
            raise Malformed("a snapshot with rows of a table that is not due")
        at = SECTIONS.index(_BY_NAME[name])
        _BY_NAME[name].put(connection, read.array(MAX_CHUNK))
    return opening


def _pieces(name: str, rows: Iterable[Row]) -> Iterator[bytes]:
    held: list[Row] = []
    size = 0
    for row in rows:
        held.append(row)
        size += len(encode(row))
        if size >= PIECE:
            yield encode([name, held])
            held, size = [], 0
    if held:
        yield encode([name, held])


def _clear(connection: sqlite3.Connection) -> None:
    for section in SECTIONS:
        if section.name not in ("chunk", "pack"):
            connection.execute(f"DELETE FROM {section.name}")  # noqa: S608
    connection.execute("DELETE FROM chunk WHERE announced")
    connection.execute("DELETE FROM pack WHERE key NOT IN (SELECT pack FROM chunk)")
