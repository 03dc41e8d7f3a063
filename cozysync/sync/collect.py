"""Giving packs up: which hold nothing that is in use, and which hold so little that it moves out.

Only devices know what lives; the server deletes what they *doom*. One that looks does so on a
replica that holds just what the log says. What it did not know then cannot be hurt: the server
refuses a doom when an entry behind that names the pack, and entries that name it afterwards, and a
device that reads of the doom and needs a chunk in there all the same (a rename that revived a
deleted file, say) brings it elsewhere before the pack goes.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from cozysync.content import PACK_SIZE, Recipe, expand, pack_chunk
from cozysync.sync.download import Downloader, Unavailable
from cozysync.sync.in_use import recipes_in_use, shown_recipes
from cozysync.sync.ledger import Ledger
from cozysync.sync.link import Link
from cozysync.sync.remote import Remote
from cozysync.sync.repair import together
from cozysync.sync.seams import Seams
from cozysync_protocol import (
    MAX_DOOMED,
    MAX_PACK_CHUNKS,
    ChunkId,
    ChunkLocation,
    Pack,
    PackBuilder,
    PackId,
    PacksDoomed,
    encode_control,
)

# A pack of which less than this share is in use is worth moving: that much is fetched and sent to
# free the rest.
WORTH_MOVING = 0.5
# As much is moved in one go; the rest waits for the next. A day's traffic stays bounded.
MOST_MOVED_BYTES = 256 * 1024 * 1024

_LIVE = "CREATE TEMP TABLE IF NOT EXISTS live (id BLOB PRIMARY KEY) WITHOUT ROWID"
# Packs with a chunk that no entry tells of are about to be named. What lives in retired ones is for
# `Repairs`.
_SHARES = """
    SELECT pack.key, pack.id, SUM(length), SUM(CASE WHEN live.id IS NULL THEN 0 ELSE length END),
        retired
    FROM chunk JOIN pack ON pack.key = chunk.pack LEFT JOIN temp.live ON live.id = chunk.id
    GROUP BY pack.key HAVING MIN(announced)
"""
_EMPTY = "SELECT id FROM pack WHERE key NOT IN (SELECT pack FROM chunk)"
_LIVE_IN = """
    SELECT chunk.id, pack.id, offset, length FROM chunk JOIN pack ON pack.key = chunk.pack
    JOIN temp.live ON live.id = chunk.id WHERE pack.key = ? ORDER BY offset
"""


@dataclass(frozen=True, slots=True)
class Findings:
    """`dead` packs hold nothing that is in use; what lies at `moving` is to leave its pack."""

    dead: tuple[PackId, ...]
    moving: tuple[ChunkLocation, ...]


class Collect:
    """Dooms what is dead, after moving what is nearly so."""

    def __init__(
        self, ledger: Ledger, link: Link, remote: Remote, downloader: Downloader, seams: Seams
    ) -> None:
        self._ledger = ledger
        self._link = link
        self._remote = remote
        self._downloader = downloader
        self._seams = seams

    async def collect(self) -> int:
        """Move and doom what can be; returns how many packs were doomed.

        None when something here is not sent yet, or not read: the next time will do.
        """
        long = await self._long_contents()
        if long is None:
            return 0
        found = await self._ledger.do(partial(self._look, long))
        if found.moving:
            await self.move(found.moving)
            found = await self._ledger.do(partial(self._look, long, settled=False))
        if found.dead:
            await self._ledger.do(partial(self._doom, found.dead))
        return len(found.dead)

    async def rescue(self) -> int:
        """Bring what is shown out of packs that are about to go; returns how many chunks."""
        return await self.move(await self._ledger.do(self._endangered))

    async def move(self, places: Iterable[ChunkLocation]) -> int:
        """Put what lies at these places into new packs, as far as it is still there."""
        moved = 0
        for some in together(places):
            held, _ = await self._downloader.fetch(some)
            packs = await self._seams.offload(partial(self._packed, held))
            for pack in packs:
                await self._link.attempt(partial(self._remote.put_pack, pack.id, pack.data))
            locations = [place for pack in packs for place in pack.locations]
            await self._ledger.do(partial(self._ledger.announce, locations))
            moved += len(locations)
        return moved

    async def _long_contents(self) -> dict[bytes, tuple[ChunkId, ...]] | None:
        """Of each content too long for its recipe, by that, all its chunks; None: not known."""
        chunks: dict[bytes, tuple[ChunkId, ...]] = {}
        for recipe in await self._ledger.do(self._long_recipes):
            try:
                pieces = await self._downloader.chunks([chunk for chunk, _ in recipe.lists])
            except Unavailable:
                return None
            whole = expand(recipe, pieces.__getitem__)
            chunks[recipe.encode()] = tuple(chunk for chunk, _ in whole.chunks)
        return chunks

    # --- work of `Ledger.do` ---------------------------------------------------------------

    def _long_recipes(self) -> list[Recipe]:
        found = recipes_in_use(self._ledger.replica.database.connection)
        return list({recipe.encode(): recipe for recipe in found if recipe.lists}.values())

    def _look(self, long: dict[bytes, tuple[ChunkId, ...]], *, settled: bool = True) -> Findings:
        connection = self._ledger.replica.database.connection
        if (settled and not self._is_settled()) or not self._mark(connection, long):
            return Findings((), ())
        dead = [PackId(row[0]) for row in connection.execute(_EMPTY)]
        moving: list[ChunkLocation] = []
        size = 0
        for key, pack, total, live, retired in connection.execute(_SHARES).fetchall():
            if not live:
                dead.append(PackId(pack))
            elif not retired and live < total * WORTH_MOVING and size + live <= MOST_MOVED_BYTES:
                size += live
                moving += [ChunkLocation(*row) for row in connection.execute(_LIVE_IN, (key,))]
        connection.execute("DELETE FROM temp.live")
        return Findings(tuple(dead), tuple(moving))

    def _endangered(self) -> list[ChunkLocation]:
        retired = self._ledger.replica.chunks.retired()
        shown: set[ChunkId] = set()
        for recipe in shown_recipes(self._ledger.replica.database.connection):
            if recipe.lists:
                return retired  # which chunks such a long content needs is not known here
            shown.update(chunk for chunk, _ in recipe.chunks)
        return [place for place in retired if place.chunk in shown]

    def _is_settled(self) -> bool:
        outbox = self._ledger.replica.outbox
        return not outbox.count() and outbox.newest_position() <= self._ledger.log_state().position

    def _mark(self, connection: sqlite3.Connection, long: dict[bytes, tuple[ChunkId, ...]]) -> bool:
        """Note all chunks in use; False when a long content has come that is not in `long`."""
        connection.execute(_LIVE)
        connection.execute("DELETE FROM temp.live")
        for recipe in recipes_in_use(connection):
            chunks = [chunk for chunk, _ in (*recipe.chunks, *recipe.lists)]
            if recipe.lists:
                more = long.get(recipe.encode())
                if more is None:
                    return False
                chunks += more
            connection.executemany(
                "INSERT OR IGNORE INTO temp.live VALUES (?)", [(chunk,) for chunk in chunks]
            )
        return True

    def _doom(self, packs: Sequence[PackId]) -> None:
        with self._ledger.replica.database.transaction():
            for at in range(0, len(packs), MAX_DOOMED):
                control = PacksDoomed(tuple(packs[at : at + MAX_DOOMED]))
                self._ledger.write_control(encode_control(control))

    def _packed(self, held: dict[ChunkId, bytes]) -> list[Pack]:
        keys = self._ledger.keys
        packs: list[Pack] = []
        builder = PackBuilder()
        for chunk, plain in held.items():
            if builder.size >= PACK_SIZE or len(builder) >= MAX_PACK_CHUNKS:
                packs.append(builder.finish(keys.seal_index))
                builder = PackBuilder()
            builder.add(chunk, bytes(keys.seal_chunk(chunk, pack_chunk(plain))))
        return [*packs, builder.finish(keys.seal_index)] if len(builder) else packs
