"""Merging what has to be fetched first: the worker behind `Merges`."""

from functools import partial

from cozysync.content import Ingest, Ingested, Recipe
from cozysync.sync.download import Downloader, Unavailable
from cozysync.sync.ledger import Ledger
from cozysync.sync.merges import merged_bytes, newest_time, recipes_of
from cozysync.sync.upload import Uploader
from cozysync_conflict import Contested
from cozysync_protocol import ChunkId, Malformed

# What could not be fetched yet is tried again after so long, or when more of the log is in.
RETRY_S = 5.0


class Merger:
    """Fetches contents that the resolver wants merged, merges them, and lets it decide."""

    def __init__(self, ledger: Ledger, downloader: Downloader, uploader: Uploader) -> None:
        self._ledger = ledger
        self._downloader = downloader
        self._uploader = uploader
        self._busy = False

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left to merge."""
        return not (self._busy or self._ledger.merges.waiting())

    async def run(self) -> None:
        """Merge for ever, beginning with what was left when the daemon last ended."""
        merges = self._ledger.merges
        try:
            await self._ledger.do(self._ledger.settle_everything)
            while True:
                await merges.asked.wait_at_most(RETRY_S if merges.waiting() else float("inf"))
                self._busy = True
                for contested in merges.waiting():
                    await self._one(contested)
                self._busy = False
        finally:
            self._busy = False

    async def _one(self, contested: Contested) -> None:
        try:
            recipes = list(recipes_of(contested))
            wanted = {chunk for recipe in recipes for chunk, _ in recipe.chunks}
            held = await self._downloader.chunks(list(wanted))
        except (Malformed, Unavailable):
            await self._ledger.do(partial(self._unmerged, contested))
            return
        ingested = await self._uploader.send(partial(_ingested, contested, recipes, held))
        await self._ledger.do(partial(self._merged, contested, ingested))

    def _unmerged(self, contested: Contested) -> None:
        self._ledger.merges.answer(contested, None)
        self._ledger.settle({contested.node})

    def _merged(self, contested: Contested, ingested: Ingested | None) -> None:
        needed = set(ingested.chunks) if ingested is not None else set()
        if needed - self._ledger.replica.chunks.known(needed):
            return  # a pack was given up meanwhile: it is merged once more
        content = ingested.content if ingested is not None else None
        self._ledger.merges.answer(contested, content)
        self._ledger.settle({contested.node}, ingested.chunks if ingested is not None else ())


def _ingested(
    contested: Contested, recipes: list[Recipe], held: dict[ChunkId, bytes], ingest: Ingest
) -> Ingested | None:
    """The merge, taken in; None when it is not sure. Away from the event loop."""
    texts = [
        recipe.inline
        if recipe.inline is not None
        else b"".join(held[chunk] for chunk, _ in recipe.chunks)
        for recipe in recipes
    ]
    merged = merged_bytes(contested, texts)
    return ingest.data(merged, newest_time(recipes)) if merged is not None else None
