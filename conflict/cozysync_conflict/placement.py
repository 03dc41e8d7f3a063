"""Where directories are: the replicated-tree move (Kleppmann et al., TPDS 2022).

Moves take effect in stamp order, and one that would put a directory below itself is skipped. When
late moves arrive, the later ones are undone, the late ones put in their place, and all redone.
Files never take part: nothing lies below them.
"""

from collections.abc import Callable, Sequence

from cozysync_conflict.operations import NodeId
from cozysync_conflict.store import Node, Placement, Store


def place_directories(
    store: Store, fresh: Sequence[Placement], node: Callable[[NodeId], Node]
) -> set[NodeId]:
    """Take up fresh placements; returns the directories that may stand elsewhere now.

    `node` gives the working copy of a node. Undoes and redoes once, however many are late.
    """
    if not fresh:
        return set()
    ordered = sorted(fresh)
    newest = store.newest_placement()
    later: list[Placement] = []
    if newest is not None and newest > ordered[0].stamp:
        later = store.placements_after(ordered[0].stamp)
    for placement in reversed(later):
        _undo(placement, node(placement.node))
    redone = [_do(each, node) for each in sorted([*ordered, *later], key=lambda p: p.stamp)]
    store.put_placements(redone)
    return {placement.node for placement in redone}


def _do(placement: Placement, node: Callable[[NodeId], Node]) -> Placement:
    mover = node(placement.node)
    if _is_at_or_below(placement.parent, placement.node, node):
        return placement._replace(taken=False, old_parent=None, old_name=b"", old_stamp=None)
    done = placement._replace(
        taken=True, old_parent=mover.parent, old_name=mover.name, old_stamp=mover.placed
    )
    mover.parent, mover.name, mover.placed = placement.parent, placement.name, placement.stamp
    return done


def _undo(placement: Placement, mover: Node) -> None:
    if placement.taken:
        mover.parent, mover.name = placement.old_parent, placement.old_name
        mover.placed = placement.old_stamp


def _is_at_or_below(place: NodeId, node: NodeId, get: Callable[[NodeId], Node]) -> bool:
    current: NodeId | None = place
    while current is not None:
        if current == node:
            return True
        current = get(current).parent
    return False
