"""Entries that come in at the same moment become durable together.

Sixteen devices that write at once would else wait for sixteen flushes, one after another.
"""

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from cozysync.server.failures import Refusal
from cozysync.server.quota import Quota
from cozysync.server.store import Addition, Outcome, Placed, SqliteStore
from cozysync.server.turns import Turns
from cozysync_protocol import VaultId

# Of one transaction; the first one is always taken.
MOST_BYTES = 16 * 1024 * 1024


@dataclass(eq=False, slots=True)
class _Asked:
    addition: Addition
    size: int
    outcome: Outcome | Exception | None = None


class Appends:
    """Takes in entries for the logs of all vaults."""

    def __init__(self, store: SqliteStore, quota: Quota, turns: Turns) -> None:
        self._store = store
        self._quota = quota
        self._turns = turns
        self._waiting: deque[_Asked] = deque()

    async def take(self, vault: VaultId, entries: Sequence[bytes], verified: int) -> Placed:
        """The places of these entries, once they are durable; raises `Refusal` or `ProtocolError`.

        Whoever has its turn takes along all that wait by then.
        """
        asked = _Asked(Addition(vault, entries, verified), sum(map(len, entries)))
        self._waiting.append(asked)
        try:
            while asked.outcome is None:
                await self._turns.take(lambda: self._some(asked))
        finally:
            with suppress(ValueError):  # who has gone meanwhile is not waited for
                self._waiting.remove(asked)
        if isinstance(asked.outcome, Exception):
            raise asked.outcome
        return asked.outcome

    def _some(self, asked: _Asked) -> None:
        """Take in what waits, `asked` among it or soon after; nothing if it was taken along."""
        if asked.outcome is not None:
            return
        taken: list[_Asked] = []
        size = 0
        while (each := self._next(size if taken else 0)) is not None:
            try:
                self._quota.check_entries(each.addition.vault, each.size)
            except Refusal as refusal:
                each.outcome = refusal
                continue
            taken.append(each)
            size += each.size
        try:
            outcomes: Sequence[Outcome | Exception] = self._store.append_all(
                each.addition for each in taken
            )
        except Exception as error:  # nothing was taken, and each is to hear of it
            outcomes = [error] * len(taken)
        for each, outcome in zip(taken, outcomes, strict=True):
            each.outcome = outcome
            if not isinstance(outcome, Exception):
                self._quota.add(each.addition.vault, each.size)

    def _next(self, size: int) -> _Asked | None:
        with suppress(IndexError):  # the last one may go just now
            each = self._waiting.popleft()
            if not size or size + each.size <= MOST_BYTES:
                return each
            self._waiting.appendleft(each)
        return None
