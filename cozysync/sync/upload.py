"""From files to contents whose packs are on the server."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import trio

from cozysync.content import Ingest, Ingested, Known
from cozysync.disk import Disk, IndexRow, Stat, Unscannable, is_racy, new_row
from cozysync.replica import KNOWN_CHUNKS
from cozysync.sync.ledger import Ledger
from cozysync.sync.link import Link
from cozysync.sync.observe import Job
from cozysync.sync.remote import Remote
from cozysync.sync.seams import Seams
from cozysync_conflict import Kind
from cozysync_protocol import ChunkId, Pack

# Packs that wait for an uploader: the reader goes on while they do, in bounded memory.
PACKS_WAITING = 2

T = TypeVar("T")

Ready = tuple[Job, IndexRow, Ingested]


class Uploader:
    """Reads files and brings what is new of them to the server.

    `unread` are the files of the last run that could not be read, with the reason.
    """

    def __init__(
        self, ledger: Ledger, link: Link, remote: Remote, seams: Seams, uploads: int
    ) -> None:
        self._ledger = ledger
        self._link = link
        self._remote = remote
        self._seams = seams
        self._uploads = uploads
        self.unread: list[Unscannable] = []
        # Its own connection: what it sees is committed, whatever the ledger is in the middle of.
        self._chunks = _reader(ledger.replica.database.path)

    def close(self) -> None:
        """Close the connection."""
        self._chunks.close()

    async def run(self, disk: Disk, jobs: Sequence[Job]) -> list[Ready]:
        """The contents of these files, once the server holds all that they need.

        A file that vanishes, cannot be read, or changes while it is read is left out: a later
        scan takes it up.
        """
        self.unread = []
        return await self.send(partial(self._read_all, disk, jobs))

    async def send(self, work: Callable[[Ingest], T], known: Known | None = None) -> T:
        """What `work` returns, once the server holds all that it took in; in a thread.

        `known` says which chunks need not be sent; usually all that have a place.
        """
        send, receive = trio.open_memory_channel[Pack](PACKS_WAITING)
        async with trio.open_nursery() as nursery:
            for _ in range(self._uploads):
                nursery.start_soon(self._upload, receive.clone())
            receive.close()
            async with send:

                def emit(pack: Pack) -> None:
                    self._seams.hand_over(send, pack)

                def ingest() -> T:
                    taking = Ingest(self._ledger.keys, known or self._known, emit)
                    result = work(taking)
                    taking.flush()
                    return result

                return await self._seams.offload(ingest)

    def _read_all(self, disk: Disk, jobs: Sequence[Job], ingest: Ingest) -> list[Ready]:
        ready: list[Ready] = []
        for job in jobs:
            try:
                found = self._read(disk, job, ingest)
            except FileNotFoundError:
                continue  # gone meanwhile: the next scan tells
            except OSError as error:
                self.unread.append(_unread(job.path, error))
                continue
            if found is not None:
                ready.append(found)
        disk.forget()
        return ready

    def _read(self, disk: Disk, job: Job, ingest: Ingest) -> Ready | None:
        begun = self._seams.now_ns()
        before = disk.lstat(job.path)
        if before is None or before.kind is not job.kind:
            return None
        if job.kind is Kind.LINK:
            ingested = ingest.inline(disk.readlink(job.path), before.mtime_ns)
        else:
            with disk.open(job.path) as file:
                ingested = ingest.file(file, before.size, before.mtime_ns)
        if disk.lstat(job.path) != before:
            return None
        return job, self._row(job, before, begun), ingested

    def _row(self, job: Job, stat: Stat, begun_ns: int) -> IndexRow:
        node = job.row.node if job.row is not None else job.parent
        return new_row(node, job.parent, job.name, stat, racy=is_racy(stat, begun_ns))

    def _known(self, chunks: Iterable[ChunkId]) -> set[ChunkId]:
        query = KNOWN_CHUNKS.format("?")
        return {chunk for chunk in chunks if self._chunks.execute(query, (chunk,)).fetchone()}

    async def _upload(self, packs: trio.MemoryReceiveChannel[Pack]) -> None:
        async with packs:
            async for pack in packs:
                await self._link.attempt(partial(self._remote.put_pack, pack.id, pack.data))
                # Remembered at once: after a kill these bytes need not be sent again.
                await self._ledger.do(partial(self._remember, pack))

    def _remember(self, pack: Pack) -> None:
        with self._ledger.replica.database.transaction():
            self._ledger.replica.chunks.add(pack.locations, announced=False)


def _unread(path: bytes, error: OSError) -> Unscannable:
    remedy = "Let cozysync read it, move it out of the folder, or name it in .cozyignore."
    return Unscannable(path, f"the file cannot be read: {error.strerror or error}", remedy)


def _reader(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, check_same_thread=False, isolation_level=None)
