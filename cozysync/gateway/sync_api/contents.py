"""Contents going out: whole, in ranges, of older versions; and small ones coming in."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

from starlette.responses import Response

from cozysync.gateway.errors import IsDirectory, Stale
from cozysync.gateway.sync_api.asked import Asked
from cozysync.gateway.sync_api.messages import Written
from cozysync.gateway.sync_api.pictures import Pictures
from cozysync.gateway.sync_api.problems import Refusal
from cozysync.gateway.sync_api.ranges import Answer, Span, decide
from cozysync.gateway.sync_api.spool import spooled
from cozysync.gateway.sync_api.table import BINARY, answer
from cozysync.gateway.sync_api.writes import write_once
from cozysync.gateway.view import Entry, View
from cozysync_conflict import Kind

JPEG = "image/jpeg"

MOST_AT_ONCE = 64 * 1024 * 1024
"""Bytes of a content that is sent in one request; larger ones come as uploads, with resuming."""

# A file may change between looking and reading; whoever writes that fast is waited for.
_LOOKS = 5

GUARD = {
    # What is in a vault may be a page with a script: a browser must never run it as one of ours.
    "content-security-policy": "sandbox; default-src 'none'",
    "content-disposition": "attachment",
    "x-content-type-options": "nosniff",
    "cache-control": "private, no-cache, no-store",
}


@dataclass(frozen=True, slots=True)
class _Opened:
    entry: Entry
    span: Span
    first: bytes
    pieces: AsyncGenerator[bytes, None]


async def read(asked: Asked, pictures: Pictures) -> Response:
    """A content, or that part of it which is asked for; or a small copy of a picture."""
    if asked.get("thumbnail"):
        return await _thumbnail(asked, pictures)
    for _ in range(_LOOKS):
        entry = await version_of(asked)
        headers = _about(entry)
        span = decide(asked.request.headers, entry.version, entry.size)
        match span:
            case Answer.NOT_MODIFIED:
                return Response(status_code=304, headers=headers)
            case Answer.PRECONDITION_FAILED:
                raise Refusal(
                    412, "stale", f"{entry.path} is another version.", "Read it again.", headers
                )
            case Answer.NOT_SATISFIABLE:
                headers["content-range"] = f"bytes */{entry.size}"
                raise Refusal(
                    416, "no-such-range", f"{entry.path} has {entry.size} bytes.",
                    "Ask for bytes that it has.", headers,
                )  # fmt: skip
        try:
            return await _answer(asked, entry, span, headers)
        except Stale:
            continue
    raise Refusal(
        503, "unavailable", "The file changes all the time.", "Try again.", {"retry-after": "5"}
    )


async def _thumbnail(asked: Asked, pictures: Pictures) -> Response:
    entry, size = await version_of(asked), asked.get("thumbnail")
    headers = _about(entry) | {"etag": f'"{entry.version}-{size}"', "accept-ranges": "none"}
    if decide(asked.request.headers, f"{entry.version}-{size}", 0) is Answer.NOT_MODIFIED:
        return Response(status_code=304, headers=headers)
    made = await pictures.small(asked.view, entry, size)
    if asked.is_head:
        return Response(None, headers=headers | {"content-length": str(len(made))})
    return Response(made, headers=headers, media_type=JPEG)


async def version_of(asked: Asked) -> Entry:
    """The file that is asked for, as of the version that is asked for."""
    entry, version = await asked.entry(), asked.get("version")
    if entry.kind is Kind.DIRECTORY:
        raise IsDirectory(entry.path)
    if version is None or version == entry.version:
        return entry
    for each in await asked.view.versions(entry.path):
        if each.version == version:
            return each
    raise Refusal(
        404, "no-such-version", f"The history of {entry.path} does not hold that version.",
        "See /api/v1/versions.",
    )  # fmt: skip


async def write(asked: Asked) -> Response:
    """A content comes in as the body, made in place of the version `base`."""
    base, mtime_ms = asked.get("base"), asked.get("mtime_ms")
    async with spooled(asked, MOST_AT_ONCE) as staged:
        written = await write_once(asked.view, asked.path(), staged, base=base, mtime_ms=mtime_ms)
    return answer(Written.of(written))


def _about(entry: Entry) -> dict[str, str]:
    return GUARD | {
        "etag": f'"{entry.version}"',
        "last-modified": formatdate(max(entry.mtime_ns // 10**9, 0), usegmt=True),
        "accept-ranges": "bytes",
    }


async def _answer(asked: Asked, entry: Entry, span: Span, headers: dict[str, str]) -> Response:
    length = span.end - span.start
    headers["content-length"] = str(length)
    if span.partial:
        headers["content-range"] = f"bytes {span.start}-{span.end - 1}/{entry.size}"
    status = 206 if span.partial else 200
    if asked.is_head or not length:
        return Response(status_code=status, headers=headers, media_type=BINARY)
    pieces = _pieces(asked.view, entry, span)
    try:
        first = await anext(pieces)  # what goes wrong, goes wrong before the answer begins
    except BaseException:
        await pieces.aclose()
        raise
    return Content(first, pieces, status, headers)


def _pieces(view: View, entry: Entry, span: Span) -> AsyncGenerator[bytes, None]:
    version = entry.version if entry.kind is Kind.FILE else None
    return view.read(entry.path, version, span.start, span.end - span.start)


class Content(Response):
    """An answer in pieces, whose source is closed however it ends."""

    media_type = BINARY

    def __init__(
        self,
        first: bytes,
        pieces: AsyncGenerator[bytes, None],
        status: int,
        headers: dict[str, str],
    ) -> None:
        super().__init__(None, status, headers)
        self._first = first
        self._pieces = pieces

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async with aclosing(self._pieces) as pieces:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            body = {"type": "http.response.body", "more_body": True}
            await send(body | {"body": self._first})
            async for piece in pieces:
                await send(body | {"body": piece})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
