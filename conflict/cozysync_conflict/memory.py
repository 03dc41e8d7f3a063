"""A store in memory: the reference for others, and the quick one for tests."""

from bisect import bisect_right, insort
from collections.abc import Iterable

from cozysync_conflict.clock import Dot, Stamp, VersionVector
from cozysync_conflict.operations import NodeId
from cozysync_conflict.records import bears_record
from cozysync_conflict.store import Node, Placement, Version


class MemoryStore:
    """A `Store` of dictionaries."""

    def __init__(self) -> None:
        self._vector = VersionVector()
        self._nodes: dict[NodeId, Node] = {}
        self._groups: dict[Dot, list[NodeId]] = {}
        self._stamps: list[Stamp] = []
        self._placements: dict[Stamp, Placement] = {}
        self._versions: dict[NodeId, list[Version]] = {}

    def vector(self) -> VersionVector:
        return self._vector

    def set_vector(self, vector: VersionVector) -> None:
        self._vector = vector

    def get(self, node: NodeId) -> Node | None:
        return self._nodes.get(node)

    def put(self, node: Node) -> None:
        self._nodes[node.id] = node

    def counted(self, directory: NodeId) -> list[NodeId]:
        return [node.id for node in self._nodes.values() if node.counted_at == directory]

    def named(self, directory: NodeId, name: bytes) -> list[NodeId]:
        return [node for node in self.counted(directory) if self._nodes[node].name == name]

    def deleted(self) -> list[NodeId]:
        return [node.id for node in self._nodes.values() if node.deletions or node.moves]

    def group(self, group: Dot) -> list[NodeId]:
        return list(self._groups.get(group, ()))

    def add_to_group(self, group: Dot, nodes: Iterable[NodeId]) -> None:
        self._groups.setdefault(group, []).extend(nodes)

    def newest_placement(self) -> Stamp | None:
        return self._stamps[-1] if self._stamps else None

    def placements_after(self, stamp: Stamp) -> list[Placement]:
        later = self._stamps[bisect_right(self._stamps, stamp) :]
        return [self._placements[each] for each in later]

    def put_placements(self, placements: Iterable[Placement]) -> None:
        for placement in placements:
            if placement.stamp not in self._placements:
                insort(self._stamps, placement.stamp)
            self._placements[placement.stamp] = placement

    def drop_placements_before(self, stamp: Stamp) -> None:
        while self._stamps and self._stamps[0] < stamp:
            del self._placements[self._stamps.pop(0)]

    def add_version(self, node: NodeId, version: Version) -> None:
        versions = self._versions.setdefault(node, [])
        insort(versions, version, key=lambda each: each.stamp)

    def versions(self, node: NodeId) -> list[Version]:
        return list(self._versions.get(node, ()))

    def contested(self) -> list[NodeId]:
        return [node.id for node in self._nodes.values() if len(node.heads) > 1]

    def recorded(self) -> list[NodeId]:
        return [node.id for node in self._nodes.values() if bears_record(node)]

    def flush(self) -> None:
        pass
