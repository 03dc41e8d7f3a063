"""The vault's side of planning: which nodes one folder shows, and with what content."""

from collections.abc import Callable, Iterable, Iterator

from cozysync.sync.plan import Wanted
from cozysync_conflict import (
    Kind,
    NodeId,
    Store,
    attribute,
    heads,
    is_shown,
    kind_of,
    shown_children,
    winner,
)

EXECUTABLE = "executable"


class FolderTree:
    """The nodes that the vault shows below one folder node; a `WantedTree` over the replica."""

    def __init__(self, store: Store, folder: NodeId, is_merging: Callable[[NodeId], bool]) -> None:
        self._store = store
        self._folder = folder
        self._is_merging = is_merging

    def wanted(self, node: NodeId) -> Wanted | None:
        """The node as shown below this folder, or None when it is not."""
        if not self._is_below(node):
            return None
        return self._describe(node)

    def listing(self, directory: NodeId) -> Iterable[NodeId]:
        """The nodes shown directly inside a directory."""
        return [child.id for child in shown_children(self._store, directory)]

    def everything(self) -> Iterator[NodeId]:
        """Every node shown below the folder, directories before what they hold."""
        queue = [self._folder]
        while queue:
            for child in self.listing(queue.pop()):
                yield child
                if kind_of(child) is Kind.DIRECTORY:
                    queue.append(child)

    def _is_below(self, node: NodeId) -> bool:
        if not is_shown(self._store, node):
            return False
        state = self._store.get(node)
        while state is not None and state.parent is not None:
            if state.parent == self._folder:
                return True
            state = self._store.get(state.parent)
        return False

    def _describe(self, node: NodeId) -> Wanted | None:
        state = self._store.get(node)
        if state is None or state.parent is None:
            return None
        if kind_of(node) is Kind.DIRECTORY:
            return Wanted(node, state.parent, state.name)
        executable = attribute(self._store, node, EXECUTABLE) == b"\x01"
        standing = heads(self._store, node)
        if not standing:
            return None  # created, but its content has not arrived yet
        best = winner(self._store, node)
        assert best is not None
        if self._is_merging(node) and len({head.content.digest for head in standing}) > 1:
            # Left as it is: a moment later it would change once more under the person's hands.
            return Wanted(node, state.parent, state.name, executable=executable)
        same = tuple(sorted(h.dot for h in standing if h.content.digest == best.content.digest))
        return Wanted(
            node,
            state.parent,
            state.name,
            content=best.content,
            heads=same,
            executable=executable,
        )
