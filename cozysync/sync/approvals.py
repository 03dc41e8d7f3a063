"""What waits for a person before it is deleted elsewhere, and the person's decisions."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from cozysync.sync.folder import FolderSync
from cozysync.sync.inbox import LookAgain
from cozysync.vault.errors import CozyError, ExitCode


class NothingHeld(CozyError):
    """A decision about a folder in which nothing waits for one."""

    exit_code = ExitCode.USAGE


class Approvals:
    """The held deletions of a device. `folders` gives those that are at work."""

    def __init__(self, folders: Callable[[], Iterable[FolderSync]]) -> None:
        self._folders = folders

    def list(self) -> list[dict[str, Any]]:
        """One object a folder in which something is held; see docs/CLI.md."""
        return [
            {
                "path": str(folder.row.path),
                "reason": folder.held.reason,
                "count": folder.held.count,
                "known": folder.held.known,
                "earlier": folder.held.earlier,
                "entries": list(folder.held.entries),
                "seen": folder.held.seen,
            }
            for folder in self._folders()
            if folder.held is not None
        ]

    async def decide(self, path: Path, seen: str, *, allow: bool) -> None:
        """Delete elsewhere what is held in a folder, or bring it back from the vault.

        `seen` is that of the list which the person decided by. Raises `NothingHeld`, or
        `LookAgain` when anything else is held by now: nothing was done then.
        """
        for folder in self._folders():
            if folder.row.path == path and folder.held is not None:
                if await folder.decide(seen, allow=allow):
                    return
                raise LookAgain(
                    f"What has vanished from {path} is not what you were shown any more.",
                    "Look again: cozysync approve",
                )
        raise NothingHeld(f"Nothing is held in {path}.", "cozysync status shows what waits.")
