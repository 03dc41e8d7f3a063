"""Giving the server back what it has lost of the log: a restored backup, or an empty new disk.

A device that began with a snapshot gives an empty server that one, and the entries from there on.

The entries are sent as they were, each at the position that it had. They verify by themselves, so
it does not matter who gives them, nor how many do at once. Where the log has gone on otherwise
meanwhile there are two histories, and only a person can say what is to happen.
"""

from dataclasses import replace
from functools import partial

from cozysync.sync.beginning import Beginning, Beginnings
from cozysync.sync.ledger import Ledger
from cozysync.sync.link import Link
from cozysync.sync.remote import Refused, Remote, Unreachable
from cozysync.vault.errors import CozyError
from cozysync_protocol import (
    MAX_APPEND_BYTES,
    MAX_APPEND_ENTRIES,
    ErrorCode,
    ForkDetected,
    LogFrame,
    Position,
    RolledBack,
)

# What a server answers that has another entry where this device knows one.
_FORKED = (ErrorCode.FORK, ErrorCode.CHAIN_BROKEN, ErrorCode.ROLLED_BACK)


class CannotGive(CozyError):
    """This device does not hold what an empty server has to be given first."""

    def __init__(self) -> None:
        super().__init__(
            "This device does not keep the vault's log from its beginning: it began with an older "
            "version of cozysync, or has not read all of it yet.",
            "Give from another device, best from the one that is longest in the vault.",
        )


class Giver:
    """Gives back from what this device has verified and kept."""

    def __init__(self, ledger: Ledger, link: Link, remote: Remote) -> None:
        self._ledger = ledger
        self._link = link
        self._remote = remote
        self._beginnings = Beginnings(ledger.replica.database.path, ledger.replica.settings)

    async def give(self, end: Position, invitation: str = "") -> None:
        """Bring a log that ends at `end` to where this device has verified it.

        An invitation lets a device give that the server does not know. Afterwards entries of this
        device that went lost behind that wait in the outbox again. Raises `ForkDetected` when the
        log has gone on otherwise, `RolledBack` when this device does not keep what is missing,
        and `Refused`.
        """
        goal = (await self._ledger.do(self._ledger.log_state)).position
        pinned = self._ledger.pin.position
        if invitation and goal < pinned:  # what an empty server is given should be whole
            raise RolledBack(end, pinned)
        beginning = await self._begin(invitation, goal) if invitation else None
        if beginning is not None:
            end = beginning.pointer.position
        while end < goal:
            frames = await self._ledger.do(partial(self._kept, end, goal))
            if not frames:
                raise RolledBack(end, goal)
            reached = await self._send(goal, frames, invitation)
            if reached <= end:
                raise RolledBack(reached, goal)
            end = reached
        if beginning is not None:  # by now the log says that this device may write
            await self._put(beginning)
        if end < pinned:  # others have what follows: entries of this device must not take its place
            raise RolledBack(end, pinned)
        await self._ledger.do(partial(self._ledger.reopen, goal))

    async def _begin(self, invitation: str, goal: Position) -> Beginning | None:
        """Where the log begins now, unless this device knows it from its start."""
        frames = self._ledger.replica.frames
        if await self._ledger.do(partial(frames.are_all_up_to, goal)):
            return None
        kept = await self._ledger.do(self._beginnings.now)
        if kept is not None:
            begun = replace(kept.begun, invitation=invitation)
            await self._link.attempt(partial(self._remote.begin, begun))
        return kept

    async def _put(self, beginning: Beginning) -> None:
        for pack in beginning.pointer.packs:
            data = await self._ledger.do(partial(beginning.pack, pack))
            await self._link.attempt(partial(self._remote.put_pack, pack, data))
        try:
            put = partial(self._remote.set_snapshot, 0, beginning.pointer)
            await self._link.attempt(put)
        except Refused as error:
            # One is there already; or its device was revoked since, and others make a new one.
            if error.code not in (ErrorCode.CONFLICT, ErrorCode.DEVICE_REVOKED):
                raise

    def _kept(self, end: Position, goal: Position) -> list[LogFrame]:
        kept = self._ledger.replica.frames.after(end, MAX_APPEND_ENTRIES, MAX_APPEND_BYTES)
        return [frame for frame in kept if frame.position <= goal]

    async def _send(self, goal: Position, frames: list[LogFrame], invitation: str) -> Position:
        give = partial(self._remote.give_back, goal, frames, invitation)
        try:
            return await self._link.attempt(give)
        except Refused as error:
            if error.code is ErrorCode.CONFLICT:
                why = "it has lost more of the log meanwhile"
                raise Unreachable(self._remote.url, why) from error
            if error.code in _FORKED:
                raise ForkDetected(
                    "the server lost entries, and others were added before these came back, "
                    f"from position {frames[0].position} on"
                ) from error
            raise
