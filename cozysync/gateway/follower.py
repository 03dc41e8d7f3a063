"""Keeping the index at what the replica shows."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import trio

from cozysync.gateway.index import Look, ViewIndex
from cozysync.gateway.shown import ShownTree
from cozysync.replica import DatabaseUnusable
from cozysync.sync.ledger import Ledger
from cozysync.sync.seams import Seams
from cozysync.sync.signal import Signal
from cozysync_conflict import ROOT, NodeId

T = TypeVar("T")

# Nodes compared in one piece of work at the start: others wait for that long.
_TOGETHER = 5_000
# A name of the replica's database, in its settings.
_NAME = "gateway_name"
# When the disk has had no room, the index is tried again after so long.
_RETRY_S = 5.0


class Follower:
    """Hears from the ledger which nodes were touched. `begin`, then `run`."""

    def __init__(self, ledger: Ledger, index: ViewIndex, seams: Seams) -> None:
        self._ledger = ledger
        self._index = index
        self._seams = seams
        self._reading = trio.Lock()
        self._touched: set[NodeId] = set()
        self._wake = Signal()
        self.news = trio.Event()
        """Set when something may have changed; another one stands here then."""

    async def begin(self) -> None:
        """Listen from now on, and compare everything, unless nothing has happened meanwhile."""
        self._ledger.listeners.append(self._heard)
        if await self._ledger.do(self._agrees):
            return
        known = set(await self.look(Look.nodes))
        shown = await self._ledger.do(lambda: list(ShownTree(self._ledger).everything()))
        nodes = [*shown, *known.difference(shown)]
        for at in range(0, len(nodes), _TOGETHER):
            await self._ledger.do(partial(self._compare, nodes[at : at + _TOGETHER]))
        await self._ledger.do(self._take_over)

    def end(self) -> None:
        """Listen no more."""
        if self._heard in self._ledger.listeners:
            self._ledger.listeners.remove(self._heard)

    async def run(self) -> None:
        """Follow for ever."""
        while True:
            await self._wake.wait()
            try:
                await self.catch_up()
            except DatabaseUnusable:  # what is known can still be read
                await trio.sleep(_RETRY_S)
                self._wake.set()

    async def catch_up(self) -> None:
        """Return when the index has all that the ledger has told."""
        if self._touched:
            await self._ledger.do(self.caught_up)
        self.news.set()
        self.news = trio.Event()

    def caught_up(self) -> Look:
        """The index with all that the ledger has told; work of `Ledger.do`."""
        if self._touched:
            self._take_over()
        return self._index.here

    async def look(self, question: Callable[[Look], T]) -> T:
        """An answer of the index as it is, without waiting for the ledger."""

        def work() -> T:
            with self._index.look() as look:
                return question(look)

        async with self._reading:
            return await self._seams.offload(work)

    def _take_over(self) -> None:
        # Nobody adds to it now: the ledger tells before it begins with other work.
        touched, self._touched = self._touched, set()
        try:
            if ROOT in touched:  # a snapshot may have left out what was deleted long ago
                touched |= set(self._index.here.nodes())
            self._index.update(touched, ShownTree(self._ledger), seen=self._state())
        except BaseException:
            self._touched |= touched
            raise

    def _compare(self, nodes: list[NodeId]) -> None:
        self._index.update(nodes, ShownTree(self._ledger), deep=False)

    def _agrees(self) -> bool:
        return self._index.here.seen() == self._state()

    def _state(self) -> bytes:
        """Which operations are in: what the tree shows depends on nothing else.

        And in which database: when one is lost, so are operations, and others take their numbers.
        """
        settings = self._ledger.replica.settings
        name = settings.get(_NAME)
        if name is None:
            name = self._seams.entropy(8)
            settings.set(_NAME, name)
        return name + repr(sorted(self._ledger.replica.tree.vector().items())).encode()

    def _heard(self, nodes: set[NodeId]) -> None:
        self._touched |= nodes
        self._wake.set()
