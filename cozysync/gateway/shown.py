"""The replica's tree as phones see it."""

from collections.abc import Iterable, Iterator

from cozysync.content import Recipe, decode_recipe
from cozysync.gateway.index import Row
from cozysync.sync.conflict_names import seconds
from cozysync.sync.ledger import Ledger
from cozysync.sync.wanted import EXECUTABLE
from cozysync_conflict import ROOT, Content, Kind, Node, NodeId, Stamp, kind_of, winner
from cozysync_protocol import Malformed


class ShownTree:
    """The tree at one moment; work of `Ledger.do`, and for no longer than that."""

    def __init__(self, ledger: Ledger) -> None:
        self._tree = ledger.replica.tree
        self._paths: dict[NodeId, bytes | None] = {ROOT: b""}

    def row(self, node: NodeId) -> Row | None:
        """See `index.Shown`. A file whose content has not come yet is not there yet."""
        if node == ROOT:
            return Row(ROOT, ROOT, b"")
        state = self._tree.get(node)
        path = self._path(node, state)
        if state is None or state.parent is None or path is None:
            return None
        if kind_of(node) is Kind.DIRECTORY:
            return Row(node, state.parent, path, mtime_ns=_nanoseconds(state.placed))
        content = self.content(state)
        if content is None or state.parent == ROOT:
            return None
        recipe = recipe_in(content)
        if recipe is None:
            return Row(node, state.parent, path, content.digest)
        executable = state.attributes.get(EXECUTABLE, (None, b""))[1] == b"\x01"
        return Row(
            node, state.parent, path, content.digest, recipe.mtime_ns, recipe.size, executable
        )

    def listing(self, directory: NodeId) -> Iterable[NodeId]:
        """See `index.Shown`."""
        return self._tree.counted(directory)

    def everything(self) -> Iterator[NodeId]:
        """All nodes that are shown, directories before what they hold."""
        queue = [ROOT]
        while queue:
            directory = queue.pop()
            yield directory
            for child in self.listing(directory):
                if kind_of(child) is Kind.DIRECTORY:
                    queue.append(child)
                else:
                    yield child

    def content(self, state: Node) -> Content | None:
        """What a file or link holds: what stands, where several contents do."""
        if len({head.content.digest for head in state.heads}) > 1:
            standing = winner(self._tree, state.id)
            return standing.content if standing is not None else None
        head = max(state.heads, key=lambda head: head.stamp, default=None)
        return head.content if head is not None else None

    def _path(self, node: NodeId, state: Node | None = None) -> bytes | None:
        trail: list[Node] = []
        while node not in self._paths:
            self._paths[node] = None  # whatever stands in a circle ends here
            state = state or self._tree.get(node)
            if state is None or not state.shown or state.parent is None:
                break
            trail.append(state)
            node, state = state.parent, None
        path = self._paths[node]
        for each in reversed(trail):
            path = path + b"/" + each.name if path is not None else None
            self._paths[each.id] = path
        return path


def recipe_in(content: Content) -> Recipe | None:
    """The recipe of a content, None where its author made none or history has let go of it."""
    try:
        return decode_recipe(content.detail) if content.detail else None
    except Malformed:
        return None


def _nanoseconds(stamp: Stamp | None) -> int:
    return int(seconds(stamp.time) * 1000) * 1_000_000 if stamp is not None else 0
