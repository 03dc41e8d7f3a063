"""Looking through everything that the server should hold, from one end to the other.

Every chunk is fetched, opened and compared with its name, and every version that history keeps is
compared with its digest. It is done in portions, each of which begins where the last one ended: so
nothing is to be undone when somebody stops, and memory holds one portion. What is found missing
is asked of the other devices (`Ledger.miss`) and sent anew by whoever has it (`sync/repair.py`).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import trio

from cozysync.content import decode_recipe
from cozysync.replica import Cursor, Place, contents_after
from cozysync.sync.download import Downloader, Unavailable
from cozysync.sync.ledger import Ledger
from cozysync.sync.link import Link
from cozysync.sync.paths import Paths
from cozysync.sync.remote import Remote, Unreachable
from cozysync.sync.seams import Seams
from cozysync.vault.errors import CozyError, ExitCode
from cozysync_conflict import Content, NodeId, heads
from cozysync_protocol import MAX_PACK_LIST, ChunkId, ChunkLocation, Malformed, PackId

# One portion: some seconds on a slow line, so that progress shows and stopping is quick.
PORTION_BYTES = 16 * 1024 * 1024
PORTION_CHUNKS = 4096
PORTION_S = 300.0
SAMPLE_CHUNKS = 64
"""Chunks that a quick look opens."""

_BEGINNING: Place = (0, 0)
_CHUNKS, _CONTENTS = "chunks", "contents"


class BadCursor(CozyError):
    """A place to go on from that was not printed by this command."""

    exit_code = ExitCode.USAGE

    def __init__(self) -> None:
        super().__init__(
            "That is no place to go on from.", "Begin at the beginning: cozysync verify."
        )


@dataclass(frozen=True, slots=True)
class Damage:
    """A file of which something is missing. `now`: what it holds now, not only an old version."""

    path: str
    reason: str
    now: bool


@dataclass(frozen=True, slots=True)
class Portion:
    """What one portion found. `next` is where to go on, None when all is done.

    `of` is how many chunks there are in all.
    """

    next: str | None
    chunks: int
    bytes: int
    of: int
    damaged: tuple[Damage, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        lines = [{"path": d.path, "reason": d.reason, "now": d.now} for d in self.damaged]
        return plain | {"damaged": lines}


class Verifier:
    """Looks at what the server holds, a portion at a time."""

    def __init__(
        self, ledger: Ledger, downloader: Downloader, link: Link, remote: Remote, seams: Seams
    ) -> None:
        self._ledger = ledger
        self._downloader = downloader
        self._link = link
        self._remote = remote
        self._seams = seams

    async def portion(self, after: str | None) -> Portion:
        """Look at the next portion; `after` is the `next` of the one before.

        Raises `Unreachable` when the server does not answer, `Refused` or `BadCursor`.
        """
        phase, place = parsed(after)
        with trio.move_on_after(PORTION_S):
            if phase == _CHUNKS:
                return await self._chunks(place)
            return await self._contents(place)
        raise Unreachable(self._remote.url, "no answer in time")

    async def quick(self) -> Portion:
        """See that every pack is there, and open some chunks taken at random."""
        with trio.move_on_after(PORTION_S):
            return await self._quick()
        raise Unreachable(self._remote.url, "no answer in time")

    # --- what the server holds ---------------------------------------------------------------

    async def _chunks(self, place: Place) -> Portion:
        index = self._ledger.replica.chunks
        page = await self._ledger.do(partial(index.after, place, PORTION_CHUNKS))
        some: list[ChunkLocation] = []
        size = 0
        for at, location in page:
            if some and size + location.length > PORTION_BYTES:
                break
            some.append(location)
            size += location.length
            place = at
        _, lost = await self._downloader.fetch(some)
        end = len(some) == len(page) < PORTION_CHUNKS
        following = _printed(_CONTENTS, ()) if end else _printed(_CHUNKS, place)
        return await self._portion(following, some, size, await self._damage(lost))

    async def _quick(self) -> Portion:
        index = self._ledger.replica.chunks
        spool = self._ledger.replica.spool  # what waits there is still to be sent
        packs = [pack for pack in await self._ledger.do(index.packs) if pack not in spool]
        gone: list[PackId] = []
        for at in range(0, len(packs), MAX_PACK_LIST):
            asked = packs[at : at + MAX_PACK_LIST]
            gone += await self._link.attempt(partial(self._remote.missing_packs, asked))
        missing = await self._ledger.do(partial(index.in_packs, gone))
        sample = await self._ledger.do(partial(self._sample, packs, frozenset(gone)))
        _, lost = await self._downloader.fetch(sample)
        lost |= {location.chunk for location in missing}
        size = sum(location.length for location in sample)
        return await self._portion(None, sample, size, await self._damage(lost))

    def _sample(self, packs: list[PackId], gone: frozenset[PackId]) -> list[ChunkLocation]:
        whole = [pack for pack in packs if pack not in gone]
        picked = {whole[self._below(len(whole))] for _ in range(SAMPLE_CHUNKS) if whole}
        chosen = [self._ledger.replica.chunks.in_packs([pack]) for pack in picked]
        return [chunks[self._below(len(chunks))] for chunks in chosen]

    def _below(self, bound: int) -> int:
        return int.from_bytes(self._seams.entropy(8), "big") % bound

    # --- what the vault says -----------------------------------------------------------------

    async def _contents(self, cursor: Cursor | None) -> Portion:
        connection = self._ledger.replica.database.connection
        found, after = await self._ledger.do(partial(contents_after, connection, cursor))
        damaged: list[Damage] = []
        for node, content in found:
            if not await self._fits(content):
                damaged.append(await self._ledger.do(partial(self._told, node, content, _MADE_UP)))
        following = _printed(_CONTENTS, after) if after is not None else None
        return await self._portion(following, (), 0, damaged)

    async def _fits(self, content: Content) -> bool:
        """Whether a content is what its digest says, of chunks that all have a place."""
        try:
            recipe = await self._downloader.recipe(content)
        except Unavailable as error:
            return bool(error.chunks)  # of a long list; told already by the chunks themselves
        wanted = {chunk for chunk, _ in recipe.chunks}
        found = await self._ledger.do(partial(self._ledger.replica.chunks.locate, wanted))
        return wanted == found.keys()

    # --- what is missing ---------------------------------------------------------------------

    async def _damage(self, lost: Collection[ChunkId]) -> list[Damage]:
        """The files that need lost chunks; the chunks are asked for. Others are needed by none."""
        if not lost:
            return []
        damaged: list[Damage] = []
        needed: set[ChunkId] = set()
        cursor: Cursor | None = None
        connection = self._ledger.replica.database.connection
        while True:
            found, cursor = await self._ledger.do(partial(contents_after, connection, cursor))
            for node, content in found:
                hit = await self._needs(content, lost)
                if hit:
                    needed |= hit
                    damaged.append(await self._ledger.do(partial(self._told, node, content, _LOST)))
            if cursor is None:
                break
        locations = await self._ledger.do(partial(self._ledger.replica.chunks.locate, needed))
        packs = {location.pack for location in locations.values()}
        await self._ledger.do(partial(self._ledger.miss, needed, packs))
        return damaged

    async def _needs(self, content: Content, lost: Collection[ChunkId]) -> set[ChunkId]:
        try:
            recipe = decode_recipe(content.detail)
            hit = {chunk for chunk, _ in recipe.lists if chunk in lost}
            if recipe.lists and not hit:
                recipe = await self._downloader.recipe(content)
        except (Malformed, Unavailable):
            return set()
        return hit | {chunk for chunk, _ in recipe.chunks if chunk in lost}

    def _told(self, node: NodeId, content: Content, reason: str) -> Damage:
        shown = heads(self._ledger.replica.tree, node)
        now = any(head.content.digest == content.digest for head in shown)
        return Damage(Paths(self._ledger).here(node), reason, now)

    async def _portion(
        self,
        after: str | None,
        some: Collection[ChunkLocation],
        size: int,
        damaged: Iterable[Damage],
    ) -> Portion:
        count = await self._ledger.do(self._ledger.replica.chunks.count)
        return Portion(after, len(some), size, count, tuple(damaged))


_LOST = "the server lost some of it, or gives out something else"
_MADE_UP = "its author said wrong things of it, or never said where it lies"


def _printed(phase: str, place: Iterable[object]) -> str:
    parts = [each.hex() if isinstance(each, bytes) else str(each) for each in place]
    return ".".join([phase, *parts])


def parsed(text: str | None) -> tuple[str, Any]:
    """The phase and place in a portion's `next`; raises `BadCursor`."""
    if text is None:
        return _CHUNKS, _BEGINNING
    phase, *parts = text.split(".")
    try:
        if phase == _CHUNKS and len(parts) == 2:
            return _CHUNKS, (_number(parts[0]), _number(parts[1]))
        if phase == _CONTENTS and not parts:
            return _CONTENTS, None
        if phase == _CONTENTS and len(parts) == 3:
            return _CONTENTS, (bytes.fromhex(parts[0]), _number(parts[1]), bytes.fromhex(parts[2]))
    except ValueError:
        raise BadCursor from None
    raise BadCursor


def _number(text: str) -> int:
    number = int(text)
    if not 0 <= number < 1 << 63:
        raise BadCursor
    return number
