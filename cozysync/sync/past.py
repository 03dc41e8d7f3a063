"""The history of a vault, for people: what was done, bringing it back, and letting go of it."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import trio

from cozysync.replica import Retention, thin
from cozysync.sync.history import LogLine, read_history
from cozysync.sync.inbox import LookAgain
from cozysync.sync.ledger import Ledger
from cozysync.sync.link import Link
from cozysync.sync.restore import Deeds, Line, hybrid, plan_restore
from cozysync.sync.rewind import plan_rewind
from cozysync.sync.seams import Seams
from cozysync.sync.status import clock_trouble

# Old versions are looked through once a day; the first time when the start is over.
_THIN_EVERY_S = 86_400.0
_FIRST_S = 300.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done, or was. `seen` names just these lines: see `Past.restore`."""

    lines: tuple[Line, ...]
    seen: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"lines": [line.to_json() for line in self.lines], "seen": self.seen}


class Past:
    """Reads history and acts upon it."""

    def __init__(self, ledger: Ledger, link: Link, seams: Seams, rules: Retention) -> None:
        self._ledger = ledger
        self._link = link
        self._seams = seams
        self._rules = rules

    async def log(self, path: Path | None, limit: int) -> Sequence[LogLine]:
        """The newest deeds first, of everything or of what is at or below a path."""
        return await self._ledger.do(partial(read_history, self._ledger, path, limit))

    async def restore(self, path: Path, at: float | None, seen: str | None) -> Plan:
        """Tell what brings back a path as it was (seconds since 1970; None: before the last
        change), and do it when `seen` is that of the plan that was told before.

        Raises `NothingThere`, `NotInFolder`, or `LookAgain` when the plan is another one by now.
        """
        time = hybrid(at) if at is not None else None
        return await self._carry_out(partial(plan_restore, self._ledger, path, time), seen)

    async def rewind(self, device: str, since: float, seen: str | None) -> Plan:
        """Tell what takes back a device's deeds since a time, and do it: as `restore`.

        Raises `NoSuchDevice` or `LookAgain`.
        """
        first = hybrid(since - 1) + 1
        return await self._carry_out(partial(plan_rewind, self._ledger, device, first), seen)

    async def keep_tidy(self) -> None:
        """Let go of old versions by the rules, once a day, for ever."""
        await trio.sleep(_FIRST_S)
        while True:
            await self.let_go()
            await trio.sleep(_THIN_EVERY_S)

    async def let_go(self) -> int:
        """Let go of old versions by the rules, now; returns how many that were.

        A clock that the server contradicts lets go of nothing: one that is ahead would make
        everything look old.
        """
        if clock_trouble(self._link.clock_error_s) is not None:
            return 0
        return await self._ledger.do(self._thin)

    def _thin(self) -> int:
        database = self._ledger.replica.database
        with database.transaction():
            return thin(database.connection, self._seams.now_ms(), self._rules)

    async def _carry_out(self, plan: Callable[[], Deeds], seen: str | None) -> Plan:
        def work() -> Plan:
            with self._ledger.replica.database.transaction():
                deeds = plan()
                told = Plan(tuple(deeds.lines), _fingerprint(deeds.lines))
                if seen is not None and seen != told.seen:
                    raise LookAgain(
                        "Something has changed since you looked.", "Run the command once more."
                    )
                if seen is not None and deeds.actions:
                    self._ledger.author(deeds.actions)
            return told

        return await self._ledger.do(work)


def _fingerprint(lines: Sequence[Line]) -> str:
    return f"{zlib.crc32(repr(lines).encode('utf-8', 'surrogateescape')):08x}"
