"""Devices that are being added: the waiting outlives the request that began it.

`cozysync pair` may be interrupted and its connection may drop; the conversation with the other
device goes on in the daemon's nursery until it is done, cancelled, or followed by another.
"""

from itertools import count

import trio

from cozysync.daemon.engine_api import EngineLike, PairingLike
from cozysync.vault.errors import CozyError


class PairingOver(CozyError):
    """The pairing that was asked about is not going on any more."""

    def __init__(self) -> None:
        super().__init__(
            "That pairing is over: it was cancelled, or another one has begun.",
            "Run cozysync pair again for a new code.",
        )


class _Running:
    def __init__(self, number: int) -> None:
        self.number = number
        self.scope = trio.CancelScope()
        self.done = trio.Event()
        self.device: str | None = None
        self.error: CozyError = PairingOver()


class Pairings:
    """At most one pairing at a time: a code that was shown before is then worth nothing."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._numbers = count(1)
        self._running: _Running | None = None

    async def begin(self, engine: EngineLike) -> tuple[int, str]:
        """Start a pairing; returns its number and its code."""
        if self._running is not None:
            self._running.scope.cancel()
        running = self._running = _Running(next(self._numbers))
        pairing = await engine.pair()
        self._nursery.start_soon(self._finish, running, pairing)
        return running.number, pairing.code

    async def wait(self, number: int, seconds: float) -> str | None:
        """The device that came in, or None when it has not within so many seconds.

        Raises the pairing's own error when it failed, `PairingOver` when it is not going on.
        """
        running = self._find(number)
        with trio.move_on_after(seconds):
            await running.done.wait()
        if not running.done.is_set():
            return None
        if running.device is None:
            raise running.error
        return running.device

    def cancel(self, number: int) -> None:
        """Give up a pairing; harmless when it is over."""
        if self._running is not None and self._running.number == number:
            self._running.scope.cancel()

    def _find(self, number: int) -> _Running:
        if self._running is None or self._running.number != number:
            raise PairingOver
        return self._running

    async def _finish(self, running: _Running, pairing: PairingLike) -> None:
        try:
            with running.scope:
                running.device = await pairing.finished()
        except CozyError as error:
            running.error = error
        finally:
            running.done.set()
