"""The alarm that stands, if any: kept in the replica, so that no restart makes it go away."""

from collections.abc import Iterator

import trio

from cozysync.sync.alarm import Alarm, kind_of_error
from cozysync.sync.ledger import Ledger
from cozysync.sync.seams import Seams
from cozysync.sync.status import Blocked

_ALARM = "alarm"


class Alarms:
    """Raises, keeps and ends the one alarm of a device."""

    def __init__(self, ledger: Ledger, seams: Seams) -> None:
        self._ledger = ledger
        self._seams = seams
        kept = ledger.replica.settings.get(_ALARM)
        self.standing = Alarm.decode(kept) if kept else None
        self._changed = trio.Event()

    def troubles(self) -> tuple[Blocked, ...]:
        """The alarm for a person, if one stands."""
        alarm = self.standing
        return (Blocked("", alarm.reason, alarm.remedy),) if alarm is not None else ()

    async def met(self, error: Exception) -> bool:
        """Raise an alarm for this error; whether it is one. The first stays until it is ended."""
        kind = kind_of_error(error)
        if kind is None:
            return False
        if self.standing is None:
            position = self._ledger.log_state().position
            alarm = Alarm(kind, _short(error), position, self._seams.now_ns() / 1e9)
            if kind.is_evidence:
                await self._keep(alarm.encode())
            self._become(alarm)
        return True

    async def end(self) -> Alarm | None:
        """End the alarm, so that the server is tried again; the one that was ended."""
        ended = self.standing
        await self._keep(b"")
        self._become(None)
        return ended

    async def until(self, *, standing: bool) -> None:
        """Return once an alarm stands, or once none does."""
        while (self.standing is not None) is not standing:
            await self._changed.wait()

    def _become(self, alarm: Alarm | None) -> None:
        self.standing = alarm
        self._changed.set()
        self._changed = trio.Event()

    async def _keep(self, data: bytes) -> None:
        await self._ledger.do(lambda: self._ledger.replica.settings.set(_ALARM, data))


def leaves_of(group: BaseExceptionGroup[BaseException]) -> Iterator[Exception]:
    """The single errors of a group."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from leaves_of(error)
        elif isinstance(error, Exception):
            yield error


def _short(error: Exception) -> str:
    return str(getattr(error, "message", error)).rstrip(".")
