"""The resolver: conflicts become ordinary operations.

A pure function of the tree, run after every applied batch. What it decides depends on nothing
but the operations that are in, and what it creates has ids and names derived from what it
resolves; so devices that resolve one conflict apart write the same thing, and it coalesces.
"""

from collections.abc import Callable, Iterable
from enum import Enum
from typing import NamedTuple

from cozysync_conflict.clock import Dot, Stamp
from cozysync_conflict.lineage import Lineage
from cozysync_conflict.names import conflict_name, suffixed_name
from cozysync_conflict.operations import (
    NODE_ID_BYTES,
    ROOT,
    Action,
    Content,
    Create,
    Delete,
    Kind,
    Move,
    NodeId,
    SetAttribute,
    Write,
    kind_of,
)
from cozysync_conflict.queries import is_in_repository, shown_children
from cozysync_conflict.records import (
    CONFLICT_OF,
    POLICY,
    Outcome,
    Policy,
    is_about_conflicts,
    record_of_name,
    record_of_versions,
)
from cozysync_conflict.store import Head, Node, Store, Version

Label = Callable[[bytes, int], bytes]
"""What a conflict copy's name says of (device, hybrid time)."""

_NO_DOT = Dot(b"", 0)  # filled in by the author, who gives out the dots
_NEVER = Stamp(0, b"")


class Contested(NamedTuple):
    """Versions of one file that may be mergeable: `sides` in the order of their stamps.

    `base` is what all of them came from, None for files created apart.
    """

    node: NodeId
    name: bytes
    base: Content | None
    sides: tuple[Content, ...]


class Later(Enum):
    """What a merge answers that has to fetch the contents first: ask again."""

    LATER = "later"


LATER = Later.LATER

Merge = Callable[[Contested], Content | Later | None]
"""Brings versions together. None: it cannot be sure; `LATER`: leave the conflict for now.

The answer may depend on the names and contents only, never on the device or the moment.
"""


def resolve(
    store: Store,
    touched: Iterable[NodeId],
    *,
    label: Label,
    hash: Callable[[bytes], bytes],
    merge: Merge | None = None,
) -> list[Action]:
    """The actions that leave no conflict standing among the touched nodes and their siblings.

    `hash` is the vault's keyed hash (see `node_id`). A Delete's `group` is left for the author
    to fill. An empty list means that all is settled, or waits for a merge; apply the actions and
    ask again.
    """
    actions: list[Action] = []
    places: dict[tuple[NodeId, bytes], None] = {}
    policies = _Policies(store)
    for each in sorted(touched):
        node = store.get(each)
        if node is None or not node.shown or node.parent is None:
            continue
        places[(node.parent, node.name)] = None
        if len({head.content.digest for head in node.heads}) > 1:
            actions += _Contest(store, node, policies, label, hash).settle(merge)
    for parent, name in places:
        holders = store.named(parent, name)
        if len(holders) > 1:
            settle = _settle_inside if is_in_repository(store, parent) else _settle_name
            actions += settle(store, parent, holders, hash)
    return actions


def copy_id(hash: Callable[[bytes], bytes], node: NodeId, content: Content) -> NodeId:
    """The node that keeps this content beside that file."""
    digest = hash(b"conflict" + node + content.digest)
    return NodeId(node[:1] + digest[: NODE_ID_BYTES - 1])


def kept_beside(
    node: Node, version: Head | Version, label: Label, hash: Callable[[bytes], bytes]
) -> list[Action]:
    """The actions that put a version of a file beside it, as a file of its own."""
    assert node.parent is not None
    copy = copy_id(hash, node.id, version.content)
    name = conflict_name(node.name, label(version.stamp.device, version.stamp.time))
    attributes = [
        SetAttribute(copy, key, value)
        for key, (_, value) in sorted(node.attributes.items())
        if not is_about_conflicts(key)
    ]
    return [
        Create(copy, node.parent, name),
        Write(copy, version.content, ()),
        *attributes,
        SetAttribute(copy, CONFLICT_OF, node.id),
    ]


class _Policies:
    """What the top-level directories say of conflicts, each directory looked at once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[NodeId, Policy] = {}

    def of(self, node: Node) -> Policy:
        """The policy above a node."""
        trail: list[NodeId] = []
        found = Policy.COPIES
        current: Node | None = node
        while current is not None:
            if current.id in self._known:
                found = self._known[current.id]
                break
            trail.append(current.id)
            if current.parent in (ROOT, None):
                said = current.attributes.get(POLICY)
                if said is not None and said[1] == Policy.INBOX.encode():
                    found = Policy.INBOX
                break
            current = self._store.get(current.parent)
        self._known.update(dict.fromkeys(trail, found))
        return found


# --- several contents --------------------------------------------------------------------------


class _Contest:
    """One file with heads of different contents."""

    def __init__(
        self,
        store: Store,
        node: Node,
        policies: _Policies,
        label: Label,
        hash: Callable[[bytes], bytes],
    ) -> None:
        self._policies = policies
        self._is_inside = node.parent is not None and is_in_repository(store, node.parent)
        self._node = node
        self._label = label
        self._hash = hash
        self._lineage = Lineage(store.versions(node.id))

    def settle(self, merge: Merge | None) -> list[Action]:
        standing = self._lineage.standing(self._node.heads)
        best = standing[-1]
        if len(standing) == 1:
            return [self._write(best.content)]
        leaves = self._lineage.leaves(standing)
        if self._is_inside:
            merge = None  # what a program keeps for itself is no text
        merged = self._merged(leaves, merge) if merge is not None else None
        if merged is LATER:
            return []
        if merged is not None:
            record = record_of_versions(self._node.id, Outcome.MERGED, leaves, self._hash)
            return [self._write(merged), record]
        return self._kept_apart(standing, leaves)

    def _merged(self, leaves: list[Version], merge: Merge) -> Content | Later | None:
        if not all(leaf.content.detail for leaf in leaves):
            return None  # let go of: what was made of it stands
        if len(leaves) == 1:
            return leaves[0].content
        base, known = self._lineage.ancestry(leaves)
        if not known:
            return None
        sides = tuple(leaf.content for leaf in leaves)
        return merge(Contested(self._node.id, self._node.name, base, sides))

    def _kept_apart(self, standing: list[Head], leaves: list[Version]) -> list[Action]:
        origins = [_leaf_of(leaves, head) for head in standing]
        outcome = Outcome.BESIDE
        actions: list[Action] = []
        if self._is_inside or self._policies.of(self._node) is Policy.INBOX:
            outcome = Outcome.INBOX
        else:
            for loser in origins[:-1]:
                actions += kept_beside(self._node, loser, self._label, self._hash)
        record = record_of_versions(self._node.id, outcome, origins, self._hash)
        return [*actions, self._write(standing[-1].content), record]

    def _write(self, content: Content) -> Action:
        everything = tuple(sorted(head.dot for head in self._node.heads))
        return Write(self._node.id, content, everything)


def _leaf_of(leaves: list[Version], head: Head) -> Head | Version:
    """The edit behind a head of the same content: its author and time are what people know."""
    return next((leaf for leaf in leaves if leaf.content.digest == head.content.digest), head)


# --- several nodes of one name -------------------------------------------------------------------


def _settle_name(
    store: Store, parent: NodeId, holders: Iterable[NodeId], hash: Callable[[bytes], bytes]
) -> list[Action]:
    nodes = [node for each in holders if (node := store.get(each)) is not None]
    nodes.sort(key=lambda node: (node.placed, node.id))
    actions: list[Action] = []
    stays: list[Node] = []
    for node in nodes:
        twin = _same_directory(node, stays)
        if twin is not None:
            actions += _merged_into(store, node, twin, parent)
        elif _has_equal(node, stays):
            actions.append(Delete(_NO_DOT, node.id, ((node.id, parent),)))
        else:
            if stays:
                actions.append(Move(node.id, parent, suffixed_name(node.name, node.id)))
                if CONFLICT_OF not in node.attributes:  # a copy's name is nobody's choice
                    actions.append(record_of_name(node.id, node.name, hash))
            stays.append(node)
    return actions


def _settle_inside(
    store: Store, parent: NodeId, holders: Iterable[NodeId], hash: Callable[[bytes], bytes]
) -> list[Action]:
    """Inside a repository no name may be made up: one node stays, the history keeps the others.

    A directory stays before a file, and the file that was written last before others.
    """
    nodes = [node for each in holders if (node := store.get(each)) is not None]
    nodes.sort(key=lambda node: (kind_of(node.id) is Kind.DIRECTORY, _written(node), node.id))
    first = nodes.pop()
    actions: list[Action] = []
    for node in nodes:
        if kind_of(node.id) is Kind.DIRECTORY:
            actions += _merged_into(store, node, first, parent)
        else:
            actions.append(Delete(_NO_DOT, node.id, ((node.id, parent),)))
    return actions


def _written(node: Node) -> Stamp:
    return max((head.stamp for head in node.heads), default=node.placed or _NEVER)


def _same_directory(node: Node, stays: Iterable[Node]) -> Node | None:
    if kind_of(node.id) is not Kind.DIRECTORY:
        return None
    return next((each for each in stays if kind_of(each.id) is Kind.DIRECTORY), None)


def _merged_into(store: Store, node: Node, first: Node, parent: NodeId) -> list[Action]:
    children = sorted(shown_children(store, node.id), key=lambda child: child.id)
    moves: list[Action] = [Move(child.id, first.id, child.name) for child in children]
    return [*moves, Delete(_NO_DOT, node.id, ((node.id, parent),))]


def _has_equal(node: Node, stays: Iterable[Node]) -> bool:
    """Whether a node that keeps the name, of the same kind, holds just what this one holds."""
    mine = {head.content.digest for head in node.heads}
    return len(mine) == 1 and any(
        kind_of(each.id) is kind_of(node.id)
        and {head.content.digest for head in each.heads} == mine
        for each in stays
    )
