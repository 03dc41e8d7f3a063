"""What phones make, move, copy and remove, as operations of this device.

Each of these is one piece of work of `Ledger.do`, inside a transaction: it looks at the tree as it
is at that moment, refuses or authors, and nothing comes between.
"""

from collections.abc import Callable, Iterable

from cozysync.disk import PRIVATE
from cozysync.gateway.errors import BadPath, Exists, Forbidden, NotDirectory, NotFound, Stale
from cozysync.gateway.index import Known, Look, Row
from cozysync.gateway.names import below, joined, parts_of, raw
from cozysync.sync.ledger import Ledger
from cozysync.sync.wanted import EXECUTABLE
from cozysync_conflict import (
    Action,
    Create,
    Delete,
    Dot,
    Kind,
    Move,
    NodeId,
    SetAttribute,
    Write,
    winner,
)

_NO_DOT = Dot(b"", 0)  # filled in by the ledger, which gives out the dots


class Places:
    """Authors what changes places. `look` gives the index once it has caught up."""

    def __init__(self, ledger: Ledger, look: Callable[[], Look]) -> None:
        self._ledger = ledger
        self._tree = ledger.replica.tree
        self._look = look

    def make_directory(self, path: str) -> NodeId:
        """Author a directory; raises as `View.make_directory`."""
        parts = parts_of(path)
        look = self._look()
        if look.at(path_of(path)) is not None:
            raise Exists(path)
        check_private(path, parts)
        above = directory_above(look, parts)
        node = self._ledger.new_node(above.node, raw(parts[-1]), Kind.DIRECTORY)
        self._ledger.author([Create(node, above.node, raw(parts[-1]))])
        return node

    def remove(self, path: str, base: str | None) -> None:
        """Author a deletion; raises as `View.remove`."""
        look = self._look()
        self._ledger.author([_deletion(look, _loose(look, path, base))])

    def move(self, source: str, target: str, *, replace: bool, base: str | None) -> NodeId:
        """Author a move; raises as `View.move`."""
        look = self._look()
        row = _loose(look, source, base)
        place, standing = _free(look, source, target, replace=replace)
        if source != target:
            goes = [_deletion(look, standing)] if standing is not None else []
            self._ledger.author([*goes, Move(row.node, *place)])
        return row.node

    def copy(self, source: str, target: str, *, replace: bool) -> NodeId:
        """Author copies; raises as `View.copy`."""
        look = self._look()
        row = _there(look, source)
        if not parts_of(source):
            raise Forbidden(source, "it is the root")
        if source == target:
            raise Exists(target)
        place, standing = _free(look, source, target, replace=replace)
        actions: list[Action] = [_deletion(look, standing)] if standing is not None else []
        fresh: dict[NodeId, NodeId] = {}
        for each in (row, *(known.row for known in look.below(row.path))):
            if each is not row and each.parent not in fresh:
                continue  # of a twin of the directory
            parent, name = place if each is row else (fresh[each.parent], _name(each))
            node = fresh[each.node] = self._ledger.new_node(parent, name, each.kind)
            actions += [Create(node, parent, name), *self._contents(each, node)]
        self._ledger.author(actions)
        return fresh[row.node]

    def _contents(self, row: Row, node: NodeId) -> Iterable[Action]:
        standing = winner(self._tree, row.node) if row.kind is not Kind.DIRECTORY else None
        if standing is not None:
            yield Write(node, standing.content, ())
        if row.executable:
            yield SetAttribute(node, EXECUTABLE, b"\x01")


def path_of(path: str) -> bytes:
    """A path as the index has it; raises `BadPath`."""
    return raw(path) if parts_of(path) else b""


def _there(look: Look, path: str) -> Row:
    known = look.at(path_of(path))
    if known is None:
        raise NotFound(path)
    return known.row


def _loose(look: Look, path: str, base: str | None) -> Row:
    """What is to leave a path."""
    row = _there(look, path)
    if len(parts_of(path)) < 2:
        raise Forbidden(path, "it is a folder")
    known = look.node(row.node)
    assert known is not None
    if base is not None and base != version_of(known, look.life().id):
        raise Stale(path)
    return row


def _free(
    look: Look, source: str, target: str, *, replace: bool
) -> tuple[tuple[NodeId, bytes], Row | None]:
    """The place where something is to go, and what has to leave it."""
    parts = parts_of(target)
    if len(parts) < 2:
        raise Forbidden(target, "only folders are there")
    check_private(target, parts)
    above = directory_above(look, parts)
    place = above.node, raw(parts[-1])
    if source == target:
        return place, None
    if below(target, source):
        raise BadPath(target, "it is inside what is moved or copied")
    standing = look.at(raw(target))
    if standing is None:
        return place, None
    if not replace:
        raise Exists(target)
    if below(source, target):
        raise BadPath(target, "what is moved or copied is inside it")
    return place, standing.row


def _deletion(look: Look, row: Row) -> Delete:
    rows = (row, *(known.row for known in look.below(row.path)))
    return Delete(_NO_DOT, row.node, tuple((each.node, each.parent) for each in rows))


def directory_above(look: Look, parts: tuple[str, ...]) -> Row:
    """The directory that holds a path; raises `NotDirectory`."""
    above = joined(parts[:-1])
    known = look.at(path_of(above))
    if known is None or known.row.kind is not Kind.DIRECTORY:
        raise NotDirectory(above)
    return known.row


def check_private(path: str, parts: tuple[str, ...]) -> None:
    """Raise `BadPath` for what no folder may hold."""
    if len(parts) > 1 and raw(parts[1]) == PRIVATE:
        raise BadPath(path, "that name is for what cozysync keeps for itself")


def _name(row: Row) -> bytes:
    return row.path.rpartition(b"/")[2]


def version_of(known: Known, life: str) -> str:
    """The version that phones are told: of a file its content, of a directory when it changed."""
    if known.row.kind is Kind.DIRECTORY:
        return f"{life}-{known.changed}"
    return known.row.digest.hex()
