"""Making snapshots, so that nobody must read the whole log for ever.

Any device may make one; one does when the log since the last has grown as heavy as the last
snapshot itself. So starting costs at most twice what the state weighs, and snapshots together
never cost more than the log did.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial

import trio

from cozysync.content import PACK_SIZE, pack_chunk
from cozysync.replica import Opening, write_snapshot
from cozysync.sync.beginning import Beginnings
from cozysync.sync.ledger import CLOCK, LOG_BYTES, Ledger
from cozysync.sync.link import Link
from cozysync.sync.remote import Refused, Remote
from cozysync.sync.seams import Seams
from cozysync_protocol import (
    MAX_SNAPSHOT_PACKS,
    ErrorCode,
    LogState,
    Pack,
    PackBuilder,
    PackId,
    SnapshotPointer,
)

# Below this reading the log from its start is as quick as anything.
LEAST_BYTES = 1024 * 1024
# How often a device looks whether a snapshot is due; each at its own time (see `_pause`).
LOOK_EVERY_S = 600.0

# Another device was first, this one took too long, or the server has gone back meanwhile; whether
# there are two histories, reading the log tells.
_LATE = (ErrorCode.CONFLICT, ErrorCode.UNKNOWN_PACK, ErrorCode.FORK)

_POSITION = "snapshot/position"
_BYTES_THEN = "snapshot/log_bytes"


class SnapshotMaker:
    """Makes a snapshot when one is due: not before `least_bytes` of log have come."""

    def __init__(self, ledger: Ledger, link: Link, remote: Remote, seams: Seams) -> None:
        self._ledger = ledger
        self._link = link
        self._remote = remote
        self._seams = seams
        self._beginnings = Beginnings(ledger.replica.database.path, ledger.replica.settings)
        self.least_bytes = LEAST_BYTES

    async def run(self) -> None:
        """Look now and then, for ever."""
        while True:
            await trio.sleep(self._pause())
            await self.make(only_if_due=True)

    async def make(self, *, only_if_due: bool) -> bool:
        """Make a snapshot of what is in sync here; whether there is a new one by this device.

        None is made when nothing has come since the last, or when something here is not sent yet.
        """
        version, last = await self._link.attempt(self._remote.snapshot)
        if only_if_due and not await self._ledger.do(partial(self._is_due, last)):
            return False
        opened = await self._ledger.do(partial(self._open, last))
        if opened is None:
            return False
        opening, connection = opened
        with closing(connection):
            pointer = await self._send(opening, connection)
        try:
            await self._link.attempt(partial(self._remote.set_snapshot, version, pointer))
        except Refused as error:
            if error.code in _LATE:
                return False
            raise
        return True

    def _pause(self) -> float:
        """Each device has a place of its own in the interval, so that not all begin at once."""
        settings = self._ledger.replica.settings
        seed = self._ledger.device.id + settings.get_int(_POSITION).to_bytes(8, "big")
        return LOOK_EVERY_S * (0.5 + hashlib.sha256(seed).digest()[0] / 256)

    def _is_due(self, last: SnapshotPointer | None) -> bool:
        settings, state = self._ledger.replica.settings, self._ledger.log_state()
        if last is None and self._beginnings.now() is not None:
            return True  # given an empty server, the log may begin at a snapshot that is not there
        size = last.size if last is not None else 0
        if last is not None:
            signer = state.devices.get(last.device)
            if signer is not None and signer.revoked:
                return True  # nobody starts from it any more
            if settings.get_int(_POSITION) != last.position:
                settings.set_int(_POSITION, last.position)
                settings.set_int(_BYTES_THEN, settings.get_int(LOG_BYTES))
        grown = settings.get_int(LOG_BYTES) - settings.get_int(_BYTES_THEN)
        return grown >= max(self.least_bytes, size)

    def _open(self, last: SnapshotPointer | None) -> tuple[Opening, sqlite3.Connection] | None:
        """One moment of the replica, if it holds what the log says and nothing else."""
        state = self._ledger.log_state()
        outbox = self._ledger.replica.outbox
        if outbox.count() or outbox.newest_position() > state.position:
            return None
        if last is not None and last.position >= state.position:
            return None
        opening = Opening(state, self._ledger.replica.settings.get_int(CLOCK))
        connection = sqlite3.connect(
            self._ledger.replica.database.path, check_same_thread=False, isolation_level=None
        )
        connection.execute("BEGIN")
        connection.execute("SELECT 1 FROM vector").fetchone()  # from here on it sees this moment
        return opening, connection

    async def _send(self, opening: Opening, connection: sqlite3.Connection) -> SnapshotPointer:
        packs: list[PackId] = []
        size = 0
        pieces = write_snapshot(connection, opening)
        while pack := await self._seams.offload(partial(self._next_pack, pieces)):
            await self._link.attempt(partial(self._remote.put_pack, pack.id, pack.data))
            packs.append(pack.id)
            size += len(pack.data)
        if len(packs) > MAX_SNAPSHOT_PACKS:
            raise RuntimeError(f"a snapshot of {len(packs)} packs is more than a pointer names")
        return self._pointer(opening.state, size, packs)

    def _next_pack(self, pieces: Iterator[bytes]) -> Pack | None:
        keys, builder = self._ledger.keys, PackBuilder()
        for piece in pieces:
            chunk = keys.chunk_id(piece)
            builder.add(chunk, bytes(keys.seal_chunk(chunk, pack_chunk(piece))))
            if builder.size >= PACK_SIZE:
                break
        return builder.finish(keys.seal_index) if len(builder) else None

    def _pointer(self, state: LogState, size: int, packs: list[PackId]) -> SnapshotPointer:
        device = self._ledger.device
        pointer = SnapshotPointer(
            vault=state.vault,
            device=device.id,
            position=state.position,
            head=state.head,
            epoch=state.epoch,
            size=size,
            packs=tuple(packs),
        )
        return pointer.signed(device.sign)
