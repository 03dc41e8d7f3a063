"""Databases that programs have open: SQLite files, and the files that belong to them.

How to think about it. A database that is written to is, at most moments, no database: half of a
transaction stands in its file, the other half in the journal or log beside it. Measured before:
of plain copies made meanwhile 4 % were corrupt. So

1. what stands beside a database (`-wal`, `-shm`, `-journal`) is a part of it and never travels;
2. it is read as SQLite itself would: under its lock, or through its log. The copy is the
   database as it was at one moment, and what is sent is the copy;
3. while a log is there, what the log holds counts as the database's latest change;
4. nobody may have it open while it is replaced, moved or removed (see `alone.py`): a log that
   was written for one file would be played into another.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from cozysync.disk.posix import PRIVATE, Disk, Entry, PosixDisk, Stat, write_all
from cozysync_conflict import Kind

MAGIC = b"SQLite format 3\0"
_BLANK = bytes(len(MAGIC))
LOG, JOURNAL = b"-wal", b"-journal"
_BESIDE = (LOG, JOURNAL, b"-shm")
# The smallest page that SQLite knows; a database is never shorter, and a multiple of it.
_PAGE = 512
# Where the header says by which means the database is written; 2 is for a log.
_WRITE_VERSION = 18
_BY_LOG = 2
# So long a copy waits for a program that is just writing.
LOCK_S = 2.0
# Errors of SQLite that are over when the program has done its work. The low byte is the kind.
_PASSING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY,
            sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR}  # fmt: skip
_COPY = PRIVATE + b"/staging/reading"


class InUse(Exception):
    """A program has this file open, so it cannot be touched now."""

    def __init__(self, path: bytes) -> None:
        super().__init__(path)
        self.path = path


def is_database(disk: Disk, path: bytes, stat: Stat) -> bool:
    """Whether a file is an SQLite database, or may be one whose beginning is yet to be written."""
    if stat.kind is not Kind.FILE or stat.size < _PAGE or stat.size % _PAGE:
        return False
    try:
        with disk.open(path) as file:
            return file.read(len(MAGIC)) in (MAGIC, _BLANK)
    except OSError:
        return False


def without_companions(disk: Disk, directory: bytes, entries: Sequence[Entry]) -> list[Entry]:
    """A listing in which each database and what stands beside it are one thing."""
    beside = [
        (each, each.name[: -len(suffix)])
        for each in entries
        for suffix in _BESIDE
        if each.name.endswith(suffix) and each.stat.kind is Kind.FILE
    ]
    if not beside:
        return list(entries)
    found = {each.name: each.stat for each in entries}
    for each, base in beside:
        stat = found.get(base)
        if stat is None or not _may_be(disk, _join(directory, base), stat):
            continue
        del found[each.name]
        if each.name.endswith(LOG):
            found[base] = _with_log(stat, each.stat)
    return [Entry(name, stat) for name, stat in found.items()]


def full_stat(disk: Disk, path: bytes, stat: Stat) -> Stat:
    """The stat under which the index knows a database: its log's changes are its own."""
    log = disk.lstat(path + LOG)
    return _with_log(stat, log) if log is not None and log.kind is Kind.FILE else stat


def is_unfinished(disk: Disk, path: bytes) -> bool:
    """Whether a log or journal stands beside a database that holds a part of it."""
    log, journal = disk.lstat(path + LOG), disk.lstat(path + JOURNAL)
    if log is not None and log.size:
        return True
    if journal is None or not journal.size:
        return False
    try:
        with disk.open(path + JOURNAL) as file:
            return bool(file.read(1).strip(b"\0"))  # one that was only blanked is over
    except OSError:
        return True


def open_still(disk: Disk, path: bytes) -> BinaryIO | None:
    """A copy of a database as it was at one moment; None where it may be read as it stands.

    Raises `InUse` when the program that writes to it leaves no such moment, or ended within a
    change.
    """
    if not isinstance(disk, PosixDisk):
        return None  # no program has a file open there
    with disk.open(path) as file:
        by_log = file.read(_WRITE_VERSION + 1)[_WRITE_VERSION:] == bytes([_BY_LOG])
    if by_log and not is_unfinished(disk, path):
        return None  # the file itself changes only while there is a log
    if disk.lstat(_COPY) is not None:
        disk.unlink(_COPY)
    copy: Callable[[PosixDisk, bytes], None] = _copy_through_log if by_log else _copy_under_lock
    try:
        try:
            copy(disk, path)
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0)
            if code & 0xFF in _PASSING:
                raise InUse(path) from error
            return None  # it only looks like a database
        return disk.open(_COPY)
    finally:
        if disk.lstat(_COPY) is not None:
            disk.unlink(_COPY)  # who has it open reads on


def _copy_under_lock(disk: PosixDisk, path: bytes) -> None:
    with closing(_connect(disk.root, path)) as source:
        source.execute("BEGIN")
        source.execute("PRAGMA schema_version").fetchone()  # takes the lock, and reads no more
        with disk.open(path) as file, disk.create(_COPY) as copy:
            while data := file.read(1 << 20):
                write_all(copy, data)
            # Closing any handle of the file would let go of the lock: only now.
            source.execute("COMMIT")


def _copy_through_log(disk: PosixDisk, path: bytes) -> None:
    place = disk.root / Path(_COPY.decode())
    with (
        closing(_connect(disk.root, path)) as source,
        closing(sqlite3.connect(place, isolation_level=None)) as target,
    ):
        target.execute("PRAGMA synchronous = OFF")
        target.execute("PRAGMA journal_mode = OFF")
        source.backup(target)
    for suffix in _BESIDE:
        with suppress(FileNotFoundError):
            disk.unlink(_COPY + suffix)


def _connect(root: Path, path: bytes) -> sqlite3.Connection:
    name = quote(bytes(root) + b"/" + path)
    return sqlite3.connect(f"file:{name}?mode=ro", LOCK_S, isolation_level=None, uri=True)


def _may_be(disk: Disk, path: bytes, stat: Stat) -> bool:
    # A database that is just being made is empty, and its journal is there already.
    return (stat.kind is Kind.FILE and not stat.size) or is_database(disk, path, stat)


def _with_log(stat: Stat, log: Stat) -> Stat:
    if not log.size:
        return stat
    # Not the time of the log's inode: SQLite sets its owner when root reads, and changes that.
    return stat._replace(
        mtime_ns=max(stat.mtime_ns, log.mtime_ns), ctime_ns=max(stat.ctime_ns, log.mtime_ns)
    )


def _join(directory: bytes, name: bytes) -> bytes:
    return directory + b"/" + name if directory else name
