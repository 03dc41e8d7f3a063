"""From files to contents whose packs are on the server."""

import io
from collections.abc import Callable, Sequence
from functools import partial
from typing import BinaryIO, NamedTuple, TypeVar

import trio

from cozysync.content import Ingest, Ingested, Known
from cozysync.disk import (
    Disk,
    IndexRow,
    InUse,
    Stat,
    Unscannable,
    full_stat,
    is_database,
    is_racy,
    new_row,
    open_still,
)
from cozysync.sync.first_bytes import first_bytes
from cozysync.sync.known import KnownChunks
from cozysync.sync.ledger import Ledger
from cozysync.sync.link import Link
from cozysync.sync.observe import Job
from cozysync.sync.remote import Refused, Remote
from cozysync.sync.seams import Seams
from cozysync_conflict import Kind
from cozysync_protocol import Pack

# Packs that wait for an uploader. One more is being made meanwhile: more only hold memory.
PACKS_WAITING = 1
# After so many bytes it is looked whether the file is still the same: half a pack.
LOOK_EVERY = 4 * 1024 * 1024

T = TypeVar("T")

Ready = tuple[Job, IndexRow, Ingested]


_CHANGING = "it changes while it is read, and has not been sent since"
_GROWING = "it is written to without pause; it was sent as it was a moment ago"
_IN_USE = "a program writes to this database and leaves no moment to read it in"


class _Changed(Exception):
    """The file is not any more what it was when reading it began."""


class Moving(NamedTuple):
    """A file that changes under the reader, and what to say of it."""

    path: bytes
    reason: str


class Uploader:
    """Reads files and brings what is new of them to the server.

    `unread` are the files of the last run that could not be read or sent, with the reason; `full`
    says that the server had no room. `moved` are those that changed while they were read, or leave
    no moment to read them in.
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
        self.moved: list[Moving] = []
        self.cost_s: dict[bytes, float] = {}
        self.full = False
        self._known = KnownChunks(ledger.replica.database.path)

    def close(self) -> None:
        """Let go of the database."""
        self._known.close()

    async def run(
        self, disk: Disk, jobs: Sequence[Job], at_one_moment: Callable[[bytes], bool]
    ) -> list[Ready]:
        """The contents of these files, once the server holds all that they need.

        A file that vanishes, cannot be read, or changes while it is read is left out: a later
        scan takes it up. One for whose path `at_one_moment` holds is taken as it was at one
        moment, if there is such a moment.
        """
        self.unread, self.moved, self.cost_s = [], [], {}
        self.full = False
        ready: list[Ready] = []
        try:
            work = partial(self._read_all, disk, jobs, at_one_moment)
            ready = await self.send(work, wait_for_room=False)
        except* Refused as refusals:
            error = _first(refusals)
            if not error.needs_room:
                raise
            # What others send must not wait for room at the server.
            self.full = True
            self.unread = [_unsent(job.path, error) for job in jobs]
        return ready

    async def send(
        self,
        work: Callable[[Ingest], T],
        known: Known | None = None,
        *,
        wait_for_room: bool = True,
    ) -> T:
        """What `work` returns, once the server holds all that it took in; in a thread.

        `known` says which chunks need not be sent; usually all that have a place. Without
        `wait_for_room`, `Refused` comes out (in a group) when the server has none.
        """
        send, receive = trio.open_memory_channel[Pack](PACKS_WAITING)
        async with trio.open_nursery() as nursery:
            for _ in range(self._uploads):
                nursery.start_soon(self._upload, receive.clone(), wait_for_room)
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

    def _read_all(
        self,
        disk: Disk,
        jobs: Sequence[Job],
        at_one_moment: Callable[[bytes], bool],
        ingest: Ingest,
    ) -> list[Ready]:
        ready: list[Ready] = []
        for job in jobs:
            begun = self._seams.now_ns()
            try:
                found = self._read(disk, job, ingest, at_one_moment)
            except FileNotFoundError:
                continue  # gone meanwhile: the next scan tells
            except InUse:
                self.moved.append(Moving(job.path, _IN_USE))
                continue
            except OSError as error:
                self.unread.append(_unread(job.path, error))
                continue
            finally:
                self.cost_s[job.path] = max(self._seams.now_ns() - begun, 0) / 1e9
            if found is not None:
                ready.append(found)
        disk.forget()
        return ready

    def _read(
        self, disk: Disk, job: Job, ingest: Ingest, at_one_moment: Callable[[bytes], bool]
    ) -> Ready | None:
        begun = self._seams.now_ns()
        before = disk.lstat(job.path)
        if before is None or before.kind is not job.kind:
            return None
        if job.kind is Kind.LINK:
            ingested: Ingested | None = ingest.inline(disk.readlink(job.path), before.mtime_ns)
            if disk.lstat(job.path) != before:
                return None
        elif is_database(disk, job.path, before):
            before = full_stat(disk, job.path, before)
            ingested = self._database(disk, job.path, before, ingest)
        else:
            ingested = self._file(disk, job.path, before, ingest, at_one_moment(job.path))
        if ingested is None:
            return None
        return job, self._row(job, before, begun), ingested

    def _file(
        self, disk: Disk, path: bytes, before: Stat, ingest: Ingest, at_one_moment: bool
    ) -> Ingested | None:
        with disk.open(path) as file:
            ingested = _in_peace(disk, path, before, ingest, file)
            if ingested is not None:
                return ingested
            if not at_one_moment:
                self.moved.append(Moving(path, _CHANGING))
                return None
            # Read twice alike: so it was, in between, from the first byte to the last.
            once = ingest.file(first_bytes(file, before.size), before.size, before.mtime_ns)
            again = ingest.file(first_bytes(file, before.size), before.size, before.mtime_ns)
        taken = once.content.digest == again.content.digest
        self.moved.append(Moving(path, _GROWING if taken else _CHANGING))
        return once if taken else None

    def _database(self, disk: Disk, path: bytes, before: Stat, ingest: Ingest) -> Ingested | None:
        still = open_still(disk, path)
        with still or disk.open(path) as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            ingested = ingest.file(file, size, before.mtime_ns)
        now = disk.lstat(path)
        if still is None and (now is None or full_stat(disk, path, now) != before):
            self.moved.append(Moving(path, _CHANGING))
            return None
        return ingested

    def _row(self, job: Job, stat: Stat, begun_ns: int) -> IndexRow:
        node = job.row.node if job.row is not None else job.parent
        return new_row(node, job.parent, job.name, stat, racy=is_racy(stat, begun_ns))

    async def _upload(self, packs: trio.MemoryReceiveChannel[Pack], wait_for_room: bool) -> None:
        async with packs:
            async for pack in packs:
                put = partial(self._remote.put_pack, pack.id, pack.data)
                await self._link.attempt(put, wait_for_room=wait_for_room)
                # Remembered at once: after a kill these bytes need not be sent again.
                await self._ledger.do(partial(self._remember, pack))

    def _remember(self, pack: Pack) -> None:
        with self._ledger.replica.database.transaction():
            self._ledger.replica.chunks.add(pack.locations, announced=False)


def _in_peace(
    disk: Disk, path: bytes, before: Stat, ingest: Ingest, file: BinaryIO
) -> Ingested | None:
    """The content of a file, None when it changes meanwhile.

    One that is still being written is given up early: by the size that it had it may be cut in
    another way than in the end, and all that was taken of it would be sent twice.
    """
    looked = 0

    def look(taken: int) -> None:
        nonlocal looked
        if taken - looked >= LOOK_EVERY:
            looked = taken
            if disk.lstat(path) != before:
                raise _Changed

    try:
        ingested = ingest.file(file, before.size, before.mtime_ns, look)
    except _Changed:
        return None
    return ingested if disk.lstat(path) == before else None


def _unsent(path: bytes, error: Refused) -> Unscannable:
    return Unscannable(path, f"it cannot be sent: {error.message.rstrip('.')}", error.remedy)


def _first(group: BaseExceptionGroup[Refused]) -> Refused:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _unread(path: bytes, error: OSError) -> Unscannable:
    remedy = "Let cozysync read it, move it out of the folder, or name it in .cozyignore."
    return Unscannable(path, f"the file cannot be read: {error.strerror or error}", remedy)
