"""Blocking work, away from the event loop: the seam through which a simulator runs it inline."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import anyio.to_thread

T = TypeVar("T")


class Offload(Protocol):
    """Runs a blocking function away from the event loop."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]: ...


async def to_thread(work: Callable[[], T], /) -> T:
    """In a thread of the pool; never abandoned, for it may be in the middle of a transaction."""
    return await anyio.to_thread.run_sync(work)
