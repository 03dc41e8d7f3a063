"""Everything that could differ between two runs: chance from the seed, and a trace of what was."""

import hashlib
import random
from collections import Counter

_HEX_DIGITS = 64


class Ended(BaseException):
    """This machine has crashed, or its process was killed: whatever was going on is no more."""


class Restless(BaseException):
    """A run in which something goes on and on."""


class Chance(random.Random):
    """Randomness of one seed; each part asks for its own, so that one does not disturb another."""

    def __init__(self, seed, part="world"):
        super().__init__(f"{seed}/{part}")
        self.base = seed

    def part(self, name):
        return Chance(self.base, name)


class Trace:
    """What happened, as a hash; as text for who wants to read it. Counts what was injected."""

    MOST = 200_000

    def __init__(self, now, told=None):
        self._now = now
        self._told = told
        self._hash = hashlib.blake2b(digest_size=16)
        self.events = 0
        self.counts = Counter()
        self._packs = {}

    def __call__(self, who, what, *more):
        self.events += 1
        if self.events > self.MOST:
            raise Restless
        line = f"{self._now():.3f} {who} {what} {' '.join(map(_shown, more))}"
        self._hash.update(line.encode())
        if self._told is not None:
            print(line, file=self._told)

    def path(self, path):
        """A request's path with packs numbered: the log's hashes, which no seed decides (keys are
        wrapped with randomness of their own), are in the snapshots, and so in the names of theirs.
        """
        above, _, name = path.rpartition("/")
        if not above.endswith("/packs") or len(name) != _HEX_DIGITS:
            return path
        return f"{above}/{self._packs.setdefault(name, len(self._packs))}"

    def count(self, kind, times=1):
        self.counts[kind] += times

    def digest(self):
        return self._hash.hexdigest()


def _shown(value):
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
