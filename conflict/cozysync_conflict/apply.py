"""Applying operations: the incremental form of the rules in THEORY.md.

One call takes a list of batches and does every costly thing once for all of them: directories'
placements are undone and redone once, lives are computed once for each node concerned, and the
counts of what is shown follow at the end.
"""

from collections.abc import Iterable, Sequence

from cozysync_conflict.clock import Dot, Stamp, VersionVector
from cozysync_conflict.operations import (
    ROOT,
    Batch,
    Create,
    Delete,
    Kind,
    MissingOperations,
    Move,
    NodeId,
    Operation,
    SetAttribute,
    Write,
    kind_of,
)
from cozysync_conflict.placement import place_directories
from cozysync_conflict.store import Deletion, DirectoryMove, Head, Node, Placement, Store, Version


def apply(store: Store, batches: Sequence[Batch]) -> set[NodeId]:
    """Apply batches, in this order; returns every node whose state changed.

    Operations that were applied before are passed over. Raises `MissingOperations` when a
    device's dots do not continue; nothing has been applied then.
    """
    work = _Application(store)
    fresh = list(_fresh(store.vector(), batches))
    for operation, context in fresh:
        work.take(operation, context)
    return work.finish()


def _fresh(
    vector: VersionVector, batches: Iterable[Batch]
) -> Iterable[tuple[Operation, VersionVector]]:
    counters = dict(vector)
    for batch in batches:
        for operation in batch.operations:
            have = counters.get(batch.device, 0)
            if operation.dot.counter <= have:
                continue
            if operation.dot.counter != have + 1 or operation.dot.device != batch.device:
                raise MissingOperations(
                    f"operation {operation.dot.counter} of a device where {have + 1} is due"
                )
            counters[batch.device] = have + 1
            yield operation, batch.context


class _Application:
    """One call of `apply`: what it has changed so far, and what is left for the end."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counters = dict(store.vector())
        self._nodes: dict[NodeId, Node] = {}
        self._placements: list[Placement] = []
        self._lives: set[NodeId] = set()
        self._groups: set[Dot] = set()
        self._touched: set[NodeId] = set()

    def take(self, operation: Operation, context: VersionVector) -> None:
        dot, stamp, action = operation.dot, operation.stamp, operation.action
        self._counters[dot.device] = dot.counter
        match action:
            case Create() | Move():
                self._place(action, dot, stamp, context)
            case Write():
                self._write(action, dot, stamp)
            case SetAttribute():
                self._attribute(action, stamp)
            case Delete():
                self._delete(action, dot, context)

    def finish(self) -> set[NodeId]:
        for node in place_directories(self._store, self._placements, self.node):
            self._touched.add(node)
        self._recompute_lives()
        for node in list(self._touched):
            self._count(self.node(node))
        for each in self._touched:
            self._store.put(self._nodes[each])
        self._store.set_vector(VersionVector(self._counters))
        self._store.flush()
        return self._touched

    def node(self, node: NodeId) -> Node:
        """The working copy of a node, made when nothing has named it before."""
        known = self._nodes.get(node)
        if known is None:
            known = self._store.get(node) or Node(node, live=node == ROOT)
            self._nodes[node] = known
        return known

    # --- operations --------------------------------------------------------------------------

    def _place(self, action: Create | Move, dot: Dot, stamp: Stamp, context: VersionVector) -> None:
        node = self.node(action.node)
        is_directory = kind_of(action.node) is Kind.DIRECTORY
        if isinstance(action, Create) or not is_directory:
            self._give_life(node, dot)
        if isinstance(action, Move) and is_directory:
            seen = context.merged({dot.device: dot.counter - 1})
            self._note_move(node, DirectoryMove(dot, seen))
        self._touched.add(node.id)
        if action.node == ROOT or kind_of(action.parent) is not Kind.DIRECTORY:
            return  # a faulty author: void for everyone alike
        if is_directory:
            self._placements.append(Placement(stamp, action.node, action.parent, action.name))
        elif node.placed is None or stamp > node.placed:
            # Nothing lies below a file, so no order of moves can make it part of a cycle: the
            # last placement stands, whatever came between.
            node.parent, node.name, node.placed = action.parent, action.name, stamp

    def _note_move(self, node: Node, move: DirectoryMove) -> None:
        node.moves.append(move)
        for at, deletion in enumerate(node.deletions):
            if not deletion.moved and _are_concurrent(move, deletion):
                node.deletions[at] = deletion._replace(moved=True)
                self._groups.add(deletion.group)

    def _write(self, action: Write, dot: Dot, stamp: Stamp) -> None:
        node = self.node(action.node)
        self._give_life(node, dot)
        self._store.add_version(node.id, Version(dot, stamp, action.content, action.supersedes))
        gone = set(action.supersedes)
        node.heads = [head for head in node.heads if head.dot not in gone]
        node.early |= {each for each in gone if self._counters.get(each.device, 0) < each.counter}
        if dot in node.early:
            node.early.discard(dot)
        else:
            node.heads.append(Head(dot, stamp, action.content))

    def _attribute(self, action: SetAttribute, stamp: Stamp) -> None:
        node = self.node(action.node)
        known = node.attributes.get(action.key)
        if known is None or stamp > known[0]:
            node.attributes[action.key] = (stamp, action.value)
        self._touched.add(node.id)

    def _delete(self, action: Delete, dot: Dot, context: VersionVector) -> None:
        seen = context.with_dot(dot)
        for each, parent in action.nodes:
            node = self.node(each)
            deletion = Deletion(dot, action.group, parent, seen)
            moved = any(_are_concurrent(move, deletion) for move in node.moves)
            node.deletions.append(deletion._replace(moved=moved))
            self._touched.add(each)
        self._store.add_to_group(action.group, [each for each, _ in action.nodes])
        self._groups.add(action.group)

    def _give_life(self, node: Node, dot: Dot) -> None:
        node.tokens[dot.device] = max(dot.counter, node.tokens.get(dot.device, 0))
        self._lives.add(node.id)
        self._touched.add(node.id)

    # --- lives -------------------------------------------------------------------------------

    def _recompute_lives(self) -> None:
        concerned = set(self._lives)
        for group in self._groups:
            concerned.update(self._store.group(group))
        void: dict[tuple[NodeId, Dot], bool] = {}
        for each in concerned:
            node = self.node(each)
            live = each == ROOT or self._is_live(node, void)
            if live != node.live:
                node.live = live
                self._touched.add(each)

    def _is_live(self, node: Node, void: dict[tuple[NodeId, Dot], bool]) -> bool:
        """Whether some token escapes every deletion that is not void for the node."""
        if not node.deletions:
            return bool(node.tokens)
        standing = [d for d in node.deletions if not self._is_void(node, d.group, void)]
        return any(
            all(deletion.context.seen(device) < counter for deletion in standing)
            for device, counter in node.tokens.items()
        )

    def _is_void(self, node: Node, group: Dot, void: dict[tuple[NodeId, Dot], bool]) -> bool:
        """Whether the node, or an ancestor named in the same deletion, moved unseen by it."""
        trail: list[NodeId] = []
        answer = False
        current: Node | None = node
        while current is not None:
            key = (current.id, group)
            if key in void:
                answer = void[key]
                break
            deletion = next((d for d in current.deletions if d.group == group), None)
            if deletion is None or current.id in trail:
                break
            trail.append(current.id)
            if deletion.moved:
                answer = True
                break
            current = self.node(deletion.parent)
        for each in trail:
            void[(each, group)] = answer
        return answer

    # --- what is shown -----------------------------------------------------------------------

    def _count(self, node: Node) -> None:
        """Let the directory where the node is placed count it if it is shown, and no other."""
        stack = [node]
        while stack:
            current = stack.pop()
            place = current.parent if current.shown else None
            if place == current.counted_at:
                continue
            self._touched.add(current.id)
            for directory, change in ((current.counted_at, -1), (place, 1)):
                if directory is None:
                    continue
                parent = self.node(directory)
                before = parent.shown
                parent.below += change
                self._touched.add(directory)
                if parent.shown != before:
                    stack.append(parent)
            current.counted_at = place


def _are_concurrent(move: DirectoryMove, deletion: Deletion) -> bool:
    return not deletion.context.covers(move.dot) and not move.context.covers(deletion.dot)
