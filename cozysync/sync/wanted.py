"""The vault's side of planning: which nodes one folder shows, and with what content."""

from collections.abc import Callable, Iterable, Iterator

from cozysync.sync.plan import Wanted
from cozysync_conflict import Kind, Node, NodeId, Store, kind_of, winner

EXECUTABLE = "executable"


class FolderTree:
    """The nodes that the vault shows below one folder node; a `WantedTree` over the replica."""

    def __init__(self, store: Store, folder: NodeId, is_merging: Callable[[NodeId], bool]) -> None:
        self._store = store
        self._folder = folder
        self._is_merging = is_merging
        self._below: dict[NodeId, bool] | None = None

    def at_rest(self) -> "FolderTree":
        """The same tree while nothing changes: it remembers which directories hang here."""
        still = FolderTree(self._store, self._folder, self._is_merging)
        still._below = {self._folder: True}
        return still

    def wanted(self, node: NodeId) -> Wanted | None:
        """The node as shown below this folder, or None when it is not."""
        state = self._store.get(node)
        if state is None or not state.shown or not self._is_below(state.parent):
            return None
        return self._describe(state)

    def listing(self, directory: NodeId) -> Iterable[NodeId]:
        """The nodes shown directly inside a directory."""
        return self._store.counted(directory)

    def everything(self) -> Iterator[NodeId]:
        """Every node shown below the folder, directories before what they hold."""
        queue = [self._folder]
        while queue:
            for child in self.listing(queue.pop()):
                yield child
                if kind_of(child) is Kind.DIRECTORY:
                    queue.append(child)

    def _is_below(self, directory: NodeId | None) -> bool:
        """Whether this is the folder's node, or hangs below it."""
        trail: list[NodeId] = []
        known = self._below if self._below is not None else {self._folder: True}
        while directory is not None and directory not in known:
            trail.append(directory)
            state = self._store.get(directory)
            directory = state.parent if state is not None else None
        below = directory is not None and known[directory]
        known |= dict.fromkeys(trail, below)
        return below

    def _describe(self, state: Node) -> Wanted | None:
        node, parent, name = state.id, state.parent, state.name
        if parent is None:
            return None
        if kind_of(node) is Kind.DIRECTORY:
            return Wanted(node, parent, name)
        executable = _is_executable(state)
        standing = state.heads
        if not standing:
            return None  # created, but its content has not arrived yet
        if self._is_merging(node) and len({head.content.digest for head in standing}) > 1:
            # Left as it is: a moment later it would change once more under the person's hands.
            return Wanted(node, parent, name, executable=executable)
        best = standing[0] if len(standing) == 1 else winner(self._store, node)
        assert best is not None
        same = tuple(sorted(h.dot for h in standing if h.content.digest == best.content.digest))
        return Wanted(node, parent, name, content=best.content, heads=same, executable=executable)


def _is_executable(state: Node) -> bool:
    _, value = state.attributes.get(EXECUTABLE, (None, b""))
    return value == b"\x01"
