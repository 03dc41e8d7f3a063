"""The rules, slowly and plainly: the whole state computed from the set of operations.

Nothing here is shared with the incremental form but the values. Tests compare the two without
end; where they differ, this one is closer to the text of THEORY.md.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cozysync_conflict.clock import Dot, Stamp, VersionVector
from cozysync_conflict.operations import (
    ROOT,
    Batch,
    Create,
    Delete,
    Kind,
    Move,
    NodeId,
    Operation,
    SetAttribute,
    Write,
    kind_of,
)


@dataclass(frozen=True, slots=True)
class ModelNode:
    """What the rules say of one node."""

    parent: NodeId | None
    name: bytes
    live: bool
    shown: bool
    heads: frozenset[tuple[Dot, bytes]]
    attributes: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class _Known:
    operation: Operation
    seen: VersionVector  # by its author, before it


def model(batches: Iterable[Batch]) -> Mapping[NodeId, ModelNode]:
    """Every node that the operations name, as the rules of conflicts have it."""
    known: dict[Dot, _Known] = {}
    for batch in batches:
        for operation in batch.operations:
            own = {batch.device: operation.dot.counter - 1}
            known[operation.dot] = _Known(operation, batch.context.merged(own))
    return _State(sorted(known.values(), key=lambda each: each.operation.stamp)).nodes()


class _State:
    def __init__(self, history: list[_Known]) -> None:
        self._history = history
        self._place: dict[NodeId, tuple[NodeId, bytes, Stamp]] = {}
        self._replay()

    def nodes(self) -> dict[NodeId, ModelNode]:
        named: set[NodeId] = {ROOT}
        for each in self._history:
            action = each.operation.action
            if isinstance(action, Delete):
                named.update(node for node, _ in action.nodes)
            else:
                named.add(action.node)
                if isinstance(action, Create | Move):
                    named.add(action.parent)
        live = {node: self._is_live(node) for node in named}
        return {node: self._describe(node, live) for node in named}

    def _describe(self, node: NodeId, live: Mapping[NodeId, bool]) -> ModelNode:
        place = self._place.get(node)
        return ModelNode(
            parent=place[0] if place else None,
            name=place[1] if place else b"",
            live=live[node],
            shown=self._is_shown(node, live),
            heads=self._heads(node),
            attributes=self._attributes(node),
        )

    # Rule 1: placement
    def _replay(self) -> None:
        for each in self._history:
            action = each.operation.action
            if not isinstance(action, Create | Move) or action.node == ROOT:
                continue
            if kind_of(action.parent) is not Kind.DIRECTORY:
                continue
            if not self._is_at_or_below(action.parent, action.node):
                self._place[action.node] = (action.parent, action.name, each.operation.stamp)

    def _is_at_or_below(self, place: NodeId, node: NodeId) -> bool:
        current: NodeId | None = place
        while current is not None:
            if current == node:
                return True
            current = self._place[current][0] if current in self._place else None
        return False

    # Rule 2: content
    def _heads(self, node: NodeId) -> frozenset[tuple[Dot, bytes]]:
        writes = [
            (each.operation.dot, each.operation.action)
            for each in self._history
            if isinstance(each.operation.action, Write) and each.operation.action.node == node
        ]
        gone = {dot for _, write in writes for dot in write.supersedes}
        return frozenset((dot, w.content.digest) for dot, w in writes if dot not in gone)

    # Rule 3: life
    def _is_live(self, node: NodeId) -> bool:
        if node == ROOT:
            return True
        deletions = [
            each
            for each in self._history
            if isinstance(each.operation.action, Delete)
            and any(named == node for named, _ in each.operation.action.nodes)
            and not self._is_void(each.operation.action.group, node)
        ]
        return any(
            not any(self._saw(deletion, token) for deletion in deletions)
            for token in self._tokens(node)
        )

    def _tokens(self, node: NodeId) -> list[Dot]:
        giving = (
            (Create, Write)
            if kind_of(node) is Kind.DIRECTORY
            else (
                Create,
                Write,
                Move,
            )
        )
        return [
            each.operation.dot
            for each in self._history
            if isinstance(each.operation.action, giving) and each.operation.action.node == node
        ]

    def _is_void(self, group: Dot, node: NodeId) -> bool:
        parents: dict[NodeId, tuple[NodeId, _Known]] = {}
        for each in self._history:
            action = each.operation.action
            if isinstance(action, Delete) and action.group == group:
                parents.update({named: (parent, each) for named, parent in action.nodes})
        visited: set[NodeId] = set()
        while node in parents and node not in visited:
            visited.add(node)
            parent, deletion = parents[node]
            if kind_of(node) is Kind.DIRECTORY and any(
                isinstance(move.operation.action, Move)
                and move.operation.action.node == node
                and not self._saw(deletion, move.operation.dot)
                and not self._saw(move, deletion.operation.dot)
                for move in self._history
            ):
                return True
            node = parent
        return False

    @staticmethod
    def _saw(one: _Known, dot: Dot) -> bool:
        return one.seen.covers(dot) or one.operation.dot == dot

    def _is_shown(self, node: NodeId, live: Mapping[NodeId, bool]) -> bool:
        if live[node]:
            return True
        below = [child for child, place in self._place.items() if place[0] == node]
        return any(self._is_shown(child, live) for child in below)

    # Attributes
    def _attributes(self, node: NodeId) -> tuple[tuple[str, bytes], ...]:
        values: dict[str, bytes] = {}
        for each in self._history:
            action = each.operation.action
            if isinstance(action, SetAttribute) and action.node == node:
                values[action.key] = action.value
        return tuple(sorted(values.items()))
