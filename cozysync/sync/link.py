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
from cozysync.sync.status import Blocked, clock_trouble, stranger_trouble
from cozysync.sync.trust import ServerKeyChanged
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
        self.doubt: ServerKeyChanged | None = None
        self.clock_error_s = 0.0
        self._heard: tuple[float, float] | None = None
        # The server answers, and does not know this device (any more).
        self.is_stranger = False
        # How often it was lost: who comes back may not be who went.
        self.outages = 0
        self._full: dict[object, Refused] = {}
        self._refused = trio.Event()
        self._again = trio.Event()

    async def attempt(self, call: Callable[[], Awaitable[T]], *, wait_for_room: bool = True) -> T:
        """The answer of `call`, tried until the server gives one.

        Raises `Refused` when the server's answer is a refusal that trying again cannot change, or
        if not `wait_for_room` one that only a person can, by making room.
        """
        pause = FIRST_PAUSE_S
        me = object()
        try:
            while True:
                try:
                    answer = await call()
                except Unreachable as error:
                    self.lost(error.message)
                    self.doubt = error if isinstance(error, ServerKeyChanged) else None
                    await self._pause(pause)
                except Refused as error:
                    self.is_stranger = error.code is ErrorCode.NO_SESSION
                    if not error.retryable or (error.needs_room and not wait_for_room):
                        self.contact()
                        raise
                    await self._heed(error, pause, me)
                else:
                    self.contact()
                    return answer
                pause = min(pause * 2, LONGEST_PAUSE_S)
        finally:
            self._full.pop(me, None)

    @property
    def full(self) -> Refused | None:
        """The refusal for want of room that something is waiting out just now."""
        return next(iter(self._full.values()), None)

    @property
    def needs_a_person(self) -> bool:
        """Whether the server does not know this device, is not who it was, or has no room."""
        return self.is_stranger or self.doubt is not None or self.full is not None

    async def until_full(self) -> None:
        """Try at once what waits for room, and return when the server has refused it (again)."""
        self._again.set()
        self._again = trio.Event()
        await self._refused.wait()

    def troubles(self, url: str) -> tuple[Blocked, ...]:
        """What a person should know of the server at `url` and of this computer's clock."""
        full = self.full
        room = Blocked(url, full.message, full.remedy) if full is not None else None
        doubt = Blocked("", self.doubt.message, self.doubt.remedy) if self.doubt else None
        strange = stranger_trouble(self.is_stranger)
        found = (doubt, strange, room, clock_trouble(self.clock_error_s))
        return tuple(each for each in found if each is not None)

    async def until_reachable(self) -> None:
        """Returns at once while the server answers, else when it next does."""
        while not self.reachable:
            await self._reached.wait()

    def contact(self) -> None:
        """The server answered just now."""
        self.last_contact = self._seams.now_ns() / 1e9
        self.trouble = self.doubt = None
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
        self._heard = server_s, trio.current_time()

    def trusts_clock(self, tolerance_s: float) -> bool:
        """Whether this clock still says what the server's would, as far as can be known.

        Not before the server was heard, and not after a jump or a sleep until it is heard again.
        """
        if self._heard is None:
            return False
        server_s, then = self._heard
        expected = server_s + trio.current_time() - then
        return abs(self._seams.now_ns() / 1e9 - expected) < tolerance_s

    def nudge(self) -> None:
        """Whoever pauses tries at once: the machine was asleep, and all may be different now."""
        reached, self._reached = self._reached, trio.Event()
        reached.set()
        if self.reachable:
            self._reached.set()

    async def _heed(self, error: Refused, pause: float, me: object) -> None:
        """Wait as the server asks; it is there, so nobody else needs to wait."""
        if not error.needs_room and error.code not in (ErrorCode.TOO_MANY, ErrorCode.TOO_SLOW):
            self.lost(error.message)
            await self._pause(max(pause, error.retry_after_s))
            return
        self.contact()
        if not error.needs_room:
            await trio.sleep(max(pause, error.retry_after_s))
            return
        self._full[me] = error
        self._refused.set()
        self._refused = trio.Event()
        with trio.move_on_after(max(pause, error.retry_after_s)):
            await self._again.wait()

    async def _pause(self, seconds: float) -> None:
        # A little spread keeps many devices from coming back in the same instant.
        spread = 0.5 + self._seams.entropy(1)[0] / 256
        with trio.move_on_after(seconds * spread):
            await self._reached.wait()
