"""From the server's log to the replica, in order, waiting for what comes next."""

from collections.abc import Sequence
from contextlib import aclosing
from functools import partial

import trio

from cozysync.sync.giver import CannotGive, Giver
from cozysync.sync.ledger import Ledger
from cozysync.sync.link import Link
from cozysync.sync.remote import Refused, Remote
from cozysync.sync.seams import Seams
from cozysync.sync.signal import Signal
from cozysync.sync.snapshots import Starter
from cozysync_protocol import (
    NOWHERE,
    ErrorCode,
    ForkDetected,
    LogFrame,
    Position,
    RolledBack,
)

# Below the time-outs of common proxies, and rare enough to cost nothing while idle.
WAIT_S = 50
# Before a server is asked again that was to wait for news and said at once that there are none.
PAUSE_S = 1.0
# Long enough for what a server has just told of to arrive, usually.
ASK_AGAIN_S = 10
# A log that goes back so often without one good answer between is no accident.
MOST_SETBACKS = 3


class Puller:
    """Reads the log for ever, and knows how far it has read."""

    def __init__(self, ledger: Ledger, link: Link, remote: Remote, seams: Seams) -> None:
        self._starter = Starter(ledger, link, remote, seams)
        self._ledger = ledger
        self._link = link
        self._remote = remote
        self._advanced = trio.Event()
        self.position = ledger.log_state().position
        self._received = self.position
        self._giver = Giver(ledger, link, remote)
        self._mending = trio.Lock()
        self.gave_back = Signal()
        self._outages = -1
        self._setbacks = 0

    async def run(self) -> None:
        """Pull for ever.

        A device that has read nothing yet begins with a snapshot if there is one, and so does one
        that finds the log gone from where it is. Raises what `Ledger.receive` raises when the
        server hands out what does not verify, and what `Starter.start` raises.
        """
        if not self._received:
            await self.end()  # a snapshot of a log that has gone back is not begun with
            await self._start(needed=False)
        wait = 0
        while True:
            before, soon = self._received, trio.current_time() + PAUSE_S
            try:
                await self._link.attempt(partial(self._read, wait))
            except Refused as error:
                if error.code is not ErrorCode.HORIZON:
                    raise
                await self._start(needed=True)
            except RolledBack as error:
                self._setbacks += 1
                if self._setbacks > MOST_SETBACKS:
                    raise
                await self._mended(Position(error.end))
                wait = 0  # whether it is mended shows at once
            else:
                if wait and self._received == before and trio.current_time() < soon:
                    await trio.sleep(PAUSE_S)
                # The first answer is wanted at once, to learn whether the server is there at all.
                self._setbacks, wait = 0, WAIT_S

    async def _start(self, *, needed: bool) -> None:
        if await self._starter.start(needed=needed):
            self._received = (await self._ledger.do(self._ledger.log_state)).position

    async def reach(self, position: Position) -> None:
        """Return when everything up to `position` has been applied."""
        while self.position < position:
            await self._advanced.wait()

    async def reach_end(self) -> Position:
        """Return, with the log's last position, once everything up to there has been applied.

        The end is asked for again now and then: one that was made up would never be reached.
        """
        while True:
            end = await self.end()
            with trio.move_on_after(ASK_AGAIN_S):
                await self.reach(end)
                return end

    async def has_taken(self) -> bool:
        """Whether all that the server has taken from here has been read again."""
        return await self._ledger.do(self._ledger.replica.outbox.reached) <= self.position

    async def end(self) -> Position:
        """The log's last position; what it has lost of what was read is given back first.

        Raises `RolledBack` when it goes back all the same, and `ForkDetected`.
        """
        return await self._mended(await self._ask())

    async def give(self, invitation: str) -> None:
        """Give all that is known to a server that knows nothing of it.

        Raises `CannotGive` or `Refused`, and `ForkDetected`.
        """
        # Beside `_mended`, which may wait for just this: a server that knows the device again.
        try:
            await self._giver.give(NOWHERE, invitation)
        except RolledBack as error:
            raise CannotGive from error
        self.gave_back.set()

    async def _ask(self) -> Position:
        """Where the log ends; raises `ForkDetected` when another one ends just there."""
        end = await self._link.attempt(self._remote.end)
        state = await self._ledger.do(self._ledger.log_state)
        for known in (state, self._ledger.pin):
            if end.position == known.position and end.head != known.head:
                raise ForkDetected(f"another history up to position {end.position}")
        return end.position

    async def _mended(self, end: Position) -> Position:
        """The end of the log once it holds all that this device has read of it, or sent."""
        if end >= await self._ledger.do(self._known):
            return end
        async with self._mending:
            # Asked again: it may have been mended while this waited for its turn. What is read or
            # taken while the answer is on its way need not be in it: what counts is before.
            known, verified = await self._ledger.do(self._known), self._verified()
            end = await self._ask()
            if end < known:
                await self._giver.give(end)
                self.gave_back.set()
                verified = self._verified()
                end = await self._ask()
        if end < verified:
            raise RolledBack(end, verified)
        return end

    def _known(self) -> int:
        return max(self._verified(), self._ledger.replica.outbox.reached())

    def _verified(self) -> Position:
        """How far the log is known to reach: as it was read, or when this device came in."""
        return max(self._received, self._ledger.pin.position)

    async def _read(self, wait: int) -> None:
        outages = self._link.outages
        if self._outages != outages:  # whoever comes back may have gone back
            await self._mended(await self._ask())
            self._outages = outages
        known = await self._ledger.do(self._known)
        held: Sequence[LogFrame] = ()
        # Closed at once when an entry does not verify: an answer half read holds a connection.
        async with aclosing(self._remote.log(self._received, wait)) as answers:
            async for frames in answers:
                self._link.contact()
                await self._receive(held, more=True)
                held = frames
        await self._receive(held, more=False)
        if self._received < known:
            raise RolledBack(self._received, known)

    async def _receive(self, frames: Sequence[LogFrame], *, more: bool) -> None:
        if not frames and (more or self._received == self.position):
            return
        await self._ledger.do(partial(self._ledger.receive, frames, more=more))
        if frames:
            self._received = frames[-1].position
        if more:
            return  # told once that what they bring is settled
        self.position = self._received
        self._advanced.set()
        self._advanced = trio.Event()
