"""Sending anew what the server lost: any device that still holds a content gives it back.

Who misses a chunk retires its pack, by an entry that everybody reads (`Ledger.miss`). Everybody who
reads that looks at the pack for itself, and sends those of its chunks that are really not there,
from files in place and from the trash, in a new pack; the newer place then counts
(`ChunkIndex.retire`). Devices take turns by their ids, for one answer is enough.
"""

from collections.abc import Iterable, Iterator
from functools import partial

import trio

from cozysync.content import Ingest, decode_recipe
from cozysync.disk import TRASH, Disk, DiskIndex
from cozysync.replica import FolderState
from cozysync.sync.download import Downloader
from cozysync.sync.ledger import Ledger
from cozysync.sync.portions import portions
from cozysync.sync.seams import Seams
from cozysync.sync.upload import Uploader
from cozysync_conflict import Kind, NodeId
from cozysync_protocol import ChunkId, ChunkLocation, Malformed

# What a device waits for each of those before it: usually long enough to have their answer.
TURN_S = 1.0
# A server that loses the same again and again is not to be fed without end.
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 3600.0
# Places looked at together: their contents are in memory for a moment, 16 MiB or little more.
TOGETHER_BYTES = 16 * 1024 * 1024


class Repairs:
    """Looks for what is missing whenever a pack is retired, and sends what this device holds."""

    def __init__(
        self, ledger: Ledger, downloader: Downloader, uploader: Uploader, seams: Seams
    ) -> None:
        self._ledger = ledger
        self._downloader = downloader
        self._uploader = uploader
        self._seams = seams

    async def run(self) -> None:
        """Repair for ever, beginning with what was retired while this device was not running."""
        pause = FIRST_PAUSE_S
        while True:
            if await self._ledger.do(self._ledger.replica.chunks.retired):
                await trio.sleep(TURN_S * await self._ledger.do(self._turn))
                await self.repair()
                await trio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)
            if not await self._ledger.retired.wait_at_most(LONGEST_PAUSE_S):
                pause = FIRST_PAUSE_S
                await self._ledger.retired.wait()

    async def repair(self) -> int:
        """Send anew what lies in retired packs, is not there, and is here; returns how much."""
        wanted = await self._lost(await self._ledger.do(self._ledger.replica.chunks.retired))
        count = len(wanted)
        for disk, path in await self._ledger.do(partial(self._places, frozenset(wanted))):
            if not wanted:
                break
            await self._send(disk, path, wanted)
        return count - len(wanted)

    async def _lost(self, locations: Iterable[ChunkLocation]) -> set[ChunkId]:
        lost: set[ChunkId] = set()
        for some in together(locations):
            _, missing = await self._downloader.fetch(some)
            lost |= missing
        return lost

    async def _send(self, disk: Disk, path: bytes, wanted: set[ChunkId]) -> None:
        """Send those of the wanted chunks that a file holds; they are wanted no more then."""

        def known(chunks: Iterable[ChunkId]) -> set[ChunkId]:
            return {chunk for chunk in chunks if chunk not in wanted}

        def work(ingest: Ingest) -> tuple[ChunkId, ...]:
            try:
                stat = disk.lstat(path)
                if stat is None or stat.kind is not Kind.FILE:
                    return ()
                with disk.open(path) as file:
                    return ingest.file(file, stat.size, stat.mtime_ns).chunks
            except OSError:
                return ()  # gone, or not to be read: another place may have it
            finally:
                disk.forget()

        sent = wanted.intersection(await self._uploader.send(work, known))
        if sent:
            await self._ledger.do(partial(self._announce, frozenset(sent)))
            wanted -= sent

    def _announce(self, chunks: Iterable[ChunkId]) -> None:
        with self._ledger.replica.database.transaction():
            self._ledger.author([], chunks)

    # --- where it may be -------------------------------------------------------------------

    def _turn(self) -> int:
        """How many devices look before this one."""
        devices = self._ledger.log_state().devices
        active = sorted(device for device, each in devices.items() if not each.revoked)
        return active.index(self._ledger.device.id) if self._ledger.device.id in active else 0

    def _places(self, wanted: frozenset[ChunkId]) -> list[tuple[Disk, bytes]]:
        """The files that may hold some of these chunks: first those in place, then the trash."""
        in_place: list[tuple[Disk, bytes]] = []
        in_trash: list[tuple[Disk, bytes]] = []
        for row in self._ledger.replica.folders.list():
            if row.node is None or row.state is not FolderState.ACTIVE:
                continue
            try:
                disk = self._seams.ground.disk(row.path)
                in_trash += [(disk, path) for path in files_below(disk, TRASH)]
            except OSError:
                continue  # the folder is not there now
            index = DiskIndex(self._ledger.replica.database.connection, row.node)
            for node in index.nodes():
                held = index.row(node)
                path = index.path(node)
                if held and path and held.digest and self._may_hold(held.node, held.digest, wanted):
                    in_place.append((disk, path))
        return in_place + in_trash

    def _may_hold(self, node: NodeId, digest: bytes, wanted: frozenset[ChunkId]) -> bool:
        for version in self._ledger.replica.tree.versions(node):
            if version.content.digest != digest:
                continue
            try:
                recipe = decode_recipe(version.content.detail)
            except Malformed:
                continue
            # A long list is itself in chunks, which may be the ones that are missing.
            return bool(recipe.lists) or any(chunk in wanted for chunk, _ in recipe.chunks)
        return False


def together(locations: Iterable[ChunkLocation]) -> Iterator[list[ChunkLocation]]:
    """The places in portions that fit into memory, in the same order."""
    return portions(locations, lambda each: each.length, TOGETHER_BYTES)


def files_below(disk: Disk, directory: bytes) -> list[bytes]:
    """The paths of all files below a directory."""
    found: list[bytes] = []
    for name, stat in list(disk.listing(directory)):
        path = directory + b"/" + name
        if stat.kind is Kind.DIRECTORY:
            found += files_below(disk, path)
        elif stat.kind is Kind.FILE:
            found.append(path)
    disk.forget()
    return found
