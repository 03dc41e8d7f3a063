"""The way to the server: whether it can be reached, and the one place that tries again.

Requests never retry on their own. Whoever needs an answer goes through `attempt`, which waits
out an unreachable server with growing pauses and shares what it learns: when one request gets
through, all the others that are pausing try at once.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

from cozysync.sync.remote import Refused, Unreachable
from cozysync.sync.seams import Seams
from cozysync_protocol import ErrorCode

T = TypeVar("T")

FIRST_PAUSE_S = 0.2
# A person who plugs the cable back in should not wait longer than this.
LONGEST_PAUSE_S = 15.0


class Link:
    """What is known of the server's reach; shared by everything that talks to it."""

    def __init__(self, seams: Seams) -> None:
        self._seams = seams
        self._reached = trio.Event()
        self.reachable = False
        self.last_contact: float | None = None
        self.trouble: str | None = None
        self.clock_error_s = 0.0
        # The server answers, and does not know this device (any more).
        self.is_stranger = False
        # How often it was lost: who comes back may not be who went.
        self.outages = 0

    async def attempt(self, call: Callable[[], Awaitable[T]]) -> T:
        """The answer of `call`, tried until the server gives one.

        Raises `Refused` when the server's answer is a refusal that trying again cannot change.
        """
        pause = FIRST_PAUSE_S
        while True:
            try:
                answer = await call()
            except Unreachable as error:
                self.lost(error.message)
            except Refused as error:
                self.is_stranger = error.code is ErrorCode.NO_SESSION
                if not error.retryable:
                    self.contact()
                    raise
                self.lost(error.message)
            else:
                self.contact()
                return answer
            await self._pause(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    async def until_reachable(self) -> None:
        """Returns at once while the server answers, else when it next does."""
        while not self.reachable:
            await self._reached.wait()

    def contact(self) -> None:
        """The server answered just now."""
        self.last_contact = self._seams.now_ns() / 1e9
        self.trouble = None
        self.is_stranger = False
        self.reachable = True
        self._reached.set()

    def lost(self, reason: str) -> None:
        """The server did not answer; `reason` is for a person."""
        if self.reachable or self._reached.is_set():
            self._reached = trio.Event()
            self.outages += 1
        self.reachable = False
        self.trouble = reason

    def heard_time(self, server_s: float) -> None:
        """The server said what time it is: this clock may be wrong, or the server's."""
        self.clock_error_s = self._seams.now_ns() / 1e9 - server_s

    async def _pause(self, seconds: float) -> None:
        # A little spread keeps many devices from coming back in the same instant.
        spread = 0.5 + self._seams.entropy(1)[0] / 256
        with trio.move_on_after(seconds * spread):
            await self._reached.wait()
