"""One bound folder, kept in sync: watch, scan, author, plan, place, and again.

A folder does one thing at a time, so its scan never sees its own placing half done. Nothing that
is left to do is stored: after a kill the first full scan and the first full plan find it again.
"""

import contextlib
import math
import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import trio

from cozysync.disk import DiskIndex, Fold, empty_trash, probe_fold
from cozysync.replica import FolderRow
from cozysync.sync.config import EngineConfig
from cozysync.sync.download import Downloader
from cozysync.sync.explain import Circumstances, Explanation, explain
from cozysync.sync.footing import Footing
from cozysync.sync.guard import Held, Verdict
from cozysync.sync.intake import Intake
from cozysync.sync.ledger import Ledger
from cozysync.sync.link import Link
from cozysync.sync.placing import Placing
from cozysync.sync.plan import Step, plan
from cozysync.sync.remote import Remote
from cozysync.sync.seams import Seams
from cozysync.sync.signal import Signal
from cozysync.sync.status import CLOCK_TOLERANCE_S, Amount, Blocked, FolderStatus, State
from cozysync.sync.upload import Uploader
from cozysync.sync.wanted import FolderTree
from cozysync_conflict import NodeId

# Events of one deed come within a few milliseconds; waiting longer only adds to the delay.
SETTLE_S = 0.01
# What could not be placed is tried again after so long, or when anything changes.
RETRY_S = 5.0


class FolderSync:
    """A folder's worker. `run` it in a nursery; ask `status` at any time."""

    def __init__(
        self,
        row: FolderRow,
        node: NodeId,
        ledger: Ledger,
        link: Link,
        remote: Remote,
        seams: Seams,
        config: EngineConfig,
    ) -> None:
        self.row = row
        self.node = node
        self._ledger = ledger
        self._link = link
        self._config = config
        self._seams = seams
        self._disk = seams.ground.disk(row.path)
        self._footing = Footing(seams.ground, self._disk, row.path, ledger.replica.settings)
        self._index = DiskIndex(ledger.replica.database.connection, node)
        self._tree = FolderTree(ledger.replica.tree, node, ledger.merges.is_waiting)
        self._uploader = Uploader(ledger, link, remote, seams, config.uploads)
        self._intake = Intake(
            self._disk,
            self._index,
            row.path,
            self._footing,
            ledger,
            self._uploader,
            config.mass_delete_share,
        )
        downloader = Downloader(ledger, link, remote, seams, config.downloads)
        self._placing = Placing(self._disk, self._index, ledger, downloader, seams)
        self._watcher = seams.ground.watch(row.path)
        self._wake = Signal()
        self._touched: set[NodeId] = set()
        self._planned_all = False
        self._fold: Fold | None = None
        self._is_probed = False
        self._next_full_look = -math.inf
        self._tidied = ""
        self._rounds = 0
        self._progress = trio.Event()
        self._busy = True
        self._receiving = Amount()
        self._totals = (0, 0)
        self._trouble: Blocked | None = None

    # --- from outside ----------------------------------------------------------------------

    def touched(self, nodes: set[NodeId]) -> None:
        """The vault changed these nodes."""
        self._touched |= nodes
        self._wake.set()

    def woken(self) -> None:
        """The machine slept, or this process did: hints may be lost."""
        self._intake.mark(None)
        self._wake.set()

    def arrived(self) -> None:
        """Chunks that could not be had have a place again."""
        self.touched(set(self._placing.lacking))

    async def look(self) -> None:
        """Look through the whole folder once more, and return when that is done."""
        # A round that is under way may be past what changed just now: then the next one counts.
        goal = self._rounds + (2 if self._busy else 1)
        while self._rounds < goal:
            self._intake.mark(None)
            self._wake.set()
            await self._progress.wait()

    @property
    def held(self) -> Held | None:
        """Deletions that wait for a person."""
        return self._intake.held

    async def decide(self, seen: str, *, allow: bool) -> bool:
        """Delete elsewhere what is held, or bring it back; False when it is not as seen."""
        self._intake.verdict = verdict = Verdict(seen, allow)
        try:
            await self.look()
        finally:
            self._intake.verdict = None
        return verdict.taken

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left to do that is known of."""
        waits = self._touched or self._placing.unseen
        return self._intake.is_idle and not (self._busy or waits)

    async def explain(self, path: Path, unsent: int) -> Explanation:
        """Why a path in this folder is, or is not, in sync."""
        around = Circumstances(self._blocked(), self.held, self._link.reachable, unsent)
        below = os.fsencode(path.relative_to(self.row.path))
        work = partial(
            explain, str(path), b"" if below == b"." else below,
            self._disk, self._index, self._tree, around,
        )  # fmt: skip
        return await self._ledger.do(work)

    def reasons(self) -> list[str]:
        """What keeps the folder from being in sync, a sentence each."""
        return [f"{each.path}: {each.reason}" for each in self._blocked()]

    def status(self) -> FolderStatus:
        """The folder, now."""
        blocked = self._blocked()
        state = State.ATTENTION if blocked else State.IN_SYNC if self.is_idle else State.SYNCING
        return FolderStatus(
            path=str(self.row.path),
            name=self.row.name,
            state=state,
            files=self._totals[0],
            bytes=self._totals[1],
            to_send=self._intake.sending,
            to_receive=self._receiving,
            watching=self._watcher.how,
            blocked=tuple(blocked),
        )

    # --- the loop --------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the folder in sync until cancelled."""
        self._ledger.listeners.append(self.touched)
        self._ledger.arrivals.append(self.arrived)
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(self._watch)
                while True:
                    await self._round()
                    await self._tidy()
                    await self._wake.wait_at_most(self._pause())
                    await trio.sleep(SETTLE_S)
        finally:
            self._ledger.listeners.remove(self.touched)
            self._ledger.arrivals.remove(self.arrived)
            self._uploader.close()
            self._disk.close()

    async def _watch(self, *, task_status: trio.TaskStatus[None]) -> None:
        begun = False
        async for directories in self._watcher.dirty():
            if not begun:
                # The first look comes after the watch stands: nothing falls between the two.
                begun = True
                task_status.started()
            self._intake.mark(directories)
            self._wake.set()

    async def _tidy(self) -> None:
        """Once a day, and between rounds: the disk is for one thing at a time."""
        oldest = max(self._seams.now_ns() / 1e9 - self._config.trash_days * 86_400, 0)
        day = f"{datetime.fromtimestamp(oldest, UTC):%Y-%m-%d}"
        # A clock that is ahead would make today's trash look old.
        doubted = not self._link.trusts_clock(CLOCK_TOLERANCE_S)
        if day == self._tidied or doubted or self._trouble is not None:
            return
        self._tidied = day
        with contextlib.suppress(OSError):  # the next round tells what is wrong with the disk
            await self._ledger.do(partial(empty_trash, self._disk, day))

    def _pause(self) -> float:
        if self._trouble is not None or self._touched or not self._intake.is_idle:
            pause = min(RETRY_S, self._intake.next_look_s())
        else:
            pause = self._next_full_look - trio.current_time()
        return max(pause, 0)

    async def _round(self) -> None:
        self._busy = True
        try:
            # Told only when the round is over, so that who asks meanwhile hears of the last one.
            self._trouble = await self._there_and_back()
        except OSError as error:
            self._trouble = Blocked(
                str(self.row.path),
                f"the disk does not do its work: {error.strerror or error}",
                "Free space if the disk is full, and check it; syncing goes on by itself.",
            )
        finally:
            self._disk.forget()  # or nobody could unmount it
            self._busy = False
            self._rounds += 1
            self._progress.set()
            self._progress = trio.Event()

    async def _there_and_back(self) -> Blocked | None:
        """Disk to vault and vault to disk; what stands in the way of the whole folder, if any."""
        if (trouble := await self._ledger.do(self._footing.trouble)) is not None:
            return trouble
        await self._ready_to_look()
        if self._intake.looks_at_all:  # what the server lost may be there again
            self._touched |= self._placing.lacking.keys()
        self._intake.mark(self._placing.unseen)
        self._placing.unseen = set()
        await self._intake.take()
        if (trouble := await self._ledger.do(self._footing.trouble)) is not None:
            return trouble  # it went while it was looked at
        self._touched |= self._intake.unplaced
        self._intake.unplaced = set()
        await self._place()
        self._totals = await self._ledger.do(self._index.totals)
        if self._intake.held is None:
            return None
        return Blocked(
            str(self.row.path),
            self._intake.held.reason,
            f"If they are meant to go: cozysync approve '{self.row.path}'. To have them back from "
            f"the vault: cozysync approve --deny '{self.row.path}'.",
        )

    async def _ready_to_look(self) -> None:
        if self._placing.broken_off:
            await self._ledger.do(self._placing.recover)
            self._intake.mark(None)
        if not self._is_probed:
            self._fold = await self._ledger.do(partial(probe_fold, self._disk))
            self._is_probed = True
        if trio.current_time() >= self._next_full_look:
            # Whatever a hint or a plan has missed is found now, at the latest.
            self._next_full_look = trio.current_time() + self._config.scan_interval_s
            self._intake.mark(None)
            await self._ledger.do(self._index.remove_unreachable)
            self._planned_all = False

    # --- vault to disk ---------------------------------------------------------------------

    async def _place(self) -> None:
        touched, self._touched = self._touched, set()
        for node in touched:
            self._placing.lacking.pop(node, None)
        steps = await self._ledger.do(partial(self._plan, touched))
        if not steps:
            self._placing.obstacles.noted = []
            return
        self._receiving = Amount(len(steps))
        try:
            waiting = await self._placing.take(steps)
        except OSError:
            self._planned_all = False  # nothing is forgotten: the next round plans all of it again
            raise
        self._receiving = Amount()
        self._touched |= waiting
        if self._placing.unseen and self._intake.held is None:
            self._wake.set()  # what is in the way of something held is there until it is decided

    def _plan(self, touched: set[NodeId]) -> list[Step]:
        nodes: set[NodeId] = touched
        if not self._planned_all:
            nodes = touched | set(self._tree.everything()) | set(self._index.nodes())
            self._planned_all = True
        if self._intake.held is not None:
            # Gone from here and not from the vault: they are placed or deleted when it is decided.
            nodes = nodes - self._intake.held.nodes
        return plan(nodes, self.node, self._tree.at_rest(), self._index, self._fold)

    # --- odds and ends ---------------------------------------------------------------------

    def _blocked(self) -> list[Blocked]:
        found = [
            Blocked(
                str(self.row.path / each.path.decode(errors="replace")), each.reason, each.remedy
            )
            for each in (*self._intake.troubles(), *self._placing.obstacles.noted)
        ]
        found += [
            Blocked(str(self.row.path / path.decode(errors="replace")), *_LACKING)
            for path in self._placing.lacking.values()
        ]
        return [self._trouble, *found] if self._trouble is not None else found


_LACKING = (
    "its content cannot be had: the server lost it or gives out something else, or the device "
    "that wrote it said wrong things of it",
    "A device that still holds it sends it anew by itself; cozysync verify tells what is missing. "
    "Otherwise bring back an older version: cozysync restore.",
)
