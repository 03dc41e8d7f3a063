"""What the engine is handed from outside: clock, entropy, disks and the offload to threads.

Nothing else reaches around them, so a simulator that replaces these (and the remote) owns
everything that could differ between two runs.
"""

import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import trio

from cozysync.disk import Ground, RealGround

T = TypeVar("T")


class Offload(Protocol):
    """Runs a blocking function away from the event loop; a hop costs about 0.2 ms."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]: ...


class HandOver(Protocol):
    """Gives a thing to the event loop from work that is offloaded, when there is room for it."""

    def __call__(self, channel: trio.MemorySendChannel[T], thing: T, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Seams:
    """The outside world of one engine.

    `now_ns` is wall-clock time in nanoseconds since 1970 (it may jump); `entropy` returns that
    many random bytes; `offload` runs blocking work, which speaks to the loop through `hand_over`.
    Sleeping and time-outs go through trio's own clock.
    """

    now_ns: Callable[[], int]
    entropy: Callable[[int], bytes]
    offload: Offload
    ground: Ground
    hand_over: HandOver

    def now_ms(self) -> int:
        """Wall-clock time in milliseconds since 1970."""
        return self.now_ns() // 1_000_000


async def _to_thread(work: Callable[[], T], /) -> T:
    # Never abandoned: the work may hold the database's transaction.
    return await trio.to_thread.run_sync(work)


def _from_thread(channel: trio.MemorySendChannel[T], thing: T, /) -> None:
    trio.from_thread.run(channel.send, thing)


def real_seams() -> Seams:
    """The seams of a device that lives on a real machine."""
    return Seams(
        now_ns=time.time_ns,
        entropy=os.urandom,
        offload=_to_thread,
        ground=RealGround(),
        hand_over=_from_thread,
    )
