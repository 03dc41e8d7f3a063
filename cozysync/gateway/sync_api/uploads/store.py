"""Uploads on the disk: a file of bytes each, and a database that says how far each is good.

All of this blocks, for worker threads. Every method raises `OSError` or `sqlite3.Error` as the disk
gives it, and leaves then what was.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from cozysync.gateway.sync_api.messages import Written
from cozysync.gateway.sync_api.uploads.upload import Upload

FORM = 1
"""Changes with the table; uploads of another form are begun anew by their phones."""

_TABLE = """
CREATE TABLE IF NOT EXISTS upload (
    id TEXT PRIMARY KEY, phone TEXT NOT NULL, metadata TEXT NOT NULL, length INTEGER NOT NULL,
    offset INTEGER NOT NULL, expires REAL NOT NULL, written BLOB
);
"""
_SELECT = "SELECT id, phone, metadata, length, offset, expires, written FROM upload"


class UploadStore:
    """Uploads in a directory of their own, which is made if it is not there."""

    def __init__(self, directory: Path) -> None:
        """Also throws away what a kill has left: files without a row, and rows without a file."""
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._begin()
        known = {each.id: each for each in self.all()}
        for path in directory.glob("*.bytes"):
            upload = known.get(path.stem)
            if upload is None or upload.written is not None:
                path.unlink()
        for each in known.values():
            if each.written is None and not self.path(each.id).exists():
                self.remove(each.id)

    def path(self, upload: str) -> Path:
        """Where the bytes are."""
        return self._directory / f"{upload}.bytes"

    def all(self) -> list[Upload]:
        """Every upload, those that are written too until they are forgotten."""
        with self._database() as database:
            return [_upload(row) for row in database.execute(_SELECT)]

    def get(self, upload: str) -> Upload | None:
        """One of them."""
        with self._database() as database:
            row = database.execute(f"{_SELECT} WHERE id = ?", (upload,)).fetchone()
            return None if row is None else _upload(row)

    def add(self, upload: Upload) -> None:
        """Begin an upload: its file is there before the row that speaks of it."""
        handle = os.open(
            self.path(upload.id), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
        )
        os.close(handle)
        self._sync_names()
        with self._database() as database:
            database.execute(
                "INSERT INTO upload VALUES (?, ?, ?, ?, ?, ?, NULL)",
                (upload.id, upload.phone, upload.metadata, upload.length, upload.offset,
                 upload.expires_s),
            )  # fmt: skip

    def reopened(self, upload: Upload) -> BinaryIO:
        """The file, without what came after the offset and was never promised; at its end."""
        file = self.path(upload.id).open("r+b", buffering=0)
        try:
            file.truncate(upload.offset)
            file.seek(upload.offset)
        except BaseException:
            file.close()
            raise
        return cast(BinaryIO, file)

    def advance(self, upload: str, file: BinaryIO, offset: int, expires_s: float) -> None:
        """Promise the bytes up to an offset: they are durable before the row says so."""
        os.fsync(file.fileno())
        with self._database() as database:
            database.execute(
                "UPDATE upload SET offset = ?, expires = ? WHERE id = ?",
                (offset, expires_s, upload),
            )

    def finish(self, upload: str, written: Written, expires_s: float) -> None:
        """Note what became of it, until then; the bytes go, for the view has them."""
        with self._database() as database:
            database.execute(
                "UPDATE upload SET written = ?, expires = ? WHERE id = ?",
                (msgspec.msgpack.encode(written), expires_s, upload),
            )
        self.path(upload).unlink(missing_ok=True)

    def remove(self, upload: str) -> None:
        """Forget an upload."""
        with self._database() as database:
            database.execute("DELETE FROM upload WHERE id = ?", (upload,))
        self.path(upload).unlink(missing_ok=True)

    def _begin(self) -> None:
        try:
            with self._database() as database:
                form = database.execute("PRAGMA user_version").fetchone()[0]
                database.execute(_TABLE)
                database.execute(f"PRAGMA user_version = {FORM}")
                database.execute(_SELECT).fetchall()
            if form in (0, FORM):
                return
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and "disk" in str(error):
                raise
        for path in self._directory.glob("uploads.db*"):
            path.unlink()
        with self._database() as database:
            database.execute(_TABLE)
            database.execute(f"PRAGMA user_version = {FORM}")

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is durable when it ends."""
        with closing(sqlite3.connect(self._directory / "uploads.db", timeout=30)) as database:
            database.execute("PRAGMA synchronous = FULL")
            with database:
                yield database

    def _sync_names(self) -> None:
        handle = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _upload(row: tuple[str, str, str, int, int, float, bytes | None]) -> Upload:
    name, phone, metadata, length, offset, expires_s, written = row
    told = None if written is None else msgspec.msgpack.decode(written, type=Written)
    return Upload(name, phone, metadata, length, offset, expires_s, told)
