"""From the vault's contents to staged files: fetching chunks, or finding them on this disk."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import BinaryIO

import trio

from cozysync.content import (
    Part,
    Read,
    Recipe,
    decode_recipe,
    expand,
    open_read,
    plan_reads,
    recipe_digest,
)
from cozysync.disk import Disk, write_all
from cozysync.sync.ledger import Ledger
from cozysync.sync.link import Link
from cozysync.sync.portions import portions
from cozysync.sync.remote import Refused, Remote
from cozysync.sync.seams import Seams
from cozysync_conflict import Content
from cozysync_protocol import ChunkId, ChunkLocation, ErrorCode, Malformed

# Plaintext of a large file that is held at once, about a pack's. With 32 MiB a daemon held 70 MiB
# more while 1 GiB came, and it took no less time.
WINDOW = 8 * 1024 * 1024

# A pack that is gone, or shorter than what was asked for.
_NOT_THERE = (ErrorCode.NOT_FOUND, ErrorCode.MALFORMED)

Local = tuple[bytes, Recipe]
"""A file on this disk and the recipe of what it holds, as far as the index knows."""


class Unavailable(Exception):
    """A content that cannot be had: `chunks` are lost, damaged, or nobody said where they lie.

    Without chunks, the content is not what its author said it is.
    """

    def __init__(self, chunks: Iterable[ChunkId] = ()) -> None:
        super().__init__("a content that cannot be had")
        self.chunks = frozenset(chunks)


class Downloader:
    """Brings contents onto the disk, under paths that the caller names."""

    def __init__(
        self, ledger: Ledger, link: Link, remote: Remote, seams: Seams, downloads: int
    ) -> None:
        self._ledger = ledger
        self._link = link
        self._remote = remote
        self._seams = seams
        self._limit = trio.CapacityLimiter(downloads)

    async def recipe(self, content: Content) -> Recipe:
        """The content's recipe with all its chunks listed, and just what its digest says.

        Raises `Unavailable`.
        """
        try:
            recipe = decode_recipe(content.detail)
            if recipe.lists:
                pieces = await self.chunks([chunk for chunk, _ in recipe.lists])
                recipe = expand(recipe, pieces.__getitem__)
        except Malformed as error:
            raise Unavailable from error
        # A device that lies here would give two devices two contents under one digest.
        if recipe_digest(self._ledger.keys, recipe) != content.digest:
            raise Unavailable
        return recipe

    async def whole(self, content: Content) -> bytes:
        """A content that fits into memory; raises `Unavailable`."""
        recipe = await self.recipe(content)
        if recipe.inline is not None:
            return recipe.inline
        return joined(recipe.chunks, await self.chunks([chunk for chunk, _ in recipe.chunks]))

    async def stage(self, disk: Disk, path: bytes, recipe: Recipe, local: Local | None) -> None:
        """Write a large content to a new file, window by window: one comes while one is written."""
        at, old = (local[0], offsets_in(local[1])) if local is not None else (b"", {})
        come: list[tuple[Sequence[Part], dict[ChunkId, bytes]]] = []

        async def fetch(window: Sequence[Part]) -> None:
            held = await self._seams.offload(partial(self.find, disk, at, old, window))
            missing = [chunk for chunk, _ in window if chunk not in held]
            come.append((window, held | await self.chunks(missing)))

        async def write() -> None:
            if come:
                await self._seams.offload(partial(_write, file, *come.pop(0)))

        file = await self._seams.offload(partial(disk.create, path))
        try:
            for window in portions(recipe.chunks, lambda part: part[1], WINDOW):
                await _both(write, partial(fetch, window))
            await write()
        finally:
            file.close()

    async def chunks(self, ids: Sequence[ChunkId]) -> dict[ChunkId, bytes]:
        """The plaintexts of these chunks, fetched and checked.

        Raises `Unavailable` for those that cannot be had; by then other devices are asked.
        """
        wanted = set(ids)
        if not wanted:
            return {}
        locations = await self._ledger.do(partial(self._ledger.replica.chunks.locate, wanted))
        opened, lost = await self.fetch(locations.values())
        if len(opened) < len(wanted):
            packs = {locations[chunk].pack for chunk in lost}
            await self._ledger.do(partial(self._ledger.miss, wanted - opened.keys(), packs))
            raise Unavailable(wanted - opened.keys())
        return opened

    async def fetch(
        self, locations: Iterable[ChunkLocation]
    ) -> tuple[dict[ChunkId, bytes], set[ChunkId]]:
        """The plaintexts of the chunks at these places, and the chunks that are not there."""
        opened: dict[ChunkId, bytes] = {}
        lost: set[ChunkId] = set()
        async with trio.open_nursery() as nursery:
            for read in plan_reads(locations):
                nursery.start_soon(self._fetch, read, opened, lost)
        return opened, lost

    async def _fetch(self, read: Read, opened: dict[ChunkId, bytes], lost: set[ChunkId]) -> None:
        async with self._limit:
            data = await self._bytes_of(read)
            sound, damaged = await self._seams.offload(
                partial(open_read, self._ledger.keys, read, data)
            )
            opened |= sound
            lost |= damaged

    async def _bytes_of(self, read: Read) -> bytes:
        spool = self._ledger.replica.spool
        if read.pack in spool:
            kept = await self._seams.offload(
                partial(spool.read, read.pack, read.start, read.length)
            )
            if kept is not None:
                return kept
        try:
            return await self._link.attempt(
                partial(self._remote.get_pack, read.pack, read.start, read.length)
            )
        except Refused as error:
            if error.code not in _NOT_THERE:
                raise
            return b""

    def find(
        self, disk: Disk, path: bytes, old: dict[ChunkId, int], window: Sequence[Part]
    ) -> dict[ChunkId, bytes]:
        """Those chunks of a window that a file in place still holds, each checked; blocks.

        `old` says where in it each chunk was.
        """
        if not old:
            return {}
        found: dict[ChunkId, bytes] = {}
        try:
            with disk.open(path) as file:
                for chunk, length in window:
                    if chunk in old and chunk not in found:
                        file.seek(old[chunk])
                        data = file.read(length)
                        if self._ledger.keys.chunk_id(data) == chunk:
                            found[chunk] = data
        except OSError:
            return found
        return found


async def _both(*deeds: Callable[[], Awaitable[None]]) -> None:
    """Do these at once, and raise what the first of them raises, as it is."""
    failed: list[Exception] = []

    async def attempt(deed: Callable[[], Awaitable[None]]) -> None:
        try:
            await deed()
        except Exception as error:
            failed.append(error)
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for deed in deeds:
            nursery.start_soon(attempt, deed)
    if failed:
        raise failed[0]


def offsets_in(recipe: Recipe) -> dict[ChunkId, int]:
    """Where in a content each of its chunks comes first."""
    offsets: dict[ChunkId, int] = {}
    at = 0
    for chunk, length in recipe.chunks:
        offsets.setdefault(chunk, at)
        at += length
    return offsets


def joined(parts: Iterable[Part], held: dict[ChunkId, bytes]) -> bytes:
    """The content that these chunks make; raises `Unavailable` when a length was made up."""
    return b"".join(_part(held, part) for part in parts)


def _part(held: dict[ChunkId, bytes], part: Part) -> bytes:
    data = held[part[0]]
    if len(data) != part[1]:
        raise Unavailable
    return data


def _write(file: BinaryIO, window: Sequence[Part], held: dict[ChunkId, bytes]) -> None:
    for part in window:
        write_all(file, _part(held, part))
