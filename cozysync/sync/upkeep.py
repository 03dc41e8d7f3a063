"""What keeps a vault small: letting go of old versions, giving up packs, making snapshots.

Every device looks once a day, each at a time of its own, and whenever it is asked to; and at once
when a doom has hit something that is in use.
"""

from dataclasses import dataclass
from typing import Any

import trio

from cozysync.sync.collect import Collect
from cozysync.sync.download import Downloader
from cozysync.sync.ledger import Ledger
from cozysync.sync.link import Link
from cozysync.sync.past import Past
from cozysync.sync.remote import Remote
from cozysync.sync.seams import Seams
from cozysync.sync.snapshot_maker import SnapshotMaker

_EVERY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Tidied:
    """What one look has done."""

    versions: int
    packs: int
    snapshot: bool

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name) for name in self.__slots__}


class Upkeep:
    """Looks after one device's share of that."""

    def __init__(
        self,
        ledger: Ledger,
        link: Link,
        remote: Remote,
        downloader: Downloader,
        seams: Seams,
        past: Past,
    ) -> None:
        self._ledger = ledger
        self._past = past
        self.packs = Collect(ledger, link, remote, downloader, seams)
        self.snapshots = SnapshotMaker(ledger, link, remote, seams)

    async def run(self) -> None:
        """Look for ever."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.snapshots.run)
            nursery.start_soon(self._look_at_packs)

    async def _look_at_packs(self) -> None:
        # Ids of devices are hashes: what they spread over a day, nobody shares.
        share = self._ledger.device.id[0] / 256
        pause = _EVERY_S * (0.02 + share / 2)
        while True:
            if await self._ledger.endangered.wait_at_most(pause):
                await self.packs.rescue()
            else:
                await self.packs.collect()
                pause = _EVERY_S

    async def tidy(self) -> Tidied:
        """Do now what is done daily, and make a snapshot of the result."""
        versions = await self._past.let_go()
        packs = await self.packs.collect()
        snapshot = await self.snapshots.make(only_if_due=False)
        return Tidied(versions, packs, snapshot)
