"""Why a file is, or is not, in sync: one reason and one remedy.

The questions are asked from the outside in: is it in a folder, does the folder work, is the file
meant to be in sync, does something stand in its way, and only then whether it is on its way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cozysync.disk import (
    PRIVATE,
    Disk,
    DiskIndex,
    Ignore,
    IndexRow,
    Stat,
    full_stat,
    is_database,
    without_companions,
)
from cozysync.sync.guard import Held
from cozysync.sync.plan import WantedTree
from cozysync.sync.status import Blocked
from cozysync_conflict import Kind, NodeId


class Standing(StrEnum):
    """The one word for a path."""

    IN_SYNC = "in_sync"
    OUTSIDE = "outside"
    PAUSED = "paused"
    IGNORED = "ignored"
    HELD = "held"
    BLOCKED = "blocked"
    SENDING = "sending"
    RECEIVING = "receiving"
    WAITING = "waiting_for_server"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is so with a path; `remedy` is empty where there is nothing to do."""

    path: str
    state: Standing
    reason: str
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: str(getattr(self, name)) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known of the folder, and of the server: `unsent` entries wait for it."""

    blocked: Sequence[Blocked]
    held: Held | None
    reachable: bool
    unsent: int


_IGNORED_BY = "Take that rule out, or put a line that begins with ! below it."
_COMES = "Nothing: it goes on by itself. cozysync wait returns when it is done."
_START_SERVER = "Start the server, or mend the way to it; it then goes on by itself."


def explain(
    shown: str,
    path: bytes,
    disk: Disk,
    index: DiskIndex,
    tree: WantedTree,
    around: Circumstances,
) -> Explanation:
    """Explain a path (`shown` to people, `path` in its folder). Work of `Ledger.do`."""

    def told(state: Standing, reason: str, remedy: str = "") -> Explanation:
        return Explanation(shown, state, reason, remedy)

    if path == PRIVATE or path.startswith(PRIVATE + b"/"):
        return told(Standing.IGNORED, "it is cozysync's own and belongs to this device")
    node = index.find(path)
    if around.held is not None and node in around.held.nodes:
        return told(Standing.HELD, around.held.reason, "Decide: cozysync approve, or --deny.")
    if (found := _in_the_way(shown, around.blocked)) is not None:
        return told(Standing.BLOCKED, found.reason, found.remedy)
    stat = disk.lstat(path)
    if stat is not None and is_database(disk, path, stat):
        stat = full_stat(disk, path, stat)
    row = index.row(node) if node is not None else None
    if stat is not None and row is None and path:
        rule = Ignore.load(disk).rule_for(path, directory=stat.kind is Kind.DIRECTORY)
        if rule is not None:
            return told(Standing.IGNORED, f"the rule «{rule}» keeps it out of sync", _IGNORED_BY)
        if _is_companion(disk, path):
            return told(Standing.IGNORED, "it belongs to the database beside it, and travels in it")
    if path and (waits := _on_its_way(path, stat, row, index, tree)) is not None:
        state, reason = waits
        if state is not Standing.ABSENT and not around.reachable:
            return told(
                Standing.WAITING, f"{reason}, but the server is out of reach", _START_SERVER
            )
        return told(state, reason, _COMES if state is not Standing.ABSENT else _LOG)
    if around.unsent and not around.reachable:
        reason = f"{around.unsent} changes of this device wait for the server; it may be in them"
        return told(Standing.WAITING, reason, _START_SERVER)
    return told(Standing.IN_SYNC, "it is here as it is in the vault")


_LOG = "cozysync log PATH tells what became of it; cozysync restore PATH brings it back."


def _in_the_way(shown: str, blocked: Sequence[Blocked]) -> Blocked | None:
    """What concerns this path, something above it, or something in it: the nearest first."""
    for each in sorted(blocked, key=lambda each: -len(each.path)):
        if shown == each.path or shown.startswith(each.path + "/"):
            return each
    for each in blocked:
        if each.path.startswith(shown + "/"):
            return Blocked(shown, f"{each.path}: {each.reason}", each.remedy)
    return None


def _is_companion(disk: Disk, path: bytes) -> bool:
    directory, _, name = path.rpartition(b"/")
    entries = without_companions(disk, directory, list(disk.listing(directory)))
    return all(each.name != name for each in entries)


def _on_its_way(
    path: bytes, stat: Stat | None, row: IndexRow | None, index: DiskIndex, tree: WantedTree
) -> tuple[Standing, str] | None:
    if row is None:
        if stat is not None:
            return Standing.SENDING, "it is new, and about to be sent"
        if _is_coming(path, index, tree):
            return Standing.RECEIVING, "it is on its way from the vault"
        return Standing.ABSENT, "there is nothing here, and nothing in the vault"
    if stat is None:
        return Standing.SENDING, "it has gone, and is about to be deleted elsewhere"
    wanted = tree.wanted(row.node)
    if wanted is None:
        return Standing.RECEIVING, "it was deleted elsewhere, and is about to go"
    if row.kind is not Kind.DIRECTORY and not row.fits(stat):
        return Standing.SENDING, "it was changed, and is about to be sent"
    if wanted.content is not None and wanted.content.digest != row.digest:
        return Standing.RECEIVING, "a newer version is on its way"
    if (wanted.parent, wanted.name) != (row.parent, row.name):
        return Standing.RECEIVING, "it was moved elsewhere, and is about to be"
    return None


def _is_coming(path: bytes, index: DiskIndex, tree: WantedTree) -> bool:
    """Whether the vault shows something at a path at which nothing is yet."""
    node: NodeId = index.root
    for name in path.split(b"/"):
        shown = (tree.wanted(child) for child in tree.listing(node))
        found = next((each for each in shown if each is not None and each.name == name), None)
        if found is None:
            return False
        node = found.node
    return True
