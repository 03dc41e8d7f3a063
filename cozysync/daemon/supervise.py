"""Keeping the daemon's long-lived parts alive.

A part that fails is logged, shown in `status` and started again, after pauses that grow: a fault
that passes (a full disk, a port still in use) heals without anyone, and one that does not is
visible instead of taking everything down with it. The first start is different: what fails then
(a damaged database, a wrong configuration) is for the person who is starting the daemon right
now, so it goes up to them.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import trio

from cozysync.vault.errors import CozyError

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
# A part that ran this long is taken to have recovered: its next failure starts over.
RECOVERED_AFTER_S = 120.0

_log = logging.getLogger(__name__)


class Part(Protocol):
    """A long-lived part: runs until cancelled, and says when it is up."""

    def __call__(self, *, task_status: trio.TaskStatus[None]) -> Awaitable[None]: ...


@dataclass(frozen=True, slots=True)
class Trouble:
    """A part that is down: what happened, what to do, and since when it has not been up."""

    part: str
    reason: str
    remedy: str


class Supervisor:
    """Runs parts and remembers which of them are in trouble."""

    def __init__(self) -> None:
        self._troubles: dict[str, Trouble] = {}

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """The parts that are down at this moment."""
        return tuple(self._troubles.values())

    async def keep(
        self,
        name: str,
        part: Part,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Run a part for ever, starting it again whenever it ends.

        Raises the part's own exception when it fails before it was ever up.
        """
        pause = FIRST_PAUSE_S
        been_up = False

        def up() -> None:
            nonlocal been_up
            if not been_up:
                been_up = True
                task_status.started()
            self.well(name)

        while True:
            began = trio.current_time()
            try:
                await _run_once(part, up)
                reason: Exception = RuntimeError(f"{name} ended by itself")
            except Exception as error:  # an unknown failure is what this loop is for
                reason = error
            if not been_up:
                raise plain_error(reason)
            if trio.current_time() - began >= RECOVERED_AFTER_S:
                pause = FIRST_PAUSE_S
            self.note(name, reason, pause)
            await trio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    def well(self, name: str) -> None:
        """Forget the trouble of a part, which is up."""
        self._troubles.pop(name, None)

    def note(self, name: str, error: Exception, pause: float) -> None:
        """Log a failure, and show it until the part is `well`; `pause` is in seconds."""
        cause = plain_error(error)
        _log.error(
            "%s failed: %s", name, cause, exc_info=error, extra={"data": {"next_try_in_s": pause}}
        )
        if isinstance(cause, CozyError):
            self._troubles[name] = Trouble(name, cause.message, cause.remedy)
        else:
            self._troubles[name] = Trouble(
                name,
                f"{name} failed unexpectedly ({type(cause).__name__}) and is started again.",
                "If it does not pass, look at the daemon's log and report it.",
            )


def plain_error(error: BaseException) -> BaseException:
    """The one exception to show for an error that came out of nurseries.

    The first that is meant for people, else the first of all.
    """
    leaves = list(_leaves(error))
    return next((leaf for leaf in leaves if isinstance(leaf, CozyError)), leaves[0])


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


async def _run_once(part: Part, up: Callable[[], None]) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(part)
        up()
