"""What phones write, as versions of files by this device.

A write says which versions the phone had before it, and supersedes just those. So what others
wrote meanwhile is there beside it, and the resolver brings the two together, as if the phone had
been a device of its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from cozysync.gateway.errors import Exists, Forbidden, IsDirectory, Stale
from cozysync.gateway.index import Known, Look, Row
from cozysync.gateway.keeper import Kept
from cozysync.gateway.names import parts_of, raw
from cozysync.gateway.places import check_private, directory_above
from cozysync.gateway.view import ABSENT
from cozysync.sync.ledger import Ledger
from cozysync_conflict import (
    CONFLICT_OF,
    ROOT,
    Action,
    Content,
    Create,
    Dot,
    Kind,
    Node,
    NodeId,
    Record,
    Version,
    Write,
    attribute,
    copy_id,
    kind_of,
    records_of,
    winner,
)
from cozysync_conflict import Outcome as Met
from cozysync_conflict.records import RECORD
from cozysync_protocol import PackId


@dataclass(frozen=True, slots=True)
class Target:
    """Where a write goes: into a node, in place of some versions; or to a new one at a place."""

    node: NodeId | None
    place: tuple[NodeId, bytes]
    supersedes: tuple[Dot, ...] = ()


@dataclass(frozen=True, slots=True)
class Authored:
    """A write that was authored; `dot` is None where the file held just that already.

    `met` is what its version met, None for nothing, and `copies` what is kept beside it now. While
    it `waits` to be brought together with others, neither is known.
    """

    node: NodeId
    digest: bytes
    dot: Dot | None
    met: Met | None = None
    copies: tuple[NodeId, ...] = ()
    waits: bool = False


class Lacking(Exception):
    """A pack that a content leans on has been given up meanwhile: it is to be kept anew."""


class Writes:
    """Authors writes. All is work of `Ledger.do`; `look` gives the index once it has caught up."""

    def __init__(self, ledger: Ledger, look: Callable[[], Look]) -> None:
        self._ledger = ledger
        self._tree = ledger.replica.tree
        self._look = look

    def target(self, path: str, base: str | None) -> Target:
        """Where a write of this base goes; raises as `View.write`."""
        parts = parts_of(path)
        if len(parts) < 2:
            raise Forbidden(path, "only folders are there")
        check_private(path, parts)
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
        directory_above(look, parts)
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
        authored = self.outcome(self._write(target, kept))
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

    def outcome(self, authored: Authored) -> Authored:
        """The same write with what has become of it by now."""
        state = self._tree.get(authored.node)
        if state is None or authored.dot is None:
            return authored
        if self._ledger.merges.is_waiting(state.id):
            return replace(authored, waits=True)
        versions = {each.dot: each for each in self._tree.versions(state.id)}
        mine = versions.get(authored.dot)
        record = _record_of(state, versions, mine) if mine is not None else None
        if record is None:
            return replace(authored, waits=False)
        met = [versions[dot].content for dot in record.versions if dot in versions]
        copies = [copy_id(self._ledger.keys.node_hash, state.id, content) for content in met]
        shown = tuple(each for each in copies if self._is_copy(each, state.id))
        return replace(authored, met=record.outcome, copies=shown, waits=False)

    def _present(
        self, path: str, parts: tuple[str, ...], base: str | None, look: Look, here: Known | None
    ) -> Target:
        above = directory_above(look, parts)
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


def _record_of(state: Node, versions: Mapping[Dot, Version], mine: Version) -> Record | None:
    """The conflict in which a version, or an equal one of somebody else, met others."""
    for record in records_of(state):
        written, _ = state.attributes[RECORD + record.id]
        met = [versions[dot].content.digest for dot in record.versions if dot in versions]
        if written > mine.stamp and mine.content.digest in met:
            return record
    return None


def _no_file(path: str, row: Row) -> Exception:
    if row.kind is Kind.DIRECTORY:
        return IsDirectory(path)
    return Forbidden(path, "it is a link")
