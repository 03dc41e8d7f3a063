"""Noticing that time has passed in which nothing was seen.

After a sleep of the machine, or of this process, the watch may have lost what it was to tell (the
kernel keeps some thousand hints and then drops them without a word), and the server is reached by
another way. Nothing tells of it but the clocks: the one that never jumps has jumped between two
beats, or the wall clock has moved beside it.
"""

from collections.abc import Callable

import trio

from cozysync.sync.seams import Seams

BEAT_S = 5.0
# A busy machine is late by less; a watcher is not starved for so long without losing hints.
LATE_S = 5.0


class Heartbeat:
    """Compares two clocks at every beat, and calls `woken` when time was lost."""

    def __init__(self, seams: Seams, woken: Callable[[], None]) -> None:
        self._seams = seams
        self._woken = woken

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            steady, wall = trio.current_time(), self._seams.now_ns()
            await trio.sleep(BEAT_S)
            self.beat(trio.current_time() - steady, (self._seams.now_ns() - wall) / 1e9)

    def beat(self, steady_s: float, wall_s: float) -> None:
        """So much time has passed by the steady clock and by that on the wall."""
        if steady_s > BEAT_S + LATE_S or abs(wall_s - steady_s) > LATE_S:
            self._woken()
