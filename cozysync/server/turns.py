"""The store's one turn at a time.

Calls to the store block and want to be alone with it: each waits for its turn and runs in a thread.
"""

from collections.abc import Callable
from typing import TypeVar

import anyio
from anyio import to_thread

T = TypeVar("T")


class Turns:
    """Runs one call at a time in a thread."""

    def __init__(self) -> None:
        self._lock = anyio.Lock()

    async def take(self, work: Callable[[], T]) -> T:
        """What `work` returns, once it is its turn."""
        async with self._lock:
            return await to_thread.run_sync(work)
