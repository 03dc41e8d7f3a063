"""How often, and how many at once: two bounds, by whoever asks."""

import math
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from cozysync.server.failures import Refusal
from cozysync_protocol import ErrorCode

# Askers remembered: one that is forgotten starts anew, with a full burst.
_MOST_ASKERS = 20_000


class Rates:
    """Lets each asker by so often, and after a rest a burst at once. Times are in seconds."""

    def __init__(self, rate: float, burst: int) -> None:
        self._every_s = 1 / rate
        self._burst_s = burst / rate
        # Until when each asker has used up what it may.
        self._used_until: dict[Hashable, float] = {}

    def take(self, asker: Hashable, now: float) -> None:
        """Count one request; raises `Refusal`, with the time to wait, when there were too many."""
        used = max(self._used_until.pop(asker, now), now)
        early = used - now - self._burst_s + self._every_s
        if early <= 0:
            used += self._every_s
        self._used_until[asker] = used  # at the end: whoever was quiet for long stands in front
        if len(self._used_until) > _MOST_ASKERS:
            del self._used_until[next(iter(self._used_until))]
        if early > 0:
            raise Refusal(ErrorCode.TOO_MANY, "too many requests", retry_after_s=math.ceil(early))


class Places:
    """Lets so many of each asker in at once, and so many of all together."""

    def __init__(self, most_each: int, most_all: int, what: str) -> None:
        self._most_each = most_each
        self._most_all = most_all
        self._what = what
        self._held: Counter[Hashable] = Counter()
        self.taken = 0

    @contextmanager
    def hold(self, asker: Hashable) -> Iterator[None]:
        """Hold a place; raises `Refusal` when there is none."""
        if self._held[asker] >= self._most_each or self.taken >= self._most_all:
            raise Refusal(ErrorCode.TOO_MANY, f"too many {self._what} at once", retry_after_s=1)
        self._held[asker] += 1
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1
            self._held[asker] -= 1
            if not self._held[asker]:
                del self._held[asker]
