"""One SQLite file that holds everything a device knows, shared by parts that own their tables.

How to think about it. Each part (the tree, the outbox, the disk index…) brings a `Schema`: its
name and a list of migrations, the n-th of which takes its tables from version n to n + 1. The
file remembers each part's version, so parts grow on their own. A file written by a newer
cozysync is refused rather than guessed at.

Everything that belongs together changes in one `transaction`. Commits wait for the disk
(`synchronous=FULL`): an entry that reached the server must never be forgotten here, or this
device would use its sequence number twice and look like a forger.

Nothing in the file is irreplaceable except entries not yet sent: a damaged file is reported and
never repaired in place, for the server and the disk hold what is needed to build it anew.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cozysync.vault.errors import CozyError

# How long a commit waits for another connection (a backup, a person with the sqlite3 tool).
BUSY_TIMEOUT_MS = 5_000
# Pages kept in memory, in KiB: enough for the upper levels of every index of a million files.
CACHE_KIB = 16_384
# Larger than the 128 of the library: the engine has some two hundred statements in use.
CACHED_STATEMENTS = 512

_HOUSEKEEPING = """
CREATE TABLE IF NOT EXISTS component (name TEXT PRIMARY KEY, version INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shutdown (clean INTEGER NOT NULL);
"""


class DamagedDatabase(CozyError):
    """The file is not a sound SQLite database any more."""

    def __init__(self, path: Path, finding: str) -> None:
        super().__init__(
            f"The database {path} is damaged: {finding}",
            "The daemon sets it aside and builds it anew from the server and your folders; nothing "
            "in those is lost. Check the disk as well: files do not break by themselves.",
        )
        self.path = path


class NewerDatabase(CozyError):
    """The file was written by a version of cozysync that knows more than this one."""

    def __init__(self, path: Path, component: str, version: int, known: int) -> None:
        super().__init__(
            f"The database {path} was written by a newer cozysync: its part «{component}» has "
            f"version {version}, and this one knows versions up to {known}.",
            "Install the newer cozysync again on this device.",
        )
        self.path = path


class DatabaseUnusable(CozyError):
    """The file cannot be written or read now: its disk is full, or has errors."""

    def __init__(self, path: Path, finding: str) -> None:
        super().__init__(
            f"{path} cannot be used: {finding}.",
            "Free some space on its disk if that is full, and check it. Nothing was lost; "
            "syncing goes on by itself.",
        )
        self.path = path


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Say of errors of the disk below a database which file they are about."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _OF_THE_DISK:
            raise DatabaseUnusable(path, str(error)) from error
        raise


_OF_THE_DISK = (
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables of one part.

    `migrations[n]` is a script of SQL statements that takes the part from version n to n + 1.
    A migration that was published is never edited; changes go into a further one.
    """

    component: str
    migrations: tuple[str, ...]


class Database:
    """An open database. Not safe for concurrent use: the caller serialises.

    It may be used from any thread, one at a time. Statements outside a `transaction` see and
    change the file at once; whatever belongs together goes into a transaction.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.connection = connection
        # Whether something went wrong with it; it is then looked through at the next start.
        self.is_doubted = False

    @classmethod
    def open(cls, path: Path, parts: Sequence[Schema]) -> Self:
        """Open or make the file and bring every part to its newest version.

        After an unclean end the whole file is checked first, which takes about a second for
        each GB. Raises `DamagedDatabase` or `NewerDatabase`; the file is then as it was.
        """
        connection: sqlite3.Connection | None = None
        try:
            with told(path):
                connection = _connect(path)
                connection.execute("PRAGMA journal_mode=WAL")
                return cls._prepared(path, connection, parts)
        except BaseException as error:
            if connection is not None:
                connection.close()
            if isinstance(error, sqlite3.DatabaseError) and _is_damage(error):
                raise DamagedDatabase(path, str(error)) from error
            raise

    @classmethod
    def in_memory(cls, parts: Sequence[Schema]) -> Self:
        """A database that is gone when closed, for tests and simulations."""
        path = Path(":memory:")
        return cls._prepared(path, _connect(path), parts)

    @classmethod
    def _prepared(cls, path: Path, connection: sqlite3.Connection, parts: Sequence[Schema]) -> Self:
        database = cls(path, connection)
        if not _ended_cleanly(connection):
            _check(path, connection)
        database._migrate(parts)
        return database

    def close(self) -> None:
        """Close the file and note that it was closed in good order; a second call does nothing."""
        try:
            if not self.connection.in_transaction and not self.is_doubted:
                self.connection.execute("UPDATE shutdown SET clean = 1")
        except sqlite3.ProgrammingError:
            return  # closed before
        except sqlite3.DatabaseError:
            pass  # then the next start looks the file through
        self.connection.close()

    @contextmanager
    def doubted_when_it_fails(self) -> Iterator[None]:
        """When what is done inside fails, the file is looked through before it is used again."""
        try:
            yield
        except Exception:
            self.is_doubted = True
            raise

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All changes inside become durable together, or none when an exception leaves it.

        Transactions do not nest: opening one inside another raises `RuntimeError`, for the
        inner one could not keep its promise. Raises `DamagedDatabase` when the file turns out
        to be broken.
        """
        if self.connection.in_transaction:
            raise RuntimeError("a transaction is open already")
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise
        except sqlite3.DatabaseError as error:
            if _is_damage(error):
                raise DamagedDatabase(self.path, str(error)) from error
            raise

    def _roll_back(self) -> None:
        # SQLite has rolled back by itself after some errors (a full disk, for one).
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def _migrate(self, parts: Sequence[Schema]) -> None:
        with self.transaction() as connection:
            for statement in _statements(_HOUSEKEEPING):
                connection.execute(statement)
            for part in parts:
                self._migrate_part(part)
            connection.execute("DELETE FROM shutdown")
            connection.execute("INSERT INTO shutdown VALUES (0)")

    def _migrate_part(self, part: Schema) -> None:
        row = self.connection.execute(
            "SELECT version FROM component WHERE name = ?", (part.component,)
        ).fetchone()
        version, known = (row[0] if row is not None else 0), len(part.migrations)
        if version > known:
            raise NewerDatabase(self.path, part.component, version, known)
        for migration in part.migrations[version:]:
            for statement in _statements(migration):
                self.connection.execute(statement)
        self.connection.execute(
            "INSERT OR REPLACE INTO component VALUES (?, ?)", (part.component, known)
        )


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=CACHED_STATEMENTS,
        timeout=BUSY_TIMEOUT_MS / 1000,
    )
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
    connection.execute("PRAGMA temp_store=MEMORY")
    return connection


def _ended_cleanly(connection: sqlite3.Connection) -> bool:
    """Whether the last user closed the file; a new file counts as clean."""
    there = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'shutdown'").fetchone()
    if there is None:
        return True
    row = connection.execute("SELECT clean FROM shutdown").fetchone()
    return row is not None and row[0] == 1


def _check(path: Path, connection: sqlite3.Connection) -> None:
    finding = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if finding != "ok":
        raise DamagedDatabase(path, str(finding))


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    # The low byte is the primary code; the rest only says where the damage was met.
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _statements(script: str) -> Iterator[str]:
    """The statements of a script; `executescript` would commit the transaction they are in."""
    statement = ""
    for piece in script.split(";"):
        statement += piece + ";"
        if sqlite3.complete_statement(statement):
            if statement.strip(" \n\t;"):
                yield statement
            statement = ""
