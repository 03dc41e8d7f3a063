"""A wake-up that is never missed: set it any number of times, the waiter runs once more."""

import trio


class Signal:
    """One waiter sleeps until somebody has called `set` since its last wake-up."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def set(self) -> None:
        """Wake the waiter, now or when it next waits."""
        self._event.set()

    async def wait(self) -> None:
        """Sleep until set, and forget that it was."""
        await self._event.wait()
        self._event = trio.Event()

    async def wait_at_most(self, seconds: float) -> bool:
        """As `wait`, but for at most so many seconds; True when it was set."""
        with trio.move_on_after(seconds):
            await self.wait()
            return True
        return False
