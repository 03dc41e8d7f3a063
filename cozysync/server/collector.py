"""When the server looks for what may be deleted: soon after something may have become so."""

from collections.abc import Callable
from functools import partial

import anyio

from cozysync.server.collection import Collection
from cozysync.server.store import SqliteStore
from cozysync.server.turns import Turns
from cozysync_protocol import VaultId

# A burst of news is looked at once.
GATHER_S = 0.5


class Collector:
    """A task for the server's lifetime; `news`, on the event loop, wakes it."""

    def __init__(
        self,
        collection: Collection,
        store: SqliteStore,
        turns: Turns,
        now_s: Callable[[], float],
        pause_s: float,
    ) -> None:
        """`pause_s` seconds pass between looks that nothing calls for (`Keeping.pause_s`)."""
        self._pause_s = pause_s
        self._collection = collection
        self._store = store
        self._turns = turns
        self._now_s = now_s
        self._news = anyio.Event()
        self._vaults: set[VaultId] = set()

    def news(self, vault: VaultId) -> None:
        """Something has come that may let something of this vault go."""
        self._vaults.add(vault)
        self._news.set()

    async def run(self) -> None:
        """Look for ever, a vault at a time: others get their turn between two.

        Who comes back after long gets until the next look to name what it has sent before.
        """
        all_were_here: dict[VaultId, float] = {}
        while True:
            for vault in await self._turns.take(self._store.vaults):
                await self._look(vault, all_were_here.get(vault))
                here = partial(self._collection.all_were_here, vault, self._now_s())
                all_were_here[vault] = await self._turns.take(here)
            # Besides what is told: a grace period ends, a device stops being active.
            with anyio.move_on_after(self._pause_s):
                await self._hear()

    async def _hear(self) -> None:
        while True:
            await self._news.wait()
            await anyio.sleep(GATHER_S)
            self._news = anyio.Event()
            vaults, self._vaults = self._vaults, set()
            for vault in vaults:
                await self._look(vault, None)

    async def _look(self, vault: VaultId, orphans_until_s: float | None) -> None:
        look = partial(self._collection.collect, vault, self._now_s(), orphans_until_s)
        await self._turns.take(look)
