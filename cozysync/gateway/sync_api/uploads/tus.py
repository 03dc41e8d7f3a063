"""Uploads over HTTP: the core of tus 1.0, with creation, termination, expiration and checksums."""

import hashlib
import logging
import os
import time
from collections.abc import Callable
from email.utils import formatdate
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import msgspec
import trio
from starlette.responses import Response

from cozysync.gateway.errors import Forbidden, ViewError
from cozysync.gateway.names import parts_of
from cozysync.gateway.sync_api.asked import Asked
from cozysync.gateway.sync_api.messages import Written
from cozysync.gateway.sync_api.photos import place_by_date
from cozysync.gateway.sync_api.pictures import Pictures
from cozysync.gateway.sync_api.problems import Refusal, refusal_of
from cozysync.gateway.sync_api.spelling import unspelled
from cozysync.gateway.sync_api.spool import check_room
from cozysync.gateway.sync_api.table import Handler, answer
from cozysync.gateway.sync_api.uploads.receive import (
    ALGORITHMS,
    KEPT_S,
    Receiver,
    disk_errors,
    mismatch,
)
from cozysync.gateway.sync_api.uploads.store import UploadStore
from cozysync.gateway.sync_api.uploads.turns import Turns
from cozysync.gateway.sync_api.uploads.upload import Upload, UploadState, wanted_of
from cozysync.gateway.sync_api.writes import write_once
from cozysync.gateway.view import View

T = TypeVar("T")

TUS = "1.0.0"
MEDIA_TYPE = "application/offset+octet-stream"
EXTENSIONS = "creation,creation-with-upload,termination,expiration,checksum"

LONGEST = 256 * 1024**3
"""Bytes of one upload."""

MOST, MOST_EACH = 1024, 128
"""Unfinished uploads: of all phones, and of one."""

TOLD_S = 24 * 3600.0
"""How long a phone may ask what became of an upload that is written."""

SWEPT_EVERY_S = 600.0

_log = logging.getLogger(__name__)
_HEADERS = {"tus-resumable": TUS, "cache-control": "no-store"}


class TusUploads:
    """The handlers. Make it once for a staging; `now_s` is in seconds since 1970."""

    def __init__(
        self, staging: Path, pictures: Pictures, now_s: Callable[[], float] = time.time
    ) -> None:
        """Raises `OSError` and `sqlite3.Error`."""
        self._pictures = pictures
        self._store = UploadStore(staging / "uploads")
        self._receiver = Receiver(self._store, now_s)
        self._turns = Turns()
        self._adding = trio.Lock()
        self._now_s = now_s
        self._swept_s = -SWEPT_EVERY_S

    async def tend(self) -> None:
        """For ever: forget what has waited for too long, also when no phone comes any more."""
        while True:
            try:
                await self._sweep()
            except ViewError as error:
                _log.warning("uploads could not be swept: %s", error.message)
            await trio.sleep(SWEPT_EVERY_S)

    # --- handlers ----------------------------------------------------------------------------

    async def discover(self, _asked: Asked) -> Response:
        """What of tus is spoken here."""
        return Response(
            status_code=204,
            headers=_HEADERS
            | {
                "allow": "OPTIONS, POST",
                "tus-version": TUS,
                "tus-extension": EXTENSIONS,
                "tus-max-size": str(LONGEST),
                "tus-checksum-algorithm": ",".join(ALGORITHMS),
            },
        )

    async def create(self, asked: Asked) -> Response:
        """Begin an upload, perhaps with its first bytes; or find the same one, to go on with."""
        length: int = asked.get("upload-length")
        if length > LONGEST:
            raise Refusal(413, "too-large", f"An upload has at most {LONGEST} bytes.", "Split it.")
        metadata: str = asked.get("upload-metadata", "")
        _check_rights(asked, unspelled(wanted_of(metadata).path))
        await self._sweep()
        async with self._adding:
            upload = await self._same(asked.phone.name, metadata, length)
            if upload is None:
                upload = await self._begun(asked, metadata, length)
        where = {"location": f"{asked.request.scope.get('root_path', '')}/uploads/{upload.id}"}
        with_bytes = asked.request.headers.get("content-type") == MEDIA_TYPE
        if (with_bytes and not upload.offset) or upload.is_here:
            try:
                upload = await self._taken(asked, upload, upload.offset)
            except ViewError as error:
                refusal = refusal_of(error)
                refusal.headers |= where  # all is here: mend that, and send no bytes again
                raise refusal from error
        return Response(status_code=201, headers=self._about(upload) | where)

    async def ask(self, asked: Asked) -> Response:
        """How far an upload is (tus)."""
        upload = await self._of(asked)
        if self._turns.is_taken(upload.id):
            async with self._turns.take(upload.id):  # who asks means to go on
                upload = await self._of(asked)
        headers = self._about(upload) | {"upload-metadata": upload.metadata}
        return Response(status_code=200, headers=headers)

    async def state(self, asked: Asked) -> Response:
        """How far an upload is, and what became of it."""
        upload = await self._of(asked)
        told = UploadState(upload.offset, upload.length, _date(upload.expires_s), upload.written)
        return answer(told)

    async def add(self, asked: Asked) -> Response:
        """Add bytes at the offset where the upload is; with the last of them it is written."""
        if asked.request.headers.get("content-type") != MEDIA_TYPE:
            raise Refusal(415, "not-an-offset", f"The body is to be {MEDIA_TYPE}.", "Say so.")
        offset: int = asked.get("upload-offset")
        upload = await self._taken(asked, await self._of(asked), offset)
        return Response(status_code=204, headers=self._about(upload))

    async def end(self, asked: Asked) -> Response:
        """Give an upload up. What is written stays."""
        upload = await self._of(asked)
        async with self._turns.take(upload.id):
            await self._do(partial(self._store.remove, upload.id))
        return Response(status_code=204, headers=_HEADERS)

    # --- within ------------------------------------------------------------------------------

    async def _of(self, asked: Asked) -> Upload:
        await self._sweep()
        name: str = asked.get("upload")
        upload = await self._do(partial(self._store.get, name))
        if upload is None or upload.phone != asked.phone.name or self._is_over(upload):
            raise Refusal(
                404, "no-such-upload", "There is no such upload, or it was given up.",
                "Begin it anew: POST /api/v1/uploads.",
            )  # fmt: skip
        return upload

    async def _same(self, phone: str, metadata: str, length: int) -> Upload | None:
        """An upload of just this content to just this place; known by the sum of the content."""
        if not wanted_of(metadata).sha256:
            return None
        for each in await self._do(self._store.all):
            same = (each.phone, each.metadata, each.length) == (phone, metadata, length)
            if same and each.written is None and not self._is_over(each):
                return each
        return None

    async def _begun(self, asked: Asked, metadata: str, length: int) -> Upload:
        name = asked.phone.name
        open_ = [each for each in await self._do(self._store.all) if each.written is None]
        if len(open_) >= MOST or len([each for each in open_ if each.phone == name]) >= MOST_EACH:
            raise Refusal(
                429, "too-many-uploads", f"{MOST_EACH} uploads at most are open at once.",
                "Finish some of them, or give them up.", {"retry-after": "60"},
            )  # fmt: skip
        await check_room(asked.view, length + sum(each.length - each.offset for each in open_))
        upload = Upload(os.urandom(16).hex(), name, metadata, length, 0, self._now_s() + KEPT_S)
        await self._do(partial(self._store.add, upload))
        return upload

    async def _taken(self, asked: Asked, upload: Upload, offset: int) -> Upload:
        """The upload with the body added to it, and written when that was the last of it."""
        name = upload.id
        async with self._turns.take(name) as turn:
            upload = await self._now(name)
            if offset != upload.offset:
                raise Refusal(
                    409, "wrong-offset", f"{upload.offset} bytes are here.",
                    "Go on from there.", {"upload-offset": str(upload.offset)},
                )  # fmt: skip
            if upload.written is None and not upload.is_here:
                await self._receiver.add(upload, asked.request, asked.get("upload-checksum"))
                upload = await self._now(name)
            if upload.is_here and upload.written is None:
                turn.is_finishing = True
                written = await self._written(asked.view, upload)
                finish = partial(self._store.finish, name, written, self._now_s() + TOLD_S)
                await self._do(finish)
                upload = await self._now(name)
        return upload

    async def _now(self, name: str) -> Upload:
        upload = await self._do(partial(self._store.get, name))
        if upload is None:
            raise Refusal(404, "no-such-upload", "It was given up.", "Begin it anew.")
        return upload

    async def _written(self, view: View, upload: Upload) -> Written:
        wanted, staged = upload.wanted, self._store.path(upload.id)
        (await self._do(partial(self._store.reopened, upload))).close()  # and nothing behind it
        if wanted.sha256 and await trio.to_thread.run_sync(_sum_of, staged) != wanted.sha256:
            await self._do(partial(self._store.remove, upload.id))
            raise mismatch()
        path = unspelled(wanted.path)
        mtime_ms = None if wanted.mtime_ms is msgspec.UNSET else wanted.mtime_ms
        if wanted.place is not msgspec.UNSET:
            placed = await place_by_date(view, self._pictures, path, staged, mtime_ms)
            return Written.of(placed)
        base = None if wanted.base is msgspec.UNSET else wanted.base
        return Written.of(await write_once(view, path, staged, base=base, mtime_ms=mtime_ms))

    async def _sweep(self) -> None:
        """Forget what has waited for too long."""
        if self._now_s() - self._swept_s < SWEPT_EVERY_S:
            return
        self._swept_s = self._now_s()
        for each in await self._do(self._store.all):
            if self._is_over(each) and not self._turns.is_taken(each.id):
                await self._do(partial(self._store.remove, each.id))

    def _is_over(self, upload: Upload) -> bool:
        return upload.expires_s <= self._now_s()

    def _about(self, upload: Upload) -> dict[str, str]:
        headers = _HEADERS | {
            "upload-offset": str(upload.offset),
            "upload-length": str(upload.length),
            "upload-expires": _date(upload.expires_s),
        }
        if upload.written is not None:
            headers["cozysync-outcome"] = upload.written.outcome
            headers["cozysync-path"] = quote(upload.written.entry.path)
            headers["cozysync-node"] = upload.written.entry.node
            headers["cozysync-version"] = upload.written.entry.version
        return headers

    async def _do(self, work: Callable[[], T]) -> T:
        with disk_errors():
            return await trio.to_thread.run_sync(work)


def spoken(handler: Handler) -> Handler:
    """A handler for who speaks tus, and of the right version; its problems speak it too."""

    async def speaking(asked: Asked) -> Response:
        if asked.request.headers.get("tus-resumable") != TUS:
            refusal = Refusal(412, "not-tus", f"Tus {TUS} is spoken here.", "Say Tus-Resumable.")
            response = refusal.response()
            response.headers["tus-version"] = TUS
        else:
            response = await _answer(handler, asked)
        response.headers["tus-resumable"] = TUS
        return response

    return speaking


async def _answer(handler: Handler, asked: Asked) -> Response:
    try:
        return await handler(asked)
    except Refusal as refusal:
        return refusal.response()
    except ViewError as error:
        return refusal_of(error).response()


def _check_rights(asked: Asked, path: str) -> None:
    """Refuse at the beginning what would be refused at the end."""
    scope = asked.phone.scope
    if scope.read_only or not scope.holds(path):
        raise Forbidden(path, "this phone may not write there")
    if len(parts_of(path)) < 2:
        raise Forbidden(path, "only folders are there")


def _date(seconds: float) -> str:
    return formatdate(seconds, usegmt=True)


def _sum_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
