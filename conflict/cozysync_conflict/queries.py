"""Reading the tree. All of these need a store that has been flushed, as `apply` leaves it."""

from collections.abc import Callable

from cozysync_conflict.lineage import Lineage
from cozysync_conflict.operations import ROOT, Kind, NodeId, node_id
from cozysync_conflict.store import Head, Node, Store


def is_shown(store: Store, node: NodeId) -> bool:
    """Whether the tree shows this node, in a directory that itself may hang nowhere."""
    known = store.get(node)
    return known is not None and known.shown


def shown_children(store: Store, directory: NodeId) -> list[Node]:
    """The nodes that a directory shows."""
    return [child for each in store.counted(directory) if (child := store.get(each)) is not None]


def is_in_repository(store: Store, directory: NodeId) -> bool:
    """Whether a directory is one that git keeps for itself (`.git`, `NAME.git`), or lies in one."""
    current: NodeId | None = directory
    while current is not None and current != ROOT:
        known = store.get(current)
        if known is None:
            return False
        if known.name.endswith(b".git"):
            return True
        current = known.parent
    return False


def path_of(store: Store, node: NodeId) -> tuple[bytes, ...] | None:
    """The names from the root to a shown node; None when it is not shown or not reachable."""
    names: list[bytes] = []
    current = node
    while current != ROOT:
        known = store.get(current)
        if known is None or not known.shown or known.parent is None:
            return None
        names.append(known.name)
        current = known.parent
    return tuple(reversed(names))


def heads(store: Store, node: NodeId) -> tuple[Head, ...]:
    """The versions of a file that nothing supersedes, newest stamp last."""
    known = store.get(node)
    return tuple(sorted(known.heads, key=lambda head: head.stamp)) if known is not None else ()


def winner(store: Store, node: NodeId) -> Head | None:
    """The head that a file shows: the last of those that stand; None without content."""
    known = store.get(node)
    if known is None or not known.heads:
        return None
    if len({head.content.digest for head in known.heads}) == 1:
        return max(known.heads, key=lambda head: head.stamp)
    return Lineage(store.versions(node)).standing(known.heads)[-1]


def attribute(store: Store, node: NodeId, key: str) -> bytes | None:
    """A node's attribute, or None when it was never set."""
    known = store.get(node)
    value = known.attributes.get(key) if known is not None else None
    return value[1] if value is not None else None


def next_id(
    store: Store, hash: Callable[[bytes], bytes], parent: NodeId, name: bytes, kind: Kind
) -> NodeId:
    """The id for a node to be created at a place: the first that no known node has."""
    n = 0
    while True:
        candidate = node_id(hash, parent, name, kind, n)
        if store.get(candidate) is None:
            return candidate
        n += 1
