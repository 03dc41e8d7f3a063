"""The bytes of a content: from the file in place, where that still holds it, or from the server."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import trio

from cozysync.content import Part, Recipe
from cozysync.disk import ClosableDisk, DiskIndex
from cozysync.gateway.errors import Unavailable
from cozysync.sync.download import Downloader, offsets_in
from cozysync.sync.download import Unavailable as Lacking
from cozysync.sync.ledger import Ledger
from cozysync.sync.link import Link
from cozysync.sync.portions import portions
from cozysync.sync.remote import Refused
from cozysync.sync.seams import Seams
from cozysync_conflict import Content, NodeId
from cozysync_protocol import ChunkId

T = TypeVar("T")

WINDOW = 4 * 1024 * 1024
"""Bytes that are fetched together, and that one reader holds."""

AWAY_S = 5.0
"""For so long the server may be away before a reader is told to come again."""

_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class InPlace:
    """The file of a node in a folder here that held a content when it was last looked at."""

    folder: Path
    path: bytes


class Contents:
    """Reads contents in pieces."""

    def __init__(self, ledger: Ledger, link: Link, downloader: Downloader, seams: Seams) -> None:
        self._ledger = ledger
        self._link = link
        self._downloader = downloader
        self._seams = seams

    def in_place(self, node: NodeId, digest: bytes) -> InPlace | None:
        """Where a node's content is on this disk; work of `Ledger.do`."""
        for folder in self._ledger.replica.folders.list():
            if folder.node is not None:
                index = DiskIndex(self._ledger.replica.database.connection, folder.node)
                row, path = index.row(node), index.path(node)
                if row is not None and path is not None and row.digest == digest:
                    return InPlace(folder.path, path)
        return None

    async def pieces(
        self, told: str, content: Content, there: InPlace | None, start: int, length: int | None
    ) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` on; raises the gateway's `Unavailable`, which names `told`."""
        recipe = await self._had(told, partial(self._downloader.recipe, content))
        end = recipe.size if length is None else min(start + length, recipe.size)
        if recipe.inline is not None:
            if start < end:
                yield recipe.inline[start:end]
            return
        disk = self._seams.ground.disk(there.folder) if there is not None else None
        offsets = offsets_in(recipe) if disk is not None else {}
        try:
            for window in portions(_touching(recipe, start, end), lambda each: each[0][1], WINDOW):
                parts = [part for part, _ in window]
                held = await self._had(told, partial(self._window, parts, disk, there, offsets))
                for (chunk, size), at in window:
                    yield held[chunk][max(start - at, 0) : min(end - at, size)]
        finally:
            if disk is not None:
                disk.close()

    async def _window(
        self,
        parts: list[Part],
        disk: ClosableDisk | None,
        there: InPlace | None,
        offsets: dict[ChunkId, int],
    ) -> dict[ChunkId, bytes]:
        held: dict[ChunkId, bytes] = {}
        if disk is not None and there is not None:
            found = partial(self._downloader.find, disk, there.path, offsets, parts)
            held |= await self._seams.offload(found)
            disk.forget()  # or nobody could unmount it
        held |= await self._downloader.chunks([chunk for chunk, _ in parts if chunk not in held])
        if any(len(held[chunk]) != size for chunk, size in parts):
            raise Lacking  # a length was made up
        return held

    async def _had(self, told: str, work: Callable[[], Awaitable[T]]) -> T:
        try:
            return await while_reachable(self._link, work)
        except Away as error:
            raise Unavailable(
                f"{told} is not on this device, and the server cannot be reached.",
                "Try again when the server answers.",
            ) from error
        except Lacking as error:
            raise Unavailable(
                f"The content of {told} cannot be had: the server lost it or gives out something "
                "else.",
                "Devices that still hold it send it again; cozysync verify tells more.",
            ) from error
        except Refused as error:
            raise Unavailable(f"{told} cannot be had. {error.message}", error.remedy) from error


class Away(Exception):
    """The server has been away for too long."""


async def while_reachable(link: Link, work: Callable[[], Awaitable[T]]) -> T:
    """The result of work that waits for the server; raises `Away` when that stays away."""
    done: list[T] = []
    failed: list[Exception] = []

    async def attempt() -> None:
        try:
            done.append(await work())
        except* Refused as group:
            failed.append(_first(group))
        except* Exception as group:
            failed.append(_first(group))
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(attempt)
        away = 0.0
        while away < AWAY_S:
            await trio.sleep(_LOOK_S)
            away = 0.0 if link.reachable else away + _LOOK_S
        nursery.cancel_scope.cancel()
    if failed:
        raise failed[0]
    if not done:
        raise Away
    return done[0]


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _touching(recipe: Recipe, start: int, end: int) -> Iterator[tuple[Part, int]]:
    """The chunks that hold some of these bytes, each with where it begins."""
    at = 0
    for part in recipe.chunks:
        if at >= end:
            return
        if at + part[1] > start:
            yield part, at
        at += part[1]
