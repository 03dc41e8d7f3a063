"""Rewinding: taking back what one device did since a moment, as new operations.

For a laptop that was stolen, or that encrypted everything at 14:00. What others built on it stays
as it is, and is named: whoever rewinds decides about that alone.
"""

from collections.abc import Iterable

from cozysync.replica import Deed, Event
from cozysync.sync.ledger import Ledger
from cozysync.sync.paths import Paths
from cozysync.sync.restore import Deeds, Line
from cozysync.vault.errors import CozyError, ExitCode
from cozysync_conflict import (
    Create,
    Delete,
    Dot,
    Kind,
    Lineage,
    Move,
    Node,
    NodeId,
    SetAttribute,
    Stamp,
    Version,
    Write,
    kind_of,
    winner,
)
from cozysync_protocol import DeviceId

_NO_DOT = Dot(b"", 0)  # filled in by the author, who gives out the dots
_PLACING = (Deed.CREATED, Deed.MOVED)
_ATTRIBUTES = (Deed.MODE, Deed.GIVEN)


class NoSuchDevice(CozyError):
    """A name that no device of the vault has."""

    exit_code = ExitCode.USAGE


def plan_rewind(ledger: Ledger, device: str, since: int) -> Deeds:
    """What takes back a device's deeds at and after a hybrid time; work of `Ledger.do`."""
    found = [each for each, name in ledger.device_names().items() if name == device]
    if not found:
        names = ", ".join(sorted(ledger.device_names().values()))
        raise NoSuchDevice(f"No device is called «{device}».", f"There are: {names}.")
    return _Rewinding(ledger, found[0], since).run()


class _Rewinding:
    """One run: node by node, what was the device's and what it was before."""

    def __init__(self, ledger: Ledger, device: DeviceId, since: int) -> None:
        self._ledger = ledger
        self._tree = ledger.replica.tree
        self._history = ledger.replica.history
        self._device = device
        self._since = since
        self._names = ledger.device_names()
        self._paths = Paths(ledger)
        self._deeds = Deeds()
        self._deleted: list[Node] = []

    def run(self) -> Deeds:
        touched = self._history.touched_by(self._device, self._since)
        nodes = [node for each in touched if (node := self._tree.get(each)) is not None]
        # Directories before what they hold: whoever comes back finds its place.
        for node in sorted(nodes, key=lambda node: (kind_of(node.id), node.id)):
            self._one(node)
        self._delete_made()
        return self._deeds

    def _one(self, node: Node) -> None:
        events = self._history.of_node(node.id)
        if any(e.deed is Deed.CREATED and self._is_mine(e.stamp) for e in events):
            if node.shown:
                self._made(node, events)
            return
        if not node.shown:
            self._gone(node, events)
            return
        self._placed(node, events)
        self._attributes(node, events)
        if kind_of(node.id) is not Kind.DIRECTORY:
            self._content(node)

    # --- what the device made ----------------------------------------------------------------

    def _made(self, node: Node, events: list[Event]) -> None:
        others = [e.stamp for e in events if not self._is_mine(e.stamp) and e.deed is not Deed.MODE]
        others = [stamp for stamp in others if not self._is_resolved(node, stamp)]
        if others:
            self._leave(node, max(others))
        else:
            self._deleted.append(node)

    def _delete_made(self) -> None:
        for node in self._deleted:
            assert node.parent is not None
            self._deeds.actions.append(Delete(_NO_DOT, node.id, ((node.id, node.parent),)))
            self._tell("delete", node)

    # --- what the device deleted, moved, changed -----------------------------------------------

    def _gone(self, node: Node, events: list[Event]) -> None:
        deletions = self._history.deletions(node.id)
        if not deletions or not all(self._is_mine(stamp) for stamp in deletions[-1:]):
            return  # somebody else deleted it too
        place = self._place_before(events)
        if place is None:
            return
        if kind_of(node.id) is Kind.DIRECTORY:
            self._deeds.actions.append(Create(node.id, *place))
        else:
            before = self._before(node)
            if before is None:
                return
            heads = tuple(sorted(head.dot for head in node.heads))
            self._deeds.actions.append(Write(node.id, before.content, heads))
            if (node.parent, node.name) != place:
                self._deeds.actions.append(Move(node.id, *place))
        self._tell("bring back", node)

    def _placed(self, node: Node, events: list[Event]) -> None:
        if node.placed is None or not self._is_mine(node.placed):
            return
        place = self._place_before(events)
        if place is not None and place != (node.parent, node.name):
            self._tell("move back", node)
            self._deeds.actions.append(Move(node.id, *place))

    def _attributes(self, node: Node, events: list[Event]) -> None:
        for key, (stamp, value) in node.attributes.items():
            if not self._is_mine(stamp):
                continue
            told = [e.name for e in events if e.deed in _ATTRIBUTES and not self._is_mine(e.stamp)]
            start = key.encode() + b"="
            said = [each[len(start) :] for each in told if each and each.startswith(start)]
            before = said[-1] if said else b""
            if any(e.name and e.name.startswith(start) for e in events) and before != value:
                self._deeds.actions.append(SetAttribute(node.id, key, before))
                self._tell("set back", node, key)

    def _content(self, node: Node) -> None:
        current = winner(self._tree, node.id)
        lineage = Lineage(self._tree.versions(node.id))
        if current is None or not any(
            self._is_mine(leaf.stamp) for leaf in lineage.leaves([current])
        ):
            self._tell_if_built_upon(node, lineage)
            return
        before = self._before(node)
        if before is None or before.content.digest == current.content.digest:
            return
        if not before.content.detail:
            self._tell("skip", node, "the history has let go of the version before")
            return
        heads = tuple(sorted(head.dot for head in node.heads))
        self._deeds.actions.append(Write(node.id, before.content, heads))
        self._tell("restore", node)

    def _tell_if_built_upon(self, node: Node, lineage: Lineage) -> None:
        mine = [v for v in self._written(node, lineage) if self._is_mine(v.stamp)]
        later = [
            version
            for version in self._written(node, lineage)
            if not self._is_mine(version.stamp)
            and any(lineage.has_seen(version.dot, each.dot) for each in mine)
        ]
        if later:
            self._leave(node, later[-1].stamp)

    # --- what was before -----------------------------------------------------------------------

    def _before(self, node: Node) -> Version | None:
        """The newest version by people that the device had no part in."""
        lineage = Lineage(self._tree.versions(node.id))
        versions = self._written(node, lineage)
        mine = [version for version in versions if self._is_mine(version.stamp)]
        free = [
            version
            for version in versions
            if not self._is_mine(version.stamp)
            and not any(lineage.has_seen(version.dot, each.dot) for each in mine)
        ]
        return max(free, key=lambda version: version.stamp, default=None)

    def _written(self, node: Node, lineage: Lineage) -> list[Version]:
        versions = self._tree.versions(node.id)
        return [version for version in versions if not lineage.is_resolved(version.dot)]

    def _place_before(self, events: Iterable[Event]) -> tuple[NodeId, bytes] | None:
        placings = [e for e in events if e.deed in _PLACING and not self._is_mine(e.stamp)]
        if not placings:
            return None
        last = placings[-1]
        assert last.parent is not None
        assert last.name is not None
        return last.parent, last.name

    def _is_resolved(self, node: Node, stamp: Stamp) -> bool:
        versions = self._tree.versions(node.id)
        found = next((version for version in versions if version.stamp == stamp), None)
        return found is not None and Lineage(versions).is_resolved(found.dot)

    def _is_mine(self, stamp: Stamp) -> bool:
        return stamp.device == self._device and stamp.time >= self._since

    # --- words ---------------------------------------------------------------------------------

    def _leave(self, node: Node, stamp: Stamp) -> None:
        who = self._names.get(DeviceId(stamp.device), "another device")
        self._tell("leave", node, f"{who} has changed it since")

    def _tell(self, deed: str, node: Node, note: str = "") -> None:
        self._deeds.lines.append(Line(deed, self._paths.here(node.id), note))
