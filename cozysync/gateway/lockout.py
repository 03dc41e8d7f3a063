"""How long whoever guesses has to wait: a delay that doubles with every wrong password.

Guesses are counted by the address that they come from and by the phone that they name, whether
there is such a phone or not. A phone that has been let in from an address is counted there apart
from everybody else: neither a stranger who tries its name, nor a neighbour behind the same router
whose password was revoked, keeps it out.
"""

from collections.abc import Hashable
from dataclasses import dataclass

FREE = 5
"""So many wrong passwords cost nothing: phones try one several times before they ask for it."""

FIRST_S, LONGEST_S = 1.0, 900.0

FORGOTTEN_S = 3600.0
"""After so long without a wrong password the counting begins anew."""

# What is remembered at most: whoever is quiet for longest is forgotten first.
_MOST = 20_000
_MOST_KNOWN = 1000


@dataclass(slots=True)
class _Count:
    failures: int = 0
    last: float = 0.0
    until: float = 0.0


class Lockout:
    """Counts by address and name. Times are in seconds, by any clock that never goes back."""

    def __init__(self) -> None:
        self._counts: dict[Hashable, _Count] = {}
        self._known: dict[tuple[str, str], None] = {}

    def wait_s(self, address: str, name: str, now: float) -> float:
        """For how many seconds nothing is tried for this phone from this address; 0 for none."""
        counts = [self._counts[key] for key in self._keys(address, name) if key in self._counts]
        return max([0.0, *(each.until - now for each in counts)])

    def failed(self, address: str, name: str, now: float) -> None:
        """Count a wrong password."""
        for key in self._keys(address, name):
            count = self._counts.pop(key, _Count())
            if now - count.last > FORGOTTEN_S:
                count = _Count()
            count.failures += 1
            count.last = now
            if count.failures > FREE:
                pause = FIRST_S * 2 ** min(count.failures - FREE - 1, 20)
                count.until = now + min(pause, LONGEST_S)
            self._counts[key] = count
        while len(self._counts) > _MOST:
            del self._counts[next(iter(self._counts))]

    def was_right(self, address: str, name: str) -> None:
        """The phone is known at this address now. What others did there counts on for them."""
        self._known.pop((address, name), None)
        self._known[address, name] = None
        while len(self._known) > _MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._counts.pop(("both", address, name), None)

    def forget(self, name: str) -> None:
        """The phone is no more (or has another password): it is known nowhere."""
        for known in [each for each in self._known if each[1] == name]:
            del self._known[known]

    def _keys(self, address: str, name: str) -> tuple[Hashable, ...]:
        if (address, name) in self._known:
            return (("both", address, name),)
        return (("address", address), ("name", name))
