"""Who writes to an upload: the newest who wants to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from cozysync.gateway.sync_api.problems import Refusal


class _Turn:
    def __init__(self) -> None:
        self.scope = trio.CancelScope()
        self.over = trio.Event()
        self.is_finishing = False


class Turns:
    """One at a time for each upload.

    A phone that lost its connection comes by another one while the gateway still waits for the
    first: so the newest takes over, and the one before ends where it is. Only who has all bytes and
    hands them to the view is waited for.
    """

    def __init__(self) -> None:
        self._turns: dict[str, _Turn] = {}

    @asynccontextmanager
    async def take(self, upload: str) -> AsyncIterator[_Turn]:
        """Hold the turn. Raises `Refusal` when another takes over."""
        while upload in self._turns:
            before = self._turns[upload]
            if not before.is_finishing:
                before.scope.cancel()
            await before.over.wait()
        turn = self._turns[upload] = _Turn()
        try:
            with turn.scope:
                yield turn
        finally:
            del self._turns[upload]
            turn.over.set()
        if turn.scope.cancelled_caught:
            raise Refusal(
                423, "taken-over", "Another connection goes on with this upload.",
                "Ask with HEAD how far it is.",
            )  # fmt: skip

    def is_taken(self, upload: str) -> bool:
        """Whether somebody writes to it just now."""
        return upload in self._turns
