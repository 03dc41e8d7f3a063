"""What phones are told of the tree: its entries by path, and in which order they changed.

An observation of the replica, in a database of its own, so that cursors and the versions of
directories outlive a restart. It is compared with the replica whenever the gateway starts. A file
that is damaged, or of another form, is thrown away: the index begins a new *life*, cursors of the
old one are refused, and phones list everything once more.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from cozysync.vault import Entropy
from cozysync_conflict import ROOT, Kind, NodeId, kind_of

FORM = 3
"""Changes with the tables; an index of another form is made anew."""

SYNCHRONOUS = "FULL"
"""A cursor that was given out must not mean something else after a power cut."""

GONE_KEPT = 200_000
"""Departed paths that are remembered: cursors from before them are refused."""

_TABLES = """
CREATE TABLE life (id TEXT NOT NULL, form INTEGER NOT NULL, sequence INTEGER NOT NULL,
    floor INTEGER NOT NULL, seen BLOB NOT NULL);
CREATE TABLE entry (
    node BLOB PRIMARY KEY, parent BLOB NOT NULL, path BLOB NOT NULL, digest BLOB NOT NULL,
    mtime INTEGER NOT NULL, size INTEGER NOT NULL, executable INTEGER NOT NULL,
    placed INTEGER NOT NULL, changed INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX entry_path ON entry (path);
CREATE INDEX entry_parent ON entry (parent);
CREATE INDEX entry_placed ON entry (placed, path);
CREATE TABLE gone (sequence INTEGER PRIMARY KEY, node BLOB NOT NULL, path BLOB NOT NULL);
"""
_SELECT = "SELECT node, parent, path, digest, mtime, size, executable, placed, changed FROM entry"


class Row(NamedTuple):
    """An entry as the replica shows it. The root's path is empty; others begin with a slash."""

    node: NodeId
    parent: NodeId
    path: bytes
    digest: bytes = b""
    mtime_ns: int = 0
    size: int = 0
    executable: bool = False

    @property
    def kind(self) -> Kind:
        """What the node is."""
        return kind_of(self.node)


class Known(NamedTuple):
    """An entry in the index: when it itself changed, and when anything at or below it did."""

    row: Row
    placed: int
    changed: int


class Gone(NamedTuple):
    """A path that a node has left; `now` is where it stands, None when nowhere."""

    sequence: int
    node: NodeId
    path: bytes
    now: bytes | None


class Life(NamedTuple):
    """The index as such: cursors of another life, or from before `floor`, mean nothing."""

    id: str
    sequence: int
    floor: int


class Shown(Protocol):
    """The tree as it is now."""

    def row(self, node: NodeId) -> Row | None:
        """The node's entry, None when it is not shown."""

    def listing(self, directory: NodeId) -> Iterable[NodeId]:
        """What a directory shows."""


class ViewIndex:
    """The index. `update` is for one caller at a time; `look` for any number, beside it."""

    def __init__(self, path: Path, entropy: Entropy) -> None:
        self._path = path
        self._entropy = entropy
        self._writer = self._opened()
        self._reader = _connect(path)

    def close(self) -> None:
        """Close the file."""
        self._writer.close()
        self._reader.close()

    # --- following the replica ---------------------------------------------------------------

    def update(
        self, touched: Iterable[NodeId], shown: Shown, *, seen: bytes = b"", deep: bool = True
    ) -> None:
        """Take over what is shown of these nodes now.

        What a directory brings with it, or takes along, is found by itself if `deep`. `seen` names
        the state of the tree that the index then agrees with; nothing while it need not agree.
        """
        with _transaction(self._writer):
            here = self.here
            changes = _Changes(here, shown, deep)
            changes.consider(touched)
            if changes.found:
                self._take(changes, here.life())
            self._writer.execute("UPDATE life SET seen = ?", (seen,))

    @property
    def here(self) -> "Look":
        """For whoever updates: the index as it is after the last update."""
        return Look(self._writer)

    def _take(self, changes: "_Changes", life: Life) -> None:
        sequence = life.sequence
        paths: set[bytes] = set()
        order = sorted(
            changes.found.items(), key=lambda each: each[1][1].path if each[1][1] else b""
        )
        for node, (before, after) in order:
            if before is not None and (after is None or after.path != before.path):
                sequence += 1
                self._writer.execute(
                    "INSERT INTO gone VALUES (?, ?, ?)", (sequence, node, before.path)
                )
                paths.add(before.path)
        for node, (_, after) in order:
            if after is None:
                self._writer.execute("DELETE FROM entry WHERE node = ?", (node,))
                continue
            sequence += 1
            self._writer.execute(
                "INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*after, sequence, sequence),
            )
            paths.add(after.path)
        self._writer.executemany(
            "UPDATE entry SET changed = ? WHERE path = ? AND substr(node, 1, 1) = x'01'",
            [(sequence, path) for path in {above for path in paths for above in _above(path)}],
        )
        floor = self._forgotten(life.floor)
        self._writer.execute("UPDATE life SET sequence = ?, floor = ?", (sequence, floor))

    def _forgotten(self, floor: int) -> int:
        row = self._writer.execute(
            "SELECT sequence FROM gone ORDER BY sequence DESC LIMIT 1 OFFSET ?", (GONE_KEPT,)
        ).fetchone()
        if row is None:
            return floor
        self._writer.execute("DELETE FROM gone WHERE sequence <= ?", row)
        return int(row[0])

    # --- looking -----------------------------------------------------------------------------

    @contextmanager
    def look(self) -> Iterator["Look"]:
        """The index at one moment. One look at a time."""
        with _transaction(self._reader, "BEGIN"):
            yield Look(self._reader)

    # --- the file ----------------------------------------------------------------------------

    def _opened(self) -> sqlite3.Connection:
        try:
            return self._prepared(_connect(self._path))
        except (sqlite3.DatabaseError, _OtherForm) as error:
            if isinstance(error, sqlite3.OperationalError):
                raise  # the disk is full or broken, and the file may be sound
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            return self._prepared(_connect(self._path))

    def _prepared(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise _OtherForm
            known = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
            if known and Look(connection).form() != FORM:
                raise _OtherForm
            if not known:
                with _transaction(connection):
                    for statement in _TABLES.split(";"):
                        connection.execute(statement)
                    life = (self._entropy(8).hex(), FORM)
                    connection.execute("INSERT INTO life VALUES (?, ?, 0, 0, x'')", life)
        except BaseException:
            connection.close()
            raise
        return connection


class Look:
    """Questions to the index."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def life(self) -> Life:
        """Which life it is, and how far it has come."""
        return Life(*self._connection.execute("SELECT id, sequence, floor FROM life").fetchone())

    def form(self) -> int | None:
        """The form of its tables."""
        row = self._connection.execute("SELECT form FROM life").fetchone()
        return int(row[0]) if row is not None else None

    def seen(self) -> bytes:
        """The state of the tree that it agrees with, as `update` was told."""
        return bytes(self._connection.execute("SELECT seen FROM life").fetchone()[0])

    def at(self, path: bytes) -> Known | None:
        """What stands at a path; while two do, always the same of them."""
        return self._one("WHERE path = ? ORDER BY node LIMIT 1", path)

    def node(self, node: NodeId) -> Known | None:
        """Where a node stands."""
        return self._one("WHERE node = ?", node)

    def children(self, directory: NodeId) -> list[Known]:
        """What a directory holds, by name; while two have one name, one of them."""
        found = self._many("WHERE parent = ? AND node <> ? ORDER BY path, node", directory, ROOT)
        return [
            one for n, one in enumerate(found) if not n or found[n - 1].row.path != one.row.path
        ]

    def below(self, path: bytes) -> list[Known]:
        """All below a directory, by path: each directory before what it holds."""
        return self._many("WHERE path > ? AND path < ? ORDER BY path", *_within(path))

    def placed(self, path: bytes, since: int, limit: int) -> list[Known]:
        """What is below a directory and changed itself after `since`, in that order."""
        # By that index, or each page of a large folder would be sorted out of all that is in it.
        return self._many(
            "INDEXED BY entry_placed WHERE placed > ? AND path > ? AND path < ?"
            " ORDER BY placed LIMIT ?",
            since, *_within(path), limit,
        )  # fmt: skip

    def gone(self, path: bytes, since: int, limit: int) -> list[Gone]:
        """The paths below a directory that were left after `since`, in that order."""
        rows = self._connection.execute(
            "SELECT sequence, gone.node, gone.path, entry.path FROM gone"
            " LEFT JOIN entry ON entry.node = gone.node"
            " WHERE sequence > ? AND gone.path > ? AND gone.path < ? ORDER BY sequence LIMIT ?",
            (since, *_within(path), limit),
        )
        return [Gone(number, NodeId(node), left, now) for number, node, left, now in rows]

    def used(self) -> int:
        """The bytes of all files together."""
        return int(self._connection.execute("SELECT TOTAL(size) FROM entry").fetchone()[0])

    def nodes(self) -> list[NodeId]:
        """All nodes that it knows."""
        return [NodeId(row[0]) for row in self._connection.execute("SELECT node FROM entry")]

    def _one(self, rest: str, *values: object) -> Known | None:
        return next(iter(self._many(rest, *values)), None)

    def _many(self, rest: str, *values: object) -> list[Known]:
        rows = self._connection.execute(f"{_SELECT} {rest}", values).fetchall()
        return [_known(*row) for row in rows]


class _Changes:
    """What one update finds: by node, the entry before and after."""

    def __init__(self, here: Look, shown: Shown, deep: bool) -> None:
        self._here = here
        self._shown = shown
        self._deep = deep
        self.found: dict[NodeId, tuple[Row | None, Row | None]] = {}

    def consider(self, touched: Iterable[NodeId]) -> None:
        queue, seen = list(touched), set[NodeId]()
        while queue:
            node = queue.pop()
            if node in seen:
                continue
            seen.add(node)
            known, after = self._here.node(node), self._shown.row(node)
            before = known.row if known is not None else None
            if before == after:
                continue
            same_path = before is not None and after is not None and before.path == after.path
            if kind_of(node) is not Kind.DIRECTORY:
                self.found[node] = (before, after)
            elif not same_path:
                self.found[node] = (before, after)
                if self._deep:
                    queue += [child.row.node for child in self._here.children(node)]
                    queue += self._shown.listing(node) if after is not None else ()


class _OtherForm(Exception):
    """A file that cannot be used."""


def _known(
    node: bytes, parent: bytes, path: bytes, digest: bytes, mtime: int, size: int,
    executable: int, placed: int, changed: int,
) -> Known:  # fmt: skip
    row = Row(NodeId(node), NodeId(parent), path, digest, mtime, size, bool(executable))
    return Known(row, placed, changed)


def _within(path: bytes) -> tuple[bytes, bytes]:
    """The bounds between which, in the order of bytes, just the paths below a directory are."""
    return path + b"/", path + b"0"


def _above(path: bytes) -> Iterator[bytes]:
    """The paths of the directories above."""
    while path:
        path = path.rpartition(b"/")[0]
        yield path


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA synchronous={SYNCHRONOUS}")
    return connection


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
