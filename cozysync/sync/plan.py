"""From what the vault says to steps on the disk: a pure decision.

How to think about it. Two trees name the same nodes: the *index* (what the disk held when it was
last in sync) and the *wanted* tree (what the vault shows under this folder). A node is created,
moved, rewritten or removed; the only difficulty is order, because two nodes cannot hold one name
at once and a directory cannot move below itself. The order that always works:

1. directories are made and nodes moved from the top of the *wanted* tree down: when a node's turn
   comes, all its wanted ancestors stand where they belong, so none of them lies below it;
2. whoever stands in the way is removed when it is to go anyway, and set aside otherwise; its own
   turn fetches it from there. That is also how swaps and longer rotations come apart;
3. then removals, from the bottom up; then contents; then attributes.

A step names nodes, never paths: paths follow from the index at the moment the step is taken.
Rejected: sorting steps by path (breaks on swaps), a dependency graph with cycle search (the order
above makes the cycles visible for free).
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from cozysync.disk import IndexRow
from cozysync_conflict import Content, Dot, Kind, NodeId, kind_of


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the vault shows for one node of the folder.

    `content` is None for directories; `heads` are the dots whose content equals `content`.
    """

    node: NodeId
    parent: NodeId
    name: bytes
    content: Content | None = None
    heads: tuple[Dot, ...] = ()
    executable: bool = False


class WantedTree(Protocol):
    """The vault's side: the nodes shown below one folder."""

    def wanted(self, node: NodeId) -> Wanted | None:
        """The node as shown below this folder, or None when it is not."""

    def listing(self, directory: NodeId) -> Iterable[NodeId]:
        """The nodes shown directly inside a directory."""


class IndexView(Protocol):
    """The disk's side: the rows of one folder's index."""

    def row(self, node: NodeId) -> IndexRow | None:
        """The row of a node, or None."""

    def at(self, parent: NodeId, name: bytes) -> IndexRow | None:
        """The row that stands at a name, or None."""

    def children(self, parent: NodeId) -> Iterable[IndexRow]:
        """The rows directly inside a directory."""


@dataclass(frozen=True, slots=True)
class MakeDirectory:
    """Make a directory that the vault shows."""

    wanted: Wanted


@dataclass(frozen=True, slots=True)
class SetAside:
    """Take a node out of the way; its own move follows."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class MoveTo:
    """Move a node, from where it is or from aside, to where the vault shows it."""

    wanted: Wanted


@dataclass(frozen=True, slots=True)
class Remove:
    """Take a node off the disk (to the trash)."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class WriteContent:
    """Bring a file or link to the vault's content; `replaces` when it is on the disk already."""

    wanted: Wanted
    replaces: bool


@dataclass(frozen=True, slots=True)
class Refresh:
    """Nothing to do on the disk: only the index learns newer heads of equal content."""

    wanted: Wanted


@dataclass(frozen=True, slots=True)
class SetExecutable:
    """Set or clear the executable bit."""

    wanted: Wanted


@dataclass(frozen=True, slots=True)
class NameTaken:
    """The disk cannot hold this name beside another one that stays (it folds case or Unicode)."""

    wanted: Wanted
    holder: NodeId


Step = (
    MakeDirectory | SetAside | MoveTo | Remove | WriteContent | Refresh | SetExecutable | NameTaken
)


def plan(
    touched: Iterable[NodeId],
    folder: NodeId,
    tree: WantedTree,
    index: IndexView,
    fold: Callable[[bytes], bytes] | None = None,
) -> list[Step]:
    """The steps that bring the touched nodes of a folder to what the vault shows.

    `fold` maps a name to what the disk takes it for, None where names are kept as they are.
    Nodes that were never touched are left alone; pass every node for a full plan. The same plan
    is made again as long as its steps were not taken, so any step may fail or be repeated.
    """
    return list(_Planner(folder, tree, index, fold).steps(touched))


class _Planner:
    """One planning run: the considered nodes and where each stands as steps are emitted."""

    def __init__(
        self,
        folder: NodeId,
        tree: WantedTree,
        index: IndexView,
        fold: Callable[[bytes], bytes] | None,
    ) -> None:
        self._folder = folder
        self._tree = tree
        self._index = index
        self._fold = fold
        self._wanted: dict[NodeId, Wanted | None] = {}
        # Nodes that are as they are wanted: usually nearly all, so no more is kept of them.
        self._settled: set[NodeId] = set()
        # What the index said, which does not change while it is planned.
        self._rows: dict[NodeId, IndexRow | None] = {}
        self._standing: dict[tuple[NodeId, bytes], IndexRow | None] = {}
        self._indexed = {folder}
        self._depths: dict[NodeId, int] = {folder: 0}
        self._aside: set[NodeId] = set()
        self._gone: set[NodeId] = set()
        self._taken: dict[tuple[NodeId, bytes], NodeId] = {}
        self._left: set[NodeId] = set()
        self._folded: dict[NodeId, dict[bytes, NodeId]] = {}
        self._blocked: set[NodeId] = set()

    def steps(self, touched: Iterable[NodeId]) -> Iterator[Step]:
        self._consider(touched)
        there = [w for w in self._wanted.values() if w is not None]
        there.sort(key=lambda w: self._depth(w.node))
        for wanted in there:
            yield from self._put(wanted)
        yield from self._removals()
        for wanted in there:
            yield from self._content(wanted)

    # --- which nodes are looked at -------------------------------------------------------

    def _consider(self, touched: Iterable[NodeId]) -> None:
        queue = list(touched)
        while queue:
            node = queue.pop()
            if node in self._wanted or node in self._settled or node == self._folder:
                continue
            wanted = self._tree.wanted(node)
            row = self._row(node)
            if wanted is None and row is None:
                continue
            if wanted is not None:
                if not self._is_indexed(wanted.parent):
                    queue.append(wanted.parent)
                if row is not None and _stands(wanted, row) and not any(_renewals(wanted, row)):
                    self._settled.add(node)
                    del self._rows[node]
                    continue
            self._wanted[node] = wanted
            if wanted is not None:
                holder = self._index_holder(wanted)
                if holder is not None:  # whoever stands there may be on its way, too
                    queue.append(holder)
            if kind_of(node) is not Kind.DIRECTORY:
                continue
            if row is None:  # what a new directory holds comes with it
                queue.extend(self._tree.listing(node))
            elif wanted is None:  # what a leaving directory held leaves too, or moves
                queue.extend(child.node for child in self._index.children(node))

    def _row(self, node: NodeId) -> IndexRow | None:
        if node not in self._rows:
            self._rows[node] = self._index.row(node)
        return self._rows[node]

    def _at(self, parent: NodeId, name: bytes) -> IndexRow | None:
        place = (parent, name)
        if place not in self._standing:
            self._standing[place] = self._index.at(parent, name)
        return self._standing[place]

    def _is_indexed(self, directory: NodeId) -> bool:
        if directory not in self._indexed:
            if self._index.row(directory) is None:
                return False
            self._indexed.add(directory)
        return True

    def _depth(self, node: NodeId) -> int:
        trail: list[NodeId] = []
        while node not in self._depths:
            trail.append(node)
            wanted = self._wanted.get(node) or self._tree.wanted(node)
            if wanted is None:
                break
            node = wanted.parent
        depth = self._depths.get(node, 0)
        for each in reversed(trail):
            depth += 1
            self._depths[each] = depth
        return depth

    # --- places --------------------------------------------------------------------------

    def _put(self, wanted: Wanted) -> Iterator[Step]:
        row = self._row(wanted.node)
        if row is None:
            if kind_of(wanted.node) is Kind.DIRECTORY and (yield from self._room(wanted)):
                yield MakeDirectory(wanted)
            return
        if _stands(wanted, row) and wanted.node not in self._aside:
            return
        if (yield from self._room(wanted)):
            self._left.add(wanted.node)
            self._aside.discard(wanted.node)
            yield MoveTo(wanted)

    def _room(self, wanted: Wanted) -> Generator[Step, None, bool]:
        """Clear the name for `wanted`; returns (as generator value) whether it is free."""
        if wanted.parent in self._blocked:
            self._blocked.add(wanted.node)
            return False
        holder = self._holder(wanted)
        if holder is not None and holder != wanted.node:
            if self._stays(holder):
                self._blocked.add(wanted.node)
                yield NameTaken(wanted, holder)
                return False
            if self._wanted[holder] is None and kind_of(holder) is not Kind.DIRECTORY:
                self._gone.add(holder)
                yield Remove(holder)
            else:
                self._aside.add(holder)
                yield SetAside(holder)
        self._taken[(wanted.parent, self._key(wanted.name))] = wanted.node
        return True

    def _key(self, name: bytes) -> bytes:
        return self._fold(name) if self._fold is not None else name

    def _holder(self, wanted: Wanted) -> NodeId | None:
        taken = self._taken.get((wanted.parent, self._key(wanted.name)))
        if taken is not None:
            return taken
        holder = self._index_holder(wanted)
        if holder in self._aside or holder in self._gone or holder in self._left:
            return None
        return holder

    def _index_holder(self, wanted: Wanted) -> NodeId | None:
        row = self._at(wanted.parent, wanted.name)
        if row is not None or self._fold is None:
            return row.node if row is not None else None
        if wanted.parent not in self._folded:
            rows = self._index.children(wanted.parent)
            self._folded[wanted.parent] = {self._key(row.name): row.node for row in rows}
        return self._folded[wanted.parent].get(self._key(wanted.name))

    def _stays(self, holder: NodeId) -> bool:
        """Whether the holder of a name is to remain just there."""
        if holder in self._left or holder in self._settled:
            return True
        wanted, row = self._wanted.get(holder), self._row(holder)
        return wanted is not None and row is not None and _stands(wanted, row)

    # --- removals ------------------------------------------------------------------------

    def _removals(self) -> Iterator[Step]:
        leaving = [n for n, w in self._wanted.items() if w is None and n not in self._gone]
        leaving.sort(key=self._index_depth, reverse=True)
        for node in leaving:
            if self._row(node) is not None:
                self._gone.add(node)
                yield Remove(node)

    def _index_depth(self, node: NodeId) -> int:
        depth = 0
        row = self._row(node)
        while row is not None:
            depth += 1
            row = self._row(row.parent)
        return depth

    # --- contents ------------------------------------------------------------------------

    def _content(self, wanted: Wanted) -> Iterator[Step]:
        if wanted.content is None or wanted.node in self._blocked:
            return
        row = self._row(wanted.node)
        if row is None:
            if (yield from self._room(wanted)):
                yield WriteContent(wanted, replaces=False)
            return
        yield from _renewals(wanted, row)


def _stands(wanted: Wanted, row: IndexRow) -> bool:
    """Whether the disk has a node just where it is wanted."""
    return (row.parent, row.name) == (wanted.parent, wanted.name)


def _renewals(wanted: Wanted, row: IndexRow) -> Iterator[Step]:
    """What makes a file that the disk has be what is wanted of it, wherever it stands."""
    if wanted.content is None:
        return
    if row.digest != wanted.content.digest:
        yield WriteContent(wanted, replaces=True)
    elif row.heads != wanted.heads:
        yield Refresh(wanted)
    if row.executable != wanted.executable and kind_of(wanted.node) is Kind.FILE:
        yield SetExecutable(wanted)
