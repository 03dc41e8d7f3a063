"""Values of the replicated tree: nodes, contents, actions, operations, batches."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import NewType

from cozysync_conflict.clock import Dot, Stamp, VersionVector

NodeId = NewType("NodeId", bytes)
"""16 bytes, the first of which is the node's kind: so no delivery order can disagree about it."""

NODE_ID_BYTES = 16


class Kind(IntEnum):
    """What a node is, for ever."""

    DIRECTORY = 1
    FILE = 2
    LINK = 3


# Asked of every node everywhere: a third of what the enumeration's own look-up takes.
_KINDS = {int(kind): kind for kind in Kind}

ROOT = NodeId(bytes([Kind.DIRECTORY]) + bytes(NODE_ID_BYTES - 1))
"""The root of every vault's tree; it is never created, moved or deleted."""


def kind_of(node: NodeId) -> Kind:
    """The kind of a node; raises `ValueError` for bytes that are no node id."""
    kind = _KINDS.get(node[0])
    return kind if kind is not None else Kind(node[0])


def node_id(
    keyed_hash: Callable[[bytes], bytes], parent: NodeId, name: bytes, kind: Kind, n: int
) -> NodeId:
    """The id of the n-th node (from 0) of this kind to be created at a place.

    `keyed_hash` maps any bytes to at least 15; devices of a vault share it, so those that make
    the same path apart make the same node.
    """
    text = parent + bytes([kind]) + n.to_bytes(4, "big") + name
    return NodeId(bytes([kind]) + keyed_hash(text)[: NODE_ID_BYTES - 1])


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds. Two contents are the same when their digests are.

    `detail` says how to get at the bytes; it is opaque here.
    """

    digest: bytes
    detail: bytes


@dataclass(frozen=True, slots=True)
class Create:
    """The node exists at this place."""

    node: NodeId
    parent: NodeId
    name: bytes


@dataclass(frozen=True, slots=True)
class Move:
    """Put the node at this place; renaming and re-parenting are one thing."""

    node: NodeId
    parent: NodeId
    name: bytes


@dataclass(frozen=True, slots=True)
class Write:
    """New content, in place of the heads that the author had on its disk."""

    node: NodeId
    content: Content
    supersedes: tuple[Dot, ...]


@dataclass(frozen=True, slots=True)
class SetAttribute:
    """A small named value; the last writer by stamp wins."""

    node: NodeId
    key: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Delete:
    """A subtree that the author saw vanish, node by node.

    `nodes` are (node, the parent it had for the author), directories before what they hold.
    `group` is the dot of the first of the operations that one large deletion was split into.
    """

    group: Dot
    root: NodeId
    nodes: tuple[tuple[NodeId, NodeId], ...]


Action = Create | Move | Write | SetAttribute | Delete


@dataclass(frozen=True, slots=True)
class Operation:
    """An action with its place in the total order and its identity."""

    stamp: Stamp
    dot: Dot
    action: Action


@dataclass(frozen=True, slots=True)
class Batch:
    """Operations of one device, with consecutive dots, and what it had seen before them.

    The context of an operation is the batch's, and its device's earlier operations.
    """

    device: bytes
    context: VersionVector
    operations: tuple[Operation, ...]


class MissingOperations(Exception):
    """A device's operations came with a gap: its delivery order was not kept."""
