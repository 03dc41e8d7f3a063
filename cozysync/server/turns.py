"""The store's one turn at a time.

Calls to the store block and want to be alone with it: each waits for its turn and runs in a thread.
"""

from collections.abc import Callable
from typing import TypeVar

import anyio

from cozysync.server.offload import Offload

T = TypeVar("T")


class Turns:
    """Runs one call at a time, away from the loop."""

    def __init__(self, offload: Offload) -> None:
        self._offload = offload
        self._lock = anyio.Lock()

    async def take(self, work: Callable[[], T]) -> T:
        """What `work` returns, once it is its turn."""
        async with self._lock:
            return await self._offload(work)
