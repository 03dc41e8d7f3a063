"""From what a scan found to what this device says of it.

Runs inside one transaction with the index. Whatever the vault says already (because it was just
placed here, or because another device did the same) only enters the index.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cozysync.content import Ingested
from cozysync.disk import Appeared, Changed, DiskIndex, Findings, IndexRow, new_row, pack_heads
from cozysync.sync.adopt import Adoption
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
    attribute,
    heads,
    kind_of,
)
from cozysync_protocol import ChunkId

_NO_DOT = Dot(b"", 0)


@dataclass(frozen=True, slots=True)
class Job:
    """A file or link of some `size` whose content is to be read; `row` is None for a new one."""

    path: bytes
    parent: NodeId
    name: bytes
    kind: Kind
    row: IndexRow | None
    size: int


class Observer:
    """Turns one folder's findings into operations.

    `unplaced` gathers nodes that are not on the disk as the vault has them: to be planned again.
    `adoption` is there at the first look at a folder whose index is lost.
    """

    def __init__(self, ledger: Ledger, index: DiskIndex) -> None:
        self._ledger = ledger
        self._tree = ledger.replica.tree
        self._index = index
        self.unplaced: set[NodeId] = set()
        self.adoption: Adoption | None = None

    def structure(self, findings: Findings, *, deleting: bool) -> list[Job]:
        """Author what needs no content, and return what does. Work of `Ledger.do`."""
        with self._ledger.replica.database.transaction():
            nodes: dict[int, NodeId] = {}
            if deleting:
                self._vanished(findings)
            self._directories(findings, nodes)
            self._moved(findings, nodes)
            self._index.put(findings.settled)
        return list(self._jobs(findings, nodes))

    def contents(self, ready: Sequence[tuple[Job, IndexRow, Ingested]]) -> set[bytes]:
        """Author contents whose packs are on the server. Work of `Ledger.do`.

        Each comes with a row that holds the stat with which it was read. Returns the paths of those
        left out, because a pack in which they found a chunk has been given up meanwhile.
        """
        needed = {chunk for _, _, ingested in ready for chunk in ingested.chunks}
        gone = needed - self._ledger.replica.chunks.known(needed)
        left = {job.path for job, _, each in ready if not gone.isdisjoint(each.chunks)}
        self._author([each for each in ready if each[0].path not in left])
        return left

    def _author(self, ready: Sequence[tuple[Job, IndexRow, Ingested]]) -> None:
        with self._ledger.replica.database.transaction():
            actions: list[Action] = []
            chunks: list[ChunkId] = []
            rows: list[tuple[IndexRow, int | None]] = []
            known: list[ChunkId] = []
            for job, seen, ingested in ready:
                row, written = self._content(job, seen, ingested, actions)
                rows.append((row, written))
                (chunks if written is not None else known).extend(ingested.chunks)
            # What lay in a pack that was lost has been sent again by reading it: to be told.
            chunks += [place.chunk for place in self._ledger.replica.chunks.unannounced(known)]
            dots = self._ledger.author(actions, chunks) if actions or chunks else []
            self._index.put(
                row if at is None else row._replace(packed_heads=pack_heads([dots[at]]))
                for row, at in rows
            )

    # --- structure -------------------------------------------------------------------------

    def _vanished(self, findings: Findings) -> None:
        actions: list[Action] = []
        for gone in findings.vanished:
            rows = (gone.root, *gone.rows)
            nodes = [(row.node, row.parent) for row in self._seen(rows)]
            if any(self._is_shown(node) for node, _ in nodes):
                actions.append(Delete(_NO_DOT, nodes[0][0], tuple(nodes)))
            self._index.remove([row.node for row in rows])
        if actions:
            self._ledger.author(actions)

    def _seen(self, rows: Sequence[IndexRow]) -> list[IndexRow]:
        """Those that stood on the disk as the vault has them.

        Who deletes a file has not seen an edit of it that has only just arrived, or that came
        while the daemon was not running. Such a node is left out of the deletion, and placed
        again; so is all that a directory held which has moved elsewhere meanwhile.
        """
        moved: set[NodeId] = set()
        seen: list[IndexRow] = []
        for row in rows:
            if row.parent in moved or not self._stands(row):
                self.unplaced.add(row.node)
                if row.kind is Kind.DIRECTORY:
                    moved.add(row.node)
            else:
                seen.append(row)
        return seen

    def _stands(self, row: IndexRow) -> bool:
        known = self._tree.get(row.node)
        if known is None or not known.shown:
            return True  # deleted by others, too
        if (known.parent, known.name) != (row.parent, row.name):
            return False
        return row.kind is Kind.DIRECTORY or all(
            head.content.digest == row.digest for head in known.heads
        )

    def _directories(self, findings: Findings, nodes: dict[int, NodeId]) -> None:
        actions: list[Action] = []
        rows: list[IndexRow] = []
        for each in findings.appeared:
            if each.stat.kind is not Kind.DIRECTORY:
                continue
            parent = _node(each.parent, nodes)
            node = self._standing(parent, each.name, Kind.DIRECTORY)
            if node is None and self.adoption is not None:
                node = self.adoption.directory(parent, each.name)
                self.unplaced |= {node} if node is not None else set()
            if node is None:
                node = self._ledger.new_node(parent, each.name, Kind.DIRECTORY)
                actions.append(Create(node, parent, each.name))
            nodes[id(each)] = node
            rows.append(new_row(node, parent, each.name, each.stat))
        if actions:
            self._ledger.author(actions)
        self._index.put(rows)

    def _moved(self, findings: Findings, nodes: dict[int, NodeId]) -> None:
        actions: list[Action] = []
        rows: list[IndexRow] = []
        for each in findings.moved:
            parent = _node(each.parent, nodes)
            known = self._tree.get(each.row.node)
            if known is None or (known.parent, known.name) != (parent, each.name):
                actions.append(Move(each.row.node, parent, each.name))
            if each.row.kind is Kind.DIRECTORY and known is not None and not known.shown:
                actions += self._revived(each.row, parent, each.name)
            racy = each.row.racy
            row = each.row._replace(parent=parent, name=each.name)
            rows.append(row.with_stat(each.stat, racy=racy))
        self._index.remove([row.node for row in rows])
        self._index.put(rows)
        if actions:
            self._ledger.author(actions)

    def _revived(self, row: IndexRow, parent: NodeId, name: bytes) -> list[Action]:
        """What a directory held that others deleted while it was moved here: it lives whole."""
        actions: list[Action] = [Create(row.node, parent, name)]
        queue = [row.node]
        while queue:
            for child in self._index.children(queue.pop(0)):
                if child.kind is Kind.DIRECTORY:
                    actions.append(Create(child.node, child.parent, child.name))
                    queue.append(child.node)
                    continue
                for version in self._tree.versions(child.node):
                    if version.content.digest == child.digest and version.content.detail:
                        actions.append(Write(child.node, version.content, child.heads))
                        break
        return actions

    def _jobs(self, findings: Findings, nodes: dict[int, NodeId]) -> Iterable[Job]:
        for change in findings.changed:
            row = self._index.row(change.row.node)
            if row is not None:
                yield _job(change, row)
        for each in findings.appeared:
            if each.stat.kind is not Kind.DIRECTORY and each.stat.kind is not None:
                parent = _node(each.parent, nodes)
                yield Job(each.path, parent, each.name, each.stat.kind, None, each.stat.size)

    # --- contents --------------------------------------------------------------------------

    def _content(
        self, job: Job, seen: IndexRow, ingested: Ingested, actions: list[Action]
    ) -> tuple[IndexRow, int | None]:
        """The new row, and at which place in `actions` its content was written, if it was."""
        content, written = ingested.content, None
        if job.row is not None:
            row = job.row._replace(
                inode=seen.inode,
                size=seen.size,
                mtime_ns=seen.mtime_ns,
                ctime_ns=seen.ctime_ns,
                executable=seen.executable,
                racy=seen.racy,
            )
            node = row.node
            if content.digest != row.digest:
                same = self._heads_with(node, content.digest)
                if same:  # another device has said so already
                    row = row._replace(packed_heads=pack_heads(same))
                else:
                    written = len(actions)
                    actions.append(Write(node, content, row.heads))
        else:
            found = self._standing(job.parent, job.name, job.kind)
            base: tuple[Dot, ...] = ()
            if self.adoption is not None:
                adopted = self._adopted(self.adoption, job, seen, content.digest, found)
                if adopted is not None:
                    return adopted, None
                base = self.adoption.seen(found) if found is not None else ()
            node = found or self._ledger.new_node(job.parent, job.name, job.kind)
            same = self._heads_with(node, content.digest) if found is not None else []
            heads = pack_heads(same)
            row = seen._replace(node=node, parent=job.parent, name=job.name, packed_heads=heads)
            if found is None:
                actions.append(Create(node, job.parent, job.name))
            if not same:
                written = len(actions)
                actions.append(Write(node, content, base))
        said = attribute(self._tree, node, EXECUTABLE) == b"\x01"
        changed = job.row is None or job.row.executable != row.executable
        if kind_of(node) is Kind.FILE and changed and said != row.executable:
            actions.append(SetAttribute(node, EXECUTABLE, b"\x01" if row.executable else b""))
        return row._replace(digest=content.digest), written

    def _adopted(
        self, adoption: Adoption, job: Job, seen: IndexRow, digest: bytes, found: NodeId | None
    ) -> IndexRow | None:
        """The row of something that is as the vault has it, or had it and has it elsewhere, or not
        any more; None for what is new. The next plan brings it to what the vault shows.
        """
        if found is not None and self._heads_with(found, digest):
            return None
        node = found or adoption.file(job.parent, job.name, job.kind, digest, seen.mtime_ns)
        dots = adoption.dots(node, digest) if node is not None else []
        if node is None or not dots:
            return None
        self.unplaced.add(node)
        row = seen._replace(node=node, parent=job.parent, name=job.name, digest=digest)
        return row._replace(packed_heads=pack_heads(dots))

    def _standing(self, parent: NodeId, name: bytes, kind: Kind) -> NodeId | None:
        """A node that the vault shows at this place and that is not yet on the disk."""
        for node in self._tree.named(parent, name):
            if kind_of(node) is kind and self._index.row(node) is None:
                return node
        return None

    def _heads_with(self, node: NodeId, digest: bytes) -> list[Dot]:
        return [head.dot for head in heads(self._tree, node) if head.content.digest == digest]

    def _is_shown(self, node: NodeId) -> bool:
        known = self._tree.get(node)
        return known is not None and known.shown


def _node(parent: NodeId | Appeared, nodes: dict[int, NodeId]) -> NodeId:
    return nodes[id(parent)] if isinstance(parent, Appeared) else parent


def _job(change: Changed, row: IndexRow) -> Job:
    return Job(change.path, row.parent, row.name, row.kind, row, change.stat.size)
