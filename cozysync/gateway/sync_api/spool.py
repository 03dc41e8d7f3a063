"""Bodies on their way into the view: a file in its staging, gone when the request ends."""

import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

import trio
from starlette.requests import Request

from cozysync.gateway.errors import NoRoom
from cozysync.gateway.sync_api.asked import Asked, next_of
from cozysync.gateway.sync_api.problems import too_large
from cozysync.gateway.view import View

SPOOLED = "api-"
"""How the names of files begin that are on their way in."""

RESERVE = 256 * 1024 * 1024
"""Bytes of the disk that phones leave free."""

_PIECE = 1024 * 1024


@asynccontextmanager
async def spooled(asked: Asked, most: int) -> AsyncIterator[Path]:
    """The body as a file. Raises `Refusal`, and `NoRoom`."""
    length = asked.request.headers.get("content-length", "0")
    if length.isascii() and length.isdecimal() and int(length) > most:
        raise too_large(most)
    staged = asked.view.staging / f"{SPOOLED}{os.urandom(16).hex()}"
    await check_room(asked.view, int(length) if length.isdecimal() else 0)
    try:
        with await trio.to_thread.run_sync(partial(created, staged)) as file:
            size = 0
            async with aclosing(pieces_of(asked.request)) as pieces:
                async for piece in pieces:
                    size += len(piece)
                    if size > most:
                        raise too_large(most)
                    await trio.to_thread.run_sync(file.write, piece)
        yield staged
    finally:
        with trio.CancelScope(shield=True):
            await trio.Path(staged).unlink(missing_ok=True)


@asynccontextmanager
async def kept(view: View, data: bytes) -> AsyncIterator[Path]:
    """These bytes as a file."""
    staged = view.staging / f"{SPOOLED}{os.urandom(16).hex()}"
    await check_room(view, len(data))
    try:
        with await trio.to_thread.run_sync(partial(created, staged)) as file:
            await trio.to_thread.run_sync(file.write, data)
        yield staged
    finally:
        with trio.CancelScope(shield=True):
            await trio.Path(staged).unlink(missing_ok=True)


def clear(staging: Path) -> None:
    """Remove what an earlier life left on its way in. Raises `OSError`."""
    for each in staging.glob(f"{SPOOLED}*"):
        each.unlink(missing_ok=True)


async def check_room(view: View, size: int) -> None:
    """Raise `NoRoom` when so many bytes more would fill the disk."""
    free = (await view.space()).free
    if size > free - RESERVE:
        raise NoRoom(
            f"The gateway's disk has no room for {size} bytes more: {max(free, 0)} are free.",
            "Make room on that device, then send it again.",
        )


async def pieces_of(request: Request, size_of_piece: int = _PIECE) -> AsyncGenerator[bytes, None]:
    """The body in pieces of about that size. Raises `Refusal` when nothing comes for long."""
    held: list[bytes] = []
    size = 0
    async with aclosing(request.stream()) as stream:
        while (piece := await next_of(stream)) is not None:
            held.append(piece)
            size += len(piece)
            if size >= size_of_piece:
                yield b"".join(held)
                held, size = [], 0
    if held:
        yield b"".join(held)


def created(path: Path) -> BinaryIO:
    """A new file for bytes, for nobody else's eyes."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    return os.fdopen(handle, "wb")
