"""Taking a content in from a phone: sealed and durable here before anything says so."""

import errno
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import trio

from cozysync.content import Ingest, Ingested
from cozysync.gateway.errors import NoRoom, Unavailable
from cozysync.replica import Spool
from cozysync.sync.known import KnownChunks
from cozysync.sync.ledger import Ledger
from cozysync.sync.link import Link
from cozysync.sync.remote import Refused, Remote, Unreachable
from cozysync.sync.seams import Seams
from cozysync_conflict import Content
from cozysync_protocol import ChunkId, ChunkLocation, Pack, PackId

# For so long a phone waits for the server to take what it sent; what is left goes later.
_DELIVER_S = 20.0

RESERVE = 64 * 1024 * 1024
"""Bytes of the disk that phones do not get: without any, the database cannot be written."""

_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class Kept:
    """A content that is durable here or on the server; `places` are where its new chunks lie."""

    content: Content
    chunks: tuple[ChunkId, ...]
    places: tuple[ChunkLocation, ...]

    @property
    def packs(self) -> set[PackId]:
        """The packs that were made for it."""
        return {place.pack for place in self.places}


class Keeper:
    """Makes packs of staged files. They stay in the spool until the server has them."""

    def __init__(self, ledger: Ledger, link: Link, remote: Remote, seams: Seams) -> None:
        self._ledger = ledger
        self._link = link
        self._remote = remote
        self._seams = seams

    async def keep(self, staged: Path, mtime_ns: int) -> Kept:
        """Take a file in. Raises `NoRoom`, `Unavailable`, or `OSError` for the file itself."""
        packs: list[Pack] = []
        try:
            ingested = await self._seams.offload(
                partial(self._ingest, staged, mtime_ns, self._spool, packs.append)
            )
            places = tuple(place for pack in packs for place in pack.locations)
            kept = Kept(ingested.content, ingested.chunks, places)
            await self._deliver([pack.id for pack in packs])
        except BaseException:
            with trio.CancelScope(shield=True):
                await self._seams.offload(partial(self._spool.discard, [p.id for p in packs]))
            raise
        return kept

    async def let_go(self, kept: Kept, *, needed: set[PackId]) -> None:
        """Of what was kept, let go of the packs that no entry needs."""
        spare = [pack for pack in kept.packs - needed if pack in self._spool]
        if spare:
            await self._seams.offload(partial(self._spool.discard, spare))

    @property
    def _spool(self) -> Spool:
        return self._ledger.replica.spool

    def _ingest(
        self, staged: Path, mtime_ns: int, spool: Spool, note: Callable[[Pack], None]
    ) -> Ingested:
        room = self._ledger.replica.database.path.parent

        def emit(pack: Pack) -> None:
            try:
                if shutil.disk_usage(room).free < len(pack.data) + RESERVE:
                    raise OSError(errno.ENOSPC, "what is left is for the device's own records")
                spool.put(pack.id, pack.data)
            except OSError as error:
                raise _unkept(error) from error
            note(Pack(pack.id, b"", pack.locations))

        known = KnownChunks(self._ledger.replica.database.path)
        try:
            ingest = Ingest(self._ledger.keys, known, emit)
            with staged.open("rb") as file:
                ingested = ingest.file(file, staged.stat().st_size, mtime_ns)
            ingest.flush()
        finally:
            known.close()
        return ingested

    async def _deliver(self, packs: list[PackId]) -> None:
        """Send what can be sent at once: of a full server the phone should hear."""
        with trio.move_on_after(_DELIVER_S):
            for pack in packs:
                if not self._link.reachable or not await self._sent(pack):
                    return

    async def _sent(self, pack: PackId) -> bool:
        data = await self._seams.offload(partial(self._spool.read, pack))
        if data is None:
            return True
        try:
            await self._remote.put_pack(pack, data)
        except Unreachable as error:
            self._link.lost(error.message)
            return False
        except Refused as error:
            if error.needs_room:
                raise NoRoom(error.message, error.remedy) from error
            return False  # what it asks for is heeded when the entry is sent
        self._link.contact()
        return True  # and kept until the log names it: a server may still lose what nobody named


def _unkept(error: OSError) -> NoRoom | Unavailable:
    if error.errno in _FULL:
        return NoRoom("The disk of this device is full.", "Free space on it, then send it again.")
    return Unavailable(
        f"The disk of this device does not do its work: {error.strerror or error}.",
        "Check it, then send it again.",
    )
