"""Time and causality: hybrid clocks, stamps, dots and version vectors."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

COUNTER_BITS = 16
"""Low bits of a hybrid time that count within one millisecond."""


FURTHEST = 1 << 62
"""The latest hybrid time that anybody follows: in the year 4200, and half of what can be written.

A device whose clock, or whose malice, goes beyond has the last word on names for ever; it must not
take from the others the numbers that they need to go on writing.
"""


class Stamp(NamedTuple):
    """When an operation was made: the total order that every device agrees on.

    `time` is hybrid: milliseconds since 1970 shifted left by 16, plus a counter. `device` breaks
    ties, so no two stamps are equal.
    """

    time: int
    device: bytes


class Dot(NamedTuple):
    """An operation's identity: the `counter`-th (from 1) of its device."""

    device: bytes
    counter: int


class VersionVector(Mapping[bytes, int]):
    """How many operations of each device have been seen; immutable.

    Devices not named count as 0, so `vector.get(device)` never needs a default.
    """

    __slots__ = ("_counters",)

    def __init__(self, counters: Mapping[bytes, int] | None = None) -> None:
        self._counters = {d: c for d, c in (counters or {}).items() if c > 0}

    def __getitem__(self, device: bytes) -> int:
        return self._counters[device]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._counters)

    def __len__(self) -> int:
        return len(self._counters)

    def __hash__(self) -> int:
        return hash(frozenset(self._counters.items()))

    def __repr__(self) -> str:
        inside = ", ".join(f"{d.hex()[:8]}: {c}" for d, c in sorted(self._counters.items()))
        return f"VersionVector({inside})"

    def seen(self, device: bytes) -> int:
        """How many operations of this device are in; 0 when none is."""
        return self._counters.get(device, 0)

    def covers(self, dot: Dot) -> bool:
        """Whether the operation with this dot has been seen."""
        return self._counters.get(dot.device, 0) >= dot.counter

    def merged(self, other: Mapping[bytes, int]) -> "VersionVector":
        """What has been seen by either."""
        counters = dict(self._counters)
        for device, counter in other.items():
            counters[device] = max(counter, counters.get(device, 0))
        return VersionVector(counters)

    def with_dot(self, dot: Dot) -> "VersionVector":
        """This, and everything of the dot's device up to it."""
        return self.merged({dot.device: dot.counter})


class HybridClock:
    """A hybrid logical clock (Kulkarni et al., 2014): near wall-clock time, never backwards.

    A wall clock that is wrong or jumps back costs nothing but the look of times: every time
    handed out is later than all that were handed out or observed before.
    """

    def __init__(self, last: int = 0) -> None:
        self.last = last

    def next(self, now_ms: int) -> int:
        """A hybrid time for something that happens now (milliseconds since 1970)."""
        self.last = max(min(now_ms << COUNTER_BITS, FURTHEST), self.last + 1)
        return self.last

    def observe(self, time: int) -> None:
        """Make sure that what happens here next is later than this hybrid time, unless that is
        beyond `FURTHEST`.
        """
        if time <= FURTHEST:
            self.last = max(self.last, time)
