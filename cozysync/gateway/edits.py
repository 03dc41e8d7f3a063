"""What phones do, as this device's own operations.

Each of these is one piece of work of `Ledger.do`: it looks at the tree as it is at that moment,
refuses or authors, and nothing comes between.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cozysync.disk import PRIVATE
from cozysync.gateway.errors import (
    BadPath,
    Exists,
    Forbidden,
    IsDirectory,
    NotDirectory,
    NotFound,
    Stale,
)
from cozysync.gateway.index import Known, Look, Row
from cozysync.gateway.keeper import Kept
from cozysync.gateway.names import below, joined, parts_of, raw
from cozysync.gateway.view import ABSENT
from cozysync.sync.ledger import Ledger
from cozysync.sync.wanted import EXECUTABLE
from cozysync_conflict import (
    CONFLICT_OF,
    ROOT,
    Action,
    Content,
    Create,
    Delete,
    Dot,
    Kind,
    Move,
    NodeId,
    SetAttribute,
    Write,
    attribute,
    copy_id,
    kind_of,
    records_of,
    winner,
)
from cozysync_conflict import Outcome as Met
from cozysync_protocol import PackId

_NO_DOT = Dot(b"", 0)  # filled in by the ledger, which gives out the dots


@dataclass(frozen=True, slots=True)
class Target:
    """Where a write goes: into a node, in place of some versions; or to a new one at a place."""

    node: NodeId | None
    place: tuple[NodeId, bytes]
    supersedes: tuple[Dot, ...] = ()


@dataclass(frozen=True, slots=True)
class Authored:
    """A write that was authored; `dot` is None where the file held just that already."""

    node: NodeId
    digest: bytes
    dot: Dot | None


class Lacking(Exception):
    """A pack that a content leans on has been given up meanwhile: it is to be kept anew."""


class Edits:
    """Authors what phones do. `look` gives the index as it is once it has caught up."""

    def __init__(self, ledger: Ledger, look: Callable[[], Look]) -> None:
        self._ledger = ledger
        self._tree = ledger.replica.tree
        self._look = look

    # --- contents ----------------------------------------------------------------------------

    def target(self, path: str, base: str | None) -> Target:
        """Where a write of this base goes; raises as `View.write`."""
        parts = _parts(path)
        if len(parts) < 2:
            raise Forbidden(path, "only folders are there")
        _check_private(path, parts)
        look = self._look()
        here = look.at(raw(path))
        if base is None or base == ABSENT:
            return self._present(path, parts, base, look, here)
        there = [here.row.node] if here is not None else []
        for node in (*there, *self._once_at(parts)):
            dots = self._versions_with(node, base)
            if dots:
                return Target(node, (ROOT, b""), dots)
        if here is not None and here.row.kind is not Kind.FILE:
            raise _no_file(path, here.row)
        _directory_above(look, parts)
        raise Stale(path)

    def write(self, path: str, base: str | None, kept: Kept) -> tuple[Authored, set[PackId]]:
        """Author a write, and tell which packs it needs; inside a transaction.

        Raises as `View.write`, and `Lacking`.
        """
        target = self.target(path, base)
        chunks = self._ledger.replica.chunks
        chunks.add(kept.places, announced=False)
        if set(kept.chunks) - chunks.known(kept.chunks):
            raise Lacking
        authored = self._write(target, kept)
        return authored, {place.pack for place in chunks.locate(kept.chunks).values()}

    def _write(self, target: Target, kept: Kept) -> Authored:
        content, ledger = kept.content, self._ledger
        if target.node is None:
            node = ledger.new_node(*target.place, Kind.FILE)
            actions: list[Action] = [Create(node, *target.place), Write(node, content, ())]
            return Authored(node, content.digest, ledger.author(actions, kept.chunks)[-1])
        if self._stands(target.node, content):
            if ledger.replica.chunks.unannounced(kept.chunks):
                ledger.author([], kept.chunks)  # what the server had lost of it, it has again
            return Authored(target.node, content.digest, None)
        write = Write(target.node, content, target.supersedes)
        return Authored(target.node, content.digest, ledger.author([write], kept.chunks)[-1])

    def _stands(self, node: NodeId, content: Content) -> bool:
        state, standing = self._tree.get(node), winner(self._tree, node)
        is_shown = state is not None and state.shown
        return is_shown and standing is not None and standing.content.digest == content.digest

    def outcome(self, authored: Authored) -> tuple[Met | None, list[NodeId]]:
        """What the version that was authored met, None for nothing, and what keeps it beside."""
        state = self._tree.get(authored.node)
        if state is None or authored.dot is None:
            return None, []
        record = next((each for each in records_of(state) if authored.dot in each.versions), None)
        if record is None:
            return None, []
        versions = [each for each in self._tree.versions(state.id) if each.dot in record.versions]
        copies = [copy_id(self._ledger.keys.node_hash, state.id, each.content) for each in versions]
        shown = [each for each in copies if self._is_copy(each, state.id)]
        return record.outcome, shown

    def _present(
        self, path: str, parts: tuple[str, ...], base: str | None, look: Look, here: Known | None
    ) -> Target:
        above = _directory_above(look, parts)
        if here is None:
            return Target(None, (above.node, raw(parts[-1])))
        if base == ABSENT:
            raise Exists(path)
        if here.row.kind is not Kind.FILE:
            raise _no_file(path, here.row)
        return Target(
            here.row.node, (ROOT, b""), self._versions_with(here.row.node, here.row.digest.hex())
        )

    def _versions_with(self, node: NodeId, version: str) -> tuple[Dot, ...]:
        """The versions of a file that have this content: those that stand, or else the newest."""
        state = self._tree.get(node)
        if state is None or kind_of(node) is not Kind.FILE:
            return ()
        standing = [head.dot for head in state.heads if head.content.digest.hex() == version]
        if standing:
            return tuple(sorted(standing))
        before = [v.dot for v in self._tree.versions(node) if v.content.digest.hex() == version]
        return tuple(before[-1:])

    def _once_at(self, parts: tuple[str, ...]) -> list[NodeId]:
        """The files that ever stood at a path: those that are shown first, the latest first."""
        history = self._ledger.replica.history
        directories = {ROOT}
        for part in parts[:-1]:
            name = raw(part)
            directories = {
                node
                for each in directories
                for node in (*history.placed(each, name), *self._tree.named(each, name))
                if kind_of(node) is Kind.DIRECTORY
            }
        found = {node for each in directories for node in history.placed(each, raw(parts[-1]))}
        known = [state for node in found if (state := self._tree.get(node)) is not None]
        known.sort(key=lambda state: (state.shown, state.placed), reverse=True)
        return [state.id for state in known]

    def _is_copy(self, node: NodeId, of: NodeId) -> bool:
        state = self._tree.get(node)
        return state is not None and state.shown and attribute(self._tree, node, CONFLICT_OF) == of

    # --- places ------------------------------------------------------------------------------

    def make_directory(self, path: str) -> NodeId:
        """Author a directory; inside a transaction. Raises as `View.make_directory`."""
        parts = _parts(path)
        look = self._look()
        if look.at(_raw(path)) is not None:
            raise Exists(path)
        _check_private(path, parts)
        above = _directory_above(look, parts)
        node = self._ledger.new_node(above.node, raw(parts[-1]), Kind.DIRECTORY)
        self._ledger.author([Create(node, above.node, raw(parts[-1]))])
        return node

    def remove(self, path: str, base: str | None) -> None:
        """Author a deletion; inside a transaction. Raises as `View.remove`."""
        look = self._look()
        self._ledger.author([_deletion(look, _loose(look, path, base))])

    def move(self, source: str, target: str, *, replace: bool, base: str | None) -> NodeId:
        """Author a move; inside a transaction. Raises as `View.move`."""
        look = self._look()
        row = _loose(look, source, base)
        place, standing = _free(look, source, target, replace=replace)
        if source != target:
            goes = [_deletion(look, standing)] if standing is not None else []
            self._ledger.author([*goes, Move(row.node, *place)])
        return row.node

    def copy(self, source: str, target: str, *, replace: bool) -> NodeId:
        """Author copies; inside a transaction. Raises as `View.copy`."""
        look = self._look()
        row = _there(look, source)
        if not _parts(source):
            raise Forbidden(source, "it is the root")
        if source == target:
            raise Exists(target)
        place, standing = _free(look, source, target, replace=replace)
        actions: list[Action] = [_deletion(look, standing)] if standing is not None else []
        fresh: dict[NodeId, NodeId] = {}
        for each in (row, *(known.row for known in look.below(row.path))):
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


def _parts(path: str) -> tuple[str, ...]:
    return parts_of(path)


def _raw(path: str) -> bytes:
    return raw(path) if path != "/" else b""


def _there(look: Look, path: str) -> Row:
    parts_of(path)
    known = look.at(_raw(path))
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
    _check_private(target, parts)
    above = _directory_above(look, parts)
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


def _directory_above(look: Look, parts: tuple[str, ...]) -> Row:
    above = joined(parts[:-1])
    known = look.at(_raw(above))
    if known is None or known.row.kind is not Kind.DIRECTORY:
        raise NotDirectory(above)
    return known.row


def _check_private(path: str, parts: tuple[str, ...]) -> None:
    if len(parts) > 1 and raw(parts[1]) == PRIVATE:
        raise BadPath(path, "that name is for what cozysync keeps for itself")


def _no_file(path: str, row: Row) -> Exception:
    if row.kind is Kind.DIRECTORY:
        return IsDirectory(path)
    return Forbidden(path, "it is a link")


def _name(row: Row) -> bytes:
    return row.path.rpartition(b"/")[2]


def version_of(known: Known, life: str) -> str:
    """The version that phones are told: of a file its content, of a directory when it changed."""
    if known.row.kind is Kind.DIRECTORY:
        return f"{life}-{known.changed}"
    return known.row.digest.hex()
