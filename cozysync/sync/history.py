"""The history as a person reads it: who did what, when, and to which path."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cozysync.replica import Deed, Event, FolderRow
from cozysync.sync.conflict_names import seconds
from cozysync.sync.ledger import Ledger
from cozysync.sync.paths import Paths
from cozysync.sync.wanted import EXECUTABLE


@dataclass(frozen=True, slots=True)
class LogLine:
    """One deed. `time` in seconds since 1970, by the clock of the device that did it.

    `path` begins with the vault's folder.
    """

    time: float
    device: str
    action: str
    path: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"time": self.time, "device": self.device, "action": self.action, "path": self.path}


def read_history(ledger: Ledger, path: Path | None, limit: int) -> Sequence[LogLine]:
    """The newest deeds first, at or below a path of this device; work of `Ledger.do`."""
    wanted = _in_vault(ledger.replica.folders.list(), path) if path is not None else None
    paths = Paths(ledger)
    names = ledger.device_names()
    lines: list[LogLine] = []
    for event in ledger.replica.history.newest():
        if len(lines) >= limit:
            break
        there = _place(paths, event)
        if wanted is not None and there != wanted and not there.startswith(wanted + "/"):
            continue
        who = names.get(event.stamp.device, "?")  # type: ignore[call-overload]
        lines.append(LogLine(seconds(event.stamp.time), who, _word(event), there))
    return lines


def _word(event: Event) -> str:
    about_mode = event.name is None or event.name.startswith(EXECUTABLE.encode())
    return "set" if event.deed is Deed.MODE and not about_mode else str(event.deed)


def _in_vault(folders: Sequence[FolderRow], path: Path) -> str:
    """A path of this device as the vault names it; a name of the vault stays what it is."""
    for row in folders:
        if path.is_relative_to(row.path):
            return "/".join((row.name, *path.relative_to(row.path).parts))
    return str(path)


def _place(paths: Paths, event: Event) -> str:
    if event.parent is None or event.name is None:
        return paths.in_vault(event.node)
    above, own = paths.in_vault(event.parent), event.name.decode(errors="replace")
    return f"{above}/{own}" if above else own
