"""From the vault's contents to staged files: fetching chunks, or finding them on this disk."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import BinaryIO

import trio

from cozysync.content import Part, Read, Recipe, decode_recipe, expand, open_read, plan_reads
from cozysync.disk import Disk
from cozysync.sync.ledger import Ledger
from cozysync.sync.link import Link
from cozysync.sync.remote import Remote
from cozysync.sync.seams import Seams
from cozysync_conflict import Content
from cozysync_protocol import ChunkId

# Plaintext held at once; large files are written in windows of this size.
WINDOW = 32 * 1024 * 1024

Local = tuple[bytes, Recipe]
"""A file on this disk and the recipe of what it holds, as far as the index knows."""


class NotYet(Exception):
    """The vault does not say yet where a chunk lies; more of the log is to come."""


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
        """The content's recipe with all its chunks listed; raises `NotYet`."""
        recipe = decode_recipe(content.detail)
        if recipe.lists:
            pieces = await self.chunks([chunk for chunk, _ in recipe.lists])
            recipe = expand(recipe, pieces.__getitem__)
        return recipe

    async def stage(self, disk: Disk, path: bytes, recipe: Recipe, local: Local | None) -> None:
        """Write a large content to a new file, window by window."""
        old = _offsets(local[1]) if local is not None else {}
        file = await self._seams.offload(partial(disk.create, path))
        try:
            for window in _windows(recipe.chunks):
                held = await self._seams.offload(partial(self._find, disk, local, old, window))
                missing = [chunk for chunk, _ in window if chunk not in held]
                held |= await self.chunks(missing)
                await self._seams.offload(partial(_write, file, window, held))
        finally:
            file.close()

    async def chunks(self, ids: Sequence[ChunkId]) -> dict[ChunkId, bytes]:
        """The plaintexts of these chunks, fetched and checked; raises `NotYet`."""
        wanted = set(ids)
        if not wanted:
            return {}
        locations = await self._ledger.do(partial(self._ledger.replica.chunks.locate, wanted))
        if len(locations) < len(wanted):
            raise NotYet
        opened: dict[ChunkId, bytes] = {}
        async with trio.open_nursery() as nursery:
            for read in plan_reads(locations.values()):
                nursery.start_soon(self._fetch, read, opened.update)
        return opened

    async def _fetch(self, read: Read, keep: Callable[[dict[ChunkId, bytes]], None]) -> None:
        async with self._limit:
            data = await self._link.attempt(
                partial(self._remote.get_pack, read.pack, read.start, read.length)
            )
            keep(await self._seams.offload(partial(open_read, self._ledger.keys, read, data)))

    def _find(
        self, disk: Disk, local: Local | None, old: dict[ChunkId, int], window: Sequence[Part]
    ) -> dict[ChunkId, bytes]:
        """Those chunks of a window that the file in place still holds, each checked."""
        if local is None:
            return {}
        found: dict[ChunkId, bytes] = {}
        try:
            with disk.open(local[0]) as file:
                for chunk, length in window:
                    if chunk in old and chunk not in found:
                        file.seek(old[chunk])
                        data = file.read(length)
                        if self._ledger.keys.chunk_id(data) == chunk:
                            found[chunk] = data
        except OSError:
            return found
        return found


def _offsets(recipe: Recipe) -> dict[ChunkId, int]:
    offsets: dict[ChunkId, int] = {}
    at = 0
    for chunk, length in recipe.chunks:
        offsets.setdefault(chunk, at)
        at += length
    return offsets


def _windows(chunks: Sequence[Part]) -> Iterator[Sequence[Part]]:
    window: list[Part] = []
    size = 0
    for part in chunks:
        if window and size + part[1] > WINDOW:
            yield window
            window, size = [], 0
        window.append(part)
        size += part[1]
    if window:
        yield window


def _write(file: BinaryIO, window: Sequence[Part], held: dict[ChunkId, bytes]) -> None:
    for chunk, _ in window:
        data = memoryview(held[chunk])
        while data:
            data = data[file.write(data) :]
