"""Bytes of an upload coming in: promised only when they are durable, and right."""

import errno
import hashlib
import sqlite3
import time
from base64 import b64decode
from binascii import Error
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from functools import partial
from typing import BinaryIO

import trio
from starlette.requests import Request

from cozysync.gateway.errors import NoRoom, Unavailable
from cozysync.gateway.sync_api.problems import Refusal, malformed
from cozysync.gateway.sync_api.spool import pieces_of
from cozysync.gateway.sync_api.uploads.store import UploadStore
from cozysync.gateway.sync_api.uploads.upload import Upload

CHECKPOINT = 8 * 1024 * 1024
"""A kill costs a phone at most so many bytes that it has to send again."""

ALGORITHMS = ("sha256", "sha1", "md5")
"""Of checksums, best first. They find faults of the line, not of somebody who means harm."""

KEPT_S = 3 * 24 * 3600.0
"""How long an upload stays to which nothing is added."""

# As it comes: what was sent until the line breaks is kept.
_PIECE = 1
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Receiver:
    """Adds bodies to uploads. `now_s` is in seconds since 1970."""

    def __init__(self, store: UploadStore, now_s: Callable[[], float] = time.time) -> None:
        self._store = store
        self._now_s = now_s

    async def add(self, upload: Upload, request: Request, checksum: str | None) -> int:
        """Add the body; returns how far the upload is then. Raises `Refusal` and `NoRoom`.

        Whatever ends it early, what came until then is kept; unless there is a checksum for it, for
        then it is kept as a whole or not at all.
        """
        sum_ = None if checksum is None else _Sum(checksum)
        with disk_errors():
            file = await trio.to_thread.run_sync(self._store.reopened, upload)
        try:
            came = _Coming(self, upload, file, sum_)
            try:
                await came.all_of(request)
            finally:
                if sum_ is None:
                    with trio.CancelScope(shield=True):
                        await came.promise()
            if sum_ is not None:
                sum_.check()
                await came.promise()
            return came.offset
        finally:
            file.close()

    async def advance(self, upload: Upload, file: BinaryIO, offset: int) -> None:
        """Promise what is there up to an offset."""
        expires_s = self._now_s() + KEPT_S
        with disk_errors():
            await trio.to_thread.run_sync(
                partial(self._store.advance, upload.id, file, offset, expires_s)
            )


class _Coming:
    def __init__(
        self, receiver: Receiver, upload: Upload, file: BinaryIO, sum_: "_Sum | None"
    ) -> None:
        self._receiver = receiver
        self._upload = upload
        self._file = file
        self._sum = sum_
        self._promised = upload.offset
        self.offset = upload.offset

    async def all_of(self, request: Request) -> None:
        async with aclosing(pieces_of(request, _PIECE)) as pieces:
            async for piece in pieces:
                if self.offset + len(piece) > self._upload.length:
                    raise Refusal(
                        413, "too-large", f"This upload has {self._upload.length} bytes in all.",
                        "Begin another one.", {"connection": "close"},
                    )  # fmt: skip
                with disk_errors():
                    await trio.to_thread.run_sync(_write_all, self._file, piece)
                self.offset += len(piece)
                if self._sum is not None:
                    self._sum.add(piece)
                elif self.offset - self._promised >= CHECKPOINT:
                    await self.promise()

    async def promise(self) -> None:
        if self.offset > self._promised:
            await self._receiver.advance(self._upload, self._file, self.offset)
            self._promised = self.offset


class _Sum:
    """A checksum that a phone told, and what it was told of."""

    def __init__(self, header: str) -> None:
        name, _, text = header.strip(" \t").partition(" ")
        if name not in ALGORITHMS:
            raise malformed(f"Upload-Checksum knows {', '.join(ALGORITHMS)}.")
        try:
            self._told = b64decode(text.strip(" \t"), validate=True)
        except (Error, ValueError) as error:
            raise malformed("Upload-Checksum is not in base64.") from error
        self._sum = hashlib.new(name, usedforsecurity=False)

    def add(self, data: bytes) -> None:
        self._sum.update(data)

    def check(self) -> None:
        if self._sum.digest() != self._told:
            raise mismatch()


def mismatch() -> Refusal:
    """What came is not what was sent."""
    return Refusal(460, "checksum-mismatch", "What came is not what was sent.", "Send it again.")


def _write_all(file: BinaryIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


@contextmanager
def disk_errors() -> Iterator[None]:
    """What the disk refuses, as it is told to a phone."""
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        if getattr(error, "errno", 0) in _FULL or "full" in str(error):
            raise NoRoom(
                "The gateway's disk is full.", "Make room on that device, then go on."
            ) from error
        raise Unavailable(
            f"The gateway's disk does not take it: {error}.", "See to that device, then go on."
        ) from error
