"""Where the tree is kept: plain rows, so that memory and SQLite hold the same thing.

The functions of this package do all the thinking; a store only remembers. Nodes are mutable
values: whoever changes one hands it to `put` again. A store may give the same object for the
same node until `flush`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from cozysync_conflict.clock import Dot, Stamp, VersionVector
from cozysync_conflict.operations import Content, NodeId


class Head(NamedTuple):
    """A version of a file that no other version supersedes."""

    dot: Dot
    stamp: Stamp
    content: Content


class Version(NamedTuple):
    """Content that was written once, and the versions that its author had before it."""

    dot: Dot
    stamp: Stamp
    content: Content
    supersedes: tuple[Dot, ...]


class Deletion(NamedTuple):
    """A Delete as one of the nodes that it names knows it.

    `parent` is the node's parent as the author saw it; `context` what the author had seen.
    `moved` says that this node was moved by somebody who had not seen the deletion either.
    """

    dot: Dot
    group: Dot
    parent: NodeId
    context: VersionVector
    moved: bool = False


class DirectoryMove(NamedTuple):
    """A Move of a directory, and what its author had seen."""

    dot: Dot
    context: VersionVector


class Placement(NamedTuple):
    """A directory's Create or Move in stamp order, and what it replaced when it took effect.

    `taken` is False when it was skipped, because it would have made a cycle.
    """

    stamp: Stamp
    node: NodeId
    parent: NodeId
    name: bytes
    taken: bool = False
    old_parent: NodeId | None = None
    old_name: bytes = b""
    old_stamp: Stamp | None = None


@dataclass(slots=True)
class Node:
    """Everything known of one node.

    `parent`, `name` and `placed` are its place and the stamp that put it there, None before its
    Create has come. `tokens` holds, for each device, the counter of its newest operation that
    gave the node life: older ones are covered by whatever covers the newest. `moves` are those
    of a directory that a deletion may still turn out to be concurrent with. `early` are versions
    superseded before they came. `below` counts the shown nodes placed here, and `counted_at` is
    the directory that counts this one.
    """

    id: NodeId
    parent: NodeId | None = None
    name: bytes = b""
    placed: Stamp | None = None
    live: bool = False
    below: int = 0
    counted_at: NodeId | None = None
    tokens: dict[bytes, int] = field(default_factory=dict)
    moves: list[DirectoryMove] = field(default_factory=list)
    deletions: list[Deletion] = field(default_factory=list)
    heads: list[Head] = field(default_factory=list)
    early: set[Dot] = field(default_factory=set)
    attributes: dict[str, tuple[Stamp, bytes]] = field(default_factory=dict)

    @property
    def shown(self) -> bool:
        """Whether the tree shows it, wherever that is."""
        return self.live or self.below > 0


class Store(Protocol):
    """What `apply`, `resolve` and the queries need of a store."""

    def vector(self) -> VersionVector:
        """How many operations of each device have been applied."""

    def set_vector(self, vector: VersionVector) -> None:
        """Remember that."""

    def get(self, node: NodeId) -> Node | None:
        """The node, or None when no operation has named it."""

    def put(self, node: Node) -> None:
        """Remember a node in place of what was known of it."""

    def counted(self, directory: NodeId) -> list[NodeId]:
        """The shown nodes placed in a directory; only after `flush`."""

    def named(self, directory: NodeId, name: bytes) -> list[NodeId]:
        """The shown nodes of this very name in a directory; only after `flush`."""

    def deleted(self) -> list[NodeId]:
        """The nodes that have deletions or moves to remember; only after `flush`."""

    def group(self, group: Dot) -> list[NodeId]:
        """The nodes that a deletion of this group names so far."""

    def add_to_group(self, group: Dot, nodes: Iterable[NodeId]) -> None:
        """Remember that a deletion of this group names them."""

    def newest_placement(self) -> Stamp | None:
        """The stamp of the last placement."""

    def placements_after(self, stamp: Stamp) -> list[Placement]:
        """The placements with a later stamp, oldest first."""

    def put_placements(self, placements: Iterable[Placement]) -> None:
        """Remember placements, each in place of the one with its stamp."""

    def drop_placements_before(self, stamp: Stamp) -> None:
        """Forget older placements."""

    def add_version(self, node: NodeId, version: Version) -> None:
        """Keep a version for history."""

    def versions(self, node: NodeId) -> list[Version]:
        """All versions of a node, oldest stamp first; only after `flush`.

        Those that history has let go of have a content without detail, unless the same content
        stands in another version that is kept.
        """

    def contested(self) -> list[NodeId]:
        """The nodes that have several heads; only after `flush`."""

    def recorded(self) -> list[NodeId]:
        """The nodes that bear a record of a conflict (see `records`); only after `flush`."""

    def flush(self) -> None:
        """Make everything that was put visible to the queries, and let go of memory."""
