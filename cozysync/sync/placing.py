"""Taking the steps of a plan: the one place where the engine changes the disk.

Structure first, in order, each batch made durable before the index says so. Contents are fetched
and staged without any lock and put in place in waves. A step that meets something unseen is left;
the scan that follows turns it into an operation, and the next plan goes from there.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from cozysync.disk import (
    ASIDE_NODE,
    Disk,
    DiskIndex,
    IndexRow,
    Intent,
    InUse,
    Journal,
    Placer,
    Stat,
    new_row,
    pack_heads,
)
from cozysync.sync.download import Downloader
from cozysync.sync.ledger import Ledger
from cozysync.sync.obstacles import Obstacles
from cozysync.sync.plan import (
    MakeDirectory,
    MoveTo,
    NameTaken,
    Refresh,
    Remove,
    SetAside,
    SetExecutable,
    Step,
    Wanted,
    WriteContent,
)
from cozysync.sync.seams import Seams
from cozysync.sync.staging import Staged, Staging, place_of
from cozysync.sync.waves import Coming, in_pack_order, waves
from cozysync_conflict import NodeId


class Placing:
    """Brings one folder to what the vault shows.

    `unseen` gathers paths to look at again; `obstacles` is what stood in the way last time.
    Whoever owns this plans those nodes again that are `lacking`, when something of them may have
    come.
    `broken_off` says that a wave ended in the middle: the index must `recover` before the disk is
    looked at, or what was placed would be taken for a person's.
    """

    def __init__(
        self, disk: Disk, index: DiskIndex, ledger: Ledger, downloader: Downloader, seams: Seams
    ) -> None:
        self._disk = disk
        self._index = index
        self._ledger = ledger
        self._seams = seams
        self.placer = Placer(disk, self._day)
        self._journal = Journal(ledger.replica.database.connection, index.root)
        self.unseen: set[bytes] = set()
        self.broken_off = True  # by a kill, for all that is known
        self.obstacles = Obstacles(disk, seams.now_ns)
        self._staging = Staging(disk, index, ledger, downloader, seams, self.placer, self.obstacles)

    @property
    def lacking(self) -> dict[NodeId, bytes]:
        """The nodes whose content cannot be had, by path."""
        return self._staging.lacking

    def recover(self) -> None:
        """After a kill or a failure: let the index and the disk agree again. Work of `do`."""
        with self._ledger.replica.database.transaction():
            self.placer.rescue(self._journal.begun(), self._index)
            self._journal.recover(self._disk, self._index)
            self.placer.recover(self._index)
            self._index.remove_unreachable()
        self._disk.forget()
        self.broken_off = False

    async def take(self, steps: Sequence[Step]) -> set[NodeId]:
        """Take these steps; returns the nodes whose step must wait for something."""
        self.broken_off = True
        waiting = await self._take(steps)
        self.broken_off = False
        return waiting

    async def _take(self, steps: Sequence[Step]) -> set[NodeId]:
        contents = [step for step in steps if isinstance(step, WriteContent)]
        others = [step for step in steps if not isinstance(step, WriteContent)]
        waiting: set[NodeId] = set()
        self.obstacles.noted = []
        if others:
            waiting |= await self._ledger.do(partial(self._structure, others))
        chunks = self._ledger.replica.chunks
        coming = await self._ledger.do(partial(self._staging.readable, contents))
        for wave in waves(await self._ledger.do(partial(in_pack_order, coming, chunks))):
            waiting |= await self._contents(wave)
        return waiting

    def _day(self) -> str:
        return f"{datetime.fromtimestamp(self._seams.now_ns() / 1e9, UTC):%Y-%m-%d}"

    # --- structure -------------------------------------------------------------------------

    def _structure(self, steps: Sequence[Step]) -> set[NodeId]:
        self._disk.forget()
        waiting: set[NodeId] = set()
        self._begin([intent for step in steps if (intent := self._intent(step)) is not None])
        with self._ledger.replica.database.transaction():
            for step in steps:
                node = step.node if isinstance(step, SetAside | Remove) else step.wanted.node
                if not self._try(step, node, partial(self._one, step)):
                    waiting.add(node)
            self._disk.sync()
            self._journal.done()
        self._disk.forget()
        return waiting

    def _begin(self, intents: Sequence[Intent]) -> None:
        with self._ledger.replica.database.transaction():
            self._journal.begin(intents)

    def _intent(self, step: Step) -> Intent | None:
        """The row that a step is about to bring about."""
        match step:
            case MakeDirectory(wanted):
                return Intent(IndexRow(wanted.node, wanted.parent, wanted.name, 0, 0, 0, 0, False))
            case SetAside(node):
                row = self._index.row(node)
                return Intent(_aside(row)) if row is not None else None
            case MoveTo(wanted):
                row = self._index.row(wanted.node)
                if row is None:
                    return None
                return Intent(row._replace(parent=wanted.parent, name=wanted.name))
            case Remove(node):
                row = self._index.row(node)
                return Intent(row, leaves=True) if row is not None else None
        return None

    def _try(self, step: Step, node: NodeId, deed: Callable[[], bool]) -> bool:
        try:
            return deed()
        except (InUse, OSError) as error:
            wanted = None if isinstance(step, SetAside | Remove) else step.wanted
            path = place_of(self._index, wanted) if wanted is not None else None
            self.obstacles.met(node, path or self._index.path(node) or b"", error)
        return False

    def _one(self, step: Step) -> bool:
        match step:
            case MakeDirectory(wanted):
                return self._make_directory(wanted)
            case SetAside(node):
                return self._set_aside(node)
            case MoveTo(wanted):
                return self._move(wanted)
            case Remove(node):
                return self._remove(node)
            case Refresh(wanted):
                return self._refresh(wanted)
            case SetExecutable(wanted):
                return self._set_executable(wanted)
            case NameTaken(wanted, holder):
                path = place_of(self._index, wanted) or wanted.name
                self.obstacles.twin(path, self._index.path(holder) or b"")
                return False
        return True

    def _make_directory(self, wanted: Wanted) -> bool:
        path = place_of(self._index, wanted)
        stat = self.placer.make_directory(path) if path is not None else None
        fresh = self._seen(wanted, path, stat)
        if fresh is not None:
            self._index.put([fresh])
        return fresh is not None

    def _set_aside(self, node: NodeId) -> bool:
        row, path = self._index.row(node), self._index.path(node)
        if row is None or path is None:
            return False
        stat = self.placer.set_aside(path, row)
        if stat is None:
            self.unseen.add(_above(path))
            return False
        self._index.put([_aside(row).with_stat(stat, racy=row.racy)])
        return True

    def _move(self, wanted: Wanted) -> bool:
        row = self._index.row(wanted.node)
        old = self._index.path(wanted.node)
        new = place_of(self._index, wanted)
        self._forget_if_lost(row, old)
        if row is None or old is None or new is None:
            return False
        try:
            stat = self.placer.move(old, new, row)
        except (FileNotFoundError, NotADirectoryError):
            # The directory that it goes to has itself been moved away just now.
            self.unseen |= _all_above(new)
            return False
        if stat is None:
            self.unseen |= {_above(old), _above(new)}
            return False
        self._index.remove([row.node])
        moved = row._replace(parent=wanted.parent, name=wanted.name)
        self._index.put([moved.with_stat(stat, racy=row.racy)])
        return True

    def _forget_if_lost(self, row: IndexRow | None, path: bytes | None) -> None:
        """A row below a directory that has none says nothing; the next plan goes without it."""
        if row is not None and path is None:
            self._index.remove([row.node])

    def _remove(self, node: NodeId) -> bool:
        row = self._index.row(node)
        path = self._index.path(node)
        if row is None or path is None:
            return True
        # With a row that is still inside, nobody would look for what it stands for any more.
        if self._index.children(node) or not self.placer.remove(path, row):
            self.unseen |= {_above(path), path}
            return False
        self._index.remove([node])
        return True

    def _refresh(self, wanted: Wanted) -> bool:
        row = self._index.row(wanted.node)
        if row is not None:
            self._index.put([row._replace(packed_heads=pack_heads(wanted.heads))])
        return True

    def _set_executable(self, wanted: Wanted) -> bool:
        row, path = self._index.row(wanted.node), self._index.path(wanted.node)
        if row is None or path is None or row.executable == wanted.executable:
            return True
        stat = self._disk.lstat(path)
        if stat is None or not row.fits(stat):
            self.unseen.add(_above(path))
            return False
        self._disk.set_executable(path, wanted.executable)
        after = self._disk.lstat(path)
        told = stat._replace(executable=wanted.executable)
        # What somebody wrote in that instant is for the next scan to find.
        if after is not None and after._replace(ctime_ns=told.ctime_ns) == told:
            self._index.put([row.with_stat(after, racy=row.racy)])
        return True

    # --- contents --------------------------------------------------------------------------

    async def _contents(self, wave: Sequence[Coming]) -> set[NodeId]:
        staged = await self._staging.stage(wave)
        waiting = {each.step.wanted.node for each in wave} - self.lacking.keys()
        return waiting - await self._ledger.do(partial(self._put, staged)) if staged else waiting

    def _put(self, staged: Sequence[Staged]) -> set[NodeId]:
        """Give staged files their names; returns the nodes that are in place."""
        self._disk.forget()
        self._disk.sync()  # contents before names
        # Only now: set before the contents were written back, the time did not always last.
        for step, path, recipe in staged:
            self._disk.set_mtime(path, recipe.mtime_ns)
            if step.wanted.executable:
                self._disk.set_executable(path, True)
        rows = {step.wanted.node: self._index.row(step.wanted.node) for step, _, _ in staged}
        self._begin([self._coming(step, path, rows[step.wanted.node]) for step, path, _ in staged])
        done: dict[NodeId, IndexRow] = {}
        with self._ledger.replica.database.transaction():
            for step, path, _ in staged:
                put = partial(self._put_one, step, path, rows[step.wanted.node], done)
                self._try(step, step.wanted.node, put)
            self._index.put(done.values())
            self._disk.sync()  # names before the index
            self._journal.done()
        self._disk.forget()
        return set(done)

    def _coming(self, step: WriteContent, staged: bytes, row: IndexRow | None) -> Intent:
        stat = self._disk.lstat(staged)
        assert stat is not None, "it was staged just now"
        wanted = step.wanted
        fresh = row or new_row(wanted.node, wanted.parent, wanted.name, stat)
        return Intent(_with_content(fresh.with_stat(stat), wanted))

    def _put_one(
        self,
        step: WriteContent,
        staged: bytes,
        row: IndexRow | None,
        done: dict[NodeId, IndexRow],
    ) -> bool:
        wanted = step.wanted
        if row is not None:
            path = self._index.path(wanted.node)
            self._forget_if_lost(row, path)
            stat = self.placer.replace(staged, path, row) if path is not None else None
        else:
            path = place_of(self._index, wanted)
            stat = self.placer.put_new(staged, path) if path is not None else None
        fresh = self._seen(wanted, path, stat, row)
        if fresh is not None:
            done[wanted.node] = fresh
        return fresh is not None

    # --- what the index learns -------------------------------------------------------------

    def _seen(
        self, wanted: Wanted, path: bytes | None, stat: Stat | None, row: IndexRow | None = None
    ) -> IndexRow | None:
        """The row of what stands in place now; None when nothing does: that is looked at again."""
        if stat is None:
            if path is not None:
                self.unseen.add(_above(path))
            return None
        fresh = (
            row.with_stat(stat) if row else new_row(wanted.node, wanted.parent, wanted.name, stat)
        )
        return _with_content(fresh, wanted)


def _aside(row: IndexRow) -> IndexRow:
    return row._replace(parent=ASIDE_NODE, name=row.node.hex().encode())


def _with_content(row: IndexRow, wanted: Wanted) -> IndexRow:
    if wanted.content is None:
        return row
    heads = pack_heads(wanted.heads)
    return row._replace(digest=wanted.content.digest, packed_heads=heads)


def _all_above(path: bytes) -> set[bytes]:
    parts = path.split(b"/")
    return {b"/".join(parts[:depth]) for depth in range(len(parts))}


def _above(path: bytes) -> bytes:
    return path.rpartition(b"/")[0]
