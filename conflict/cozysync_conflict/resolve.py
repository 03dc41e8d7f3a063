"""The resolver: conflicts become ordinary operations.

A pure function of the tree, run after every applied batch. What it decides depends on nothing
but the operations that are in, and what it creates has ids and names derived from what it
resolves; so devices that resolve one conflict apart write the same thing, and it coalesces.
"""

from collections.abc import Callable, Iterable

from cozysync_conflict.clock import Dot
from cozysync_conflict.names import conflict_name, suffixed_name
from cozysync_conflict.operations import (
    NODE_ID_BYTES,
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
from cozysync_conflict.queries import distinct_heads, shown_children
from cozysync_conflict.store import Head, Node, Store

CONFLICT_OF = "conflict_of"
"""The attribute of a conflict copy that names the node it was a version of."""

Label = Callable[[bytes, int], bytes]
"""What a conflict copy's name says of (device, hybrid time)."""

Merge = Callable[[Node, list[Head]], Content | None]
"""Brings the different heads of a node together, or answers None when it cannot be sure."""

_NO_DOT = Dot(b"", 0)  # filled in by the author, who gives out the dots


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
    to fill. An empty list means that all is settled; apply the actions and ask again.
    """
    actions: list[Action] = []
    places: dict[tuple[NodeId, bytes], None] = {}
    for each in sorted(touched):
        node = store.get(each)
        if node is None or not node.shown or node.parent is None:
            continue
        places[(node.parent, node.name)] = None
        if len(node.heads) > 1:
            actions += _settle_heads(node, label, hash, merge)
    for parent, name in places:
        holders = store.named(parent, name)
        if len(holders) > 1:
            actions += _settle_name(store, parent, holders)
    return actions


def _settle_heads(
    node: Node, label: Label, hash: Callable[[bytes], bytes], merge: Merge | None
) -> list[Action]:
    standing = distinct_heads(node)
    if len(standing) < 2:
        return []
    everything = tuple(sorted(head.dot for head in node.heads))
    merged = merge(node, standing) if merge is not None else None
    if merged is not None:
        return [Write(node.id, merged, everything)]
    *losers, best = standing
    actions: list[Action] = []
    for loser in losers:
        actions += _kept_beside(node, loser, label, hash)
    return [*actions, Write(node.id, best.content, everything)]


def _kept_beside(
    node: Node, loser: Head, label: Label, hash: Callable[[bytes], bytes]
) -> list[Action]:
    assert node.parent is not None
    digest = hash(b"conflict" + node.id + loser.content.digest)
    copy = NodeId(node.id[:1] + digest[: NODE_ID_BYTES - 1])
    name = conflict_name(node.name, label(loser.stamp.device, loser.stamp.time))
    attributes = [
        SetAttribute(copy, key, value)
        for key, (_, value) in sorted(node.attributes.items())
        if key != CONFLICT_OF
    ]
    return [
        Create(copy, node.parent, name),
        Write(copy, loser.content, ()),
        *attributes,
        SetAttribute(copy, CONFLICT_OF, node.id),
    ]


def _settle_name(store: Store, parent: NodeId, holders: Iterable[NodeId]) -> list[Action]:
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
            stays.append(node)
    return actions


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
