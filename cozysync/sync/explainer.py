"""Explaining any path of this device, by the folder that it is in."""

from collections.abc import Callable, Mapping
from pathlib import Path

from cozysync.replica import FolderRow, FolderState
from cozysync.sync.explain import Explanation, Standing
from cozysync.sync.folder import FolderSync
from cozysync.sync.ledger import Ledger


class Explainer:
    """Explains. `rows` are the bound folders, `at_work` gives the worker of one of them."""

    def __init__(
        self,
        ledger: Ledger,
        rows: Mapping[Path, FolderRow],
        at_work: Callable[[Path], FolderSync | None],
    ) -> None:
        self._ledger = ledger
        self._rows = rows
        self._at_work = at_work

    async def explain(self, path: Path) -> Explanation:
        """Why an absolute path is, or is not, in sync here."""
        row = next((row for row in self._rows.values() if path.is_relative_to(row.path)), None)
        if row is None:
            remedy = "Move it into a folder that is in sync, or: cozysync folder add PATH"
            return Explanation(str(path), Standing.OUTSIDE, "it is in no folder in sync", remedy)
        if row.state is FolderState.PAUSED:
            remedy = f"cozysync folder resume '{row.path}'"
            return Explanation(str(path), Standing.PAUSED, "its folder is paused", remedy)
        folder = self._at_work(row.path)
        if folder is None:
            reason = "its folder has not begun yet; it waits for the server's news"
            return Explanation(str(path), Standing.WAITING, reason, "Nothing: it begins by itself.")
        unsent: int = await self._ledger.do(self._ledger.replica.outbox.count)
        return await folder.explain(path, unsent)
