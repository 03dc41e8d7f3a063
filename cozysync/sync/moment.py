"""The vault as it was at a moment, read from what history holds."""

from cozysync.replica import Deed, Event
from cozysync.sync.replica import Replica
from cozysync_conflict import (
    Kind,
    NodeId,
    Stamp,
    Version,
    kind_of,
)

Place = tuple[NodeId, bytes]
"""A directory and a name in it."""

_PLACING = (Deed.CREATED, Deed.MOVED)


class Moment:
    """Reads where nodes were, and what they held, at a hybrid time; work of `Ledger.do`.

    Moments are by the stamps of deeds, which is the order in which they took effect.
    """

    def __init__(self, replica: Replica, time: int) -> None:
        self._tree = replica.tree
        self._history = replica.history
        self._end = Stamp(time, b"\xff" * 16)

    def place(self, node: NodeId) -> Place | None:
        """Where a node was, None when it was nowhere yet or not any more."""
        events = [e for e in self._history.of_node(node) if e.stamp <= self._end]
        placings = [e for e in events if e.deed in _PLACING]
        if not placings or not self._was_there(node, events):
            return None
        last = placings[-1]
        assert last.parent is not None
        assert last.name is not None
        return last.parent, last.name

    def at(self, place: Place) -> NodeId | None:
        """The node that stood at a place; the later one when there were two."""
        there = [n for n in self._history.placed(*place) if self.place(n) == place]
        return max(there, key=self._placed_at, default=None)

    def below(self, directory: NodeId) -> list[NodeId]:
        """The nodes that a directory held."""
        return [
            node
            for node in sorted(self._history.placed_below(directory))
            if (place := self.place(node)) is not None and place[0] == directory
        ]

    def find(self, folder: NodeId, names: tuple[bytes, ...]) -> NodeId | None:
        """The node at a path below a folder."""
        node: NodeId | None = folder
        for name in names:
            if node is None:
                return None
            node = self.at((node, name))
        return node

    def version(self, node: NodeId) -> Version | None:
        """What a file held; None for a directory, or a file that had no content yet."""
        versions = [v for v in self._tree.versions(node) if v.stamp <= self._end]
        gone = {dot for version in versions for dot in version.supersedes}
        heads = [version for version in versions if version.dot not in gone]
        return max(heads, key=lambda version: version.stamp, default=None)

    def _was_there(self, node: NodeId, events: list[Event]) -> bool:
        deletions = self._history.deletions(node)
        before = [stamp for stamp in deletions if stamp <= self._end]
        if not before:
            return True
        giving: tuple[Deed, ...] = (Deed.CREATED, Deed.CHANGED)
        if kind_of(node) is not Kind.DIRECTORY:
            giving = (*giving, Deed.MOVED)
        later = [e.stamp for e in self._history.of_node(node) if e.deed in giving]
        if any(before[-1] < stamp <= self._end for stamp in later):
            return True
        if len(before) < len(deletions) or any(stamp > self._end for stamp in later):
            return False
        # Nothing happened to it since: deleted without effect then is deleted without effect now.
        known = self._tree.get(node)
        return known is not None and known.shown

    def _placed_at(self, node: NodeId) -> Stamp:
        events = self._history.of_node(node)
        return max(e.stamp for e in events if e.deed in _PLACING and e.stamp <= self._end)
