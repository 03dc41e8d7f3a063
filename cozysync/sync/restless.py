"""Files that never rest: how often they are looked at, and what is said of them.

A log that is appended to without pause would be read from morning to night, and everything else
would wait behind it. So a file that changes while it is read, or again and again, is looked at
less and less often; after some tries it is sent as it was at one moment.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from cozysync.disk import Unscannable

# So many changes in a row go at once: a person who saves often is no log.
FREE = 4
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
# Reading takes at most this part of the time.
READING_SHARE = 0.1
# After so many tries a file that changes under the reader is sent as it was at one moment.
TRIES = 3
# What was quiet for so long is forgotten.
QUIET_S = 2.0


@dataclass(slots=True)
class _File:
    """`next_s` is when it may be looked at again, `tries` how often it moved under the reader."""

    last_s: float
    next_s: float
    streak: int = 0
    tries: int = 0
    reason: str = ""


class Restless:
    """The files of one folder that change and change. Times are of a clock that never jumps."""

    def __init__(self) -> None:
        self._files: dict[bytes, _File] = {}
        self._postponed: set[bytes] = set()

    def wants_moment(self, path: bytes) -> bool:
        """Whether it has been tried often enough: it is to be sent as it was at one moment."""
        file = self._files.get(path)
        return file is not None and file.tries >= TRIES - 1

    def read(self, path: bytes, now_s: float, cost_s: float) -> None:
        """The file was read in peace; that took `cost_s`."""
        file = self._seen(path, now_s)
        file.tries, file.reason = 0, ""
        self._pause(file, now_s, cost_s, max(file.streak - FREE, 0))
        self._postponed.discard(path)

    def moved(self, path: bytes, now_s: float, cost_s: float, reason: str) -> None:
        """The file changed while it was read; `reason` says so to a person."""
        file = self._seen(path, now_s)
        file.tries += 1
        file.reason = reason
        self._pause(file, now_s, cost_s, file.tries)
        self._postponed.add(path)

    def gone(self, paths: Iterable[bytes]) -> None:
        """These are nothing to look at any more."""
        self._postponed -= set(paths)

    def postpone(self, paths: Iterable[bytes], now_s: float) -> set[bytes]:
        """Those that have changed again too soon: they wait for their turn."""
        self._forget(now_s)
        found = {path for path in paths if self._next(path) > now_s}
        self._postponed |= found
        return found

    def due(self, now_s: float) -> set[bytes]:
        """Those that have waited long enough; they are to be looked at now."""
        found = {path for path in self._postponed if self._next(path) <= now_s}
        self._postponed -= found
        return found

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits."""
        return not self._postponed

    def next_s(self) -> float:
        """When the first that waits is due; never, when none does."""
        return min(map(self._next, self._postponed), default=float("inf"))

    def troubles(self) -> list[Unscannable]:
        """What is to be said of those that wait."""
        remedy = "Close the program that writes it, or name it in .cozyignore; it is tried again."
        return [
            Unscannable(path, self._files[path].reason or "it changes without pause", remedy)
            for path in sorted(self._postponed)
            if path in self._files and (self._files[path].tries >= TRIES or self._is_paced(path))
        ]

    def _is_paced(self, path: bytes) -> bool:
        return self._files[path].streak > FREE

    def _next(self, path: bytes) -> float:
        file = self._files.get(path)
        return file.next_s if file is not None else float("-inf")

    def _seen(self, path: bytes, now_s: float) -> _File:
        file = self._files.setdefault(path, _File(now_s, now_s))
        file.streak += 1
        return file

    def _forget(self, now_s: float) -> None:
        for path, file in list(self._files.items()):
            quiet = max(QUIET_S, file.next_s - file.last_s)
            if file.next_s + quiet < now_s and path not in self._postponed:
                del self._files[path]

    def _pause(self, file: _File, now_s: float, cost_s: float, power: int) -> None:
        pause = FIRST_PAUSE_S * 2 ** (power - 1) if power else 0.0
        pause = max(pause, cost_s / READING_SHARE if power else 0.0)
        file.last_s, file.next_s = now_s, now_s + min(pause, LONGEST_PAUSE_S)
