"""One bound folder, kept in sync: watch, scan, author, plan, place, and again.

A folder does one thing at a time, so its scan never sees its own placing half done. Nothing that
is left to do is stored: after a kill the first full scan and the first full plan find it again.
"""

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

import trio

from cozysync.disk import (
    DiskIndex,
    Findings,
    Ignore,
    RootState,
    Unscannable,
    empty_trash,
    scan,
)
from cozysync.replica import FolderRow
from cozysync.sync.config import EngineConfig
from cozysync.sync.download import Downloader
from cozysync.sync.guard import Guard
from cozysync.sync.ledger import Ledger
from cozysync.sync.link import Link
from cozysync.sync.observe import Job, Observer
from cozysync.sync.placing import Placing
from cozysync.sync.plan import Step, plan
from cozysync.sync.remote import Remote
from cozysync.sync.seams import Seams
from cozysync.sync.signal import Signal
from cozysync.sync.status import Amount, Blocked, FolderStatus, State, clock_trouble
from cozysync.sync.upload import Uploader
from cozysync.sync.wanted import FolderTree
from cozysync_conflict import NodeId

# Events of one deed come within a few milliseconds; waiting longer only adds to the delay.
SETTLE_S = 0.01
# A name that vanished may be about to appear elsewhere: looked at again after so long.
VANISH_S = 0.25
# Contents authored together: the other side begins on the first while the next are read.
FILES_PER_ENTRY = 2000
# What could not be placed is tried again after so long, or when anything changes.
RETRY_S = 5.0

_MARKER = "marker/"


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
        self._marker = self._remembered_marker()
        self._disk = seams.ground.disk(row.path)
        self._index = DiskIndex(ledger.replica.database.connection, node)
        self._tree = FolderTree(ledger.replica.tree, node, ledger.merges.is_waiting)
        self._observer = Observer(ledger, self._index)
        self._uploader = Uploader(ledger, link, remote, seams, config.uploads)
        downloader = Downloader(ledger, link, remote, seams, config.downloads)
        self._placing = Placing(self._disk, self._index, ledger, downloader, seams)
        self._watcher = seams.ground.watch(row.path)
        self._guard = Guard(config.mass_delete_share)
        self._wake = Signal()
        self._dirty: set[bytes] = set()
        self._everything = True
        self._touched: set[NodeId] = set()
        self._planned_all = False
        self._tidied = ""
        self._held = False
        self._rounds = 0
        self._wanted_round = 0
        self._progress = trio.Event()
        self._busy = True
        self._sending = Amount()
        self._receiving = Amount()
        self._totals = (0, 0)
        self._scan_trouble: dict[bytes, Unscannable] = {}
        self._unread: dict[bytes, Unscannable] = {}
        self._trouble: Blocked | None = None

    # --- from outside ----------------------------------------------------------------------

    def touched(self, nodes: set[NodeId]) -> None:
        """The vault changed these nodes."""
        self._touched |= nodes
        self._wake.set()

    async def look(self) -> None:
        """Look through the whole folder once more, and return when that is done."""
        self._wanted_round = max(self._wanted_round, self._rounds + 1) + 1
        self._everything = True
        self._wake.set()
        goal = self._wanted_round
        while self._rounds < goal:
            self._wake.set()
            self._everything = True
            await self._progress.wait()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left to do that is known of."""
        return not (self._busy or self._dirty or self._touched or self._placing.unseen)

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
            to_send=self._sending,
            to_receive=self._receiving,
            watching=self._watcher.how,
            blocked=tuple(blocked),
        )

    # --- the loop --------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the folder in sync until cancelled."""
        self._ledger.listeners.append(self.touched)
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(self._watch)
                await self._ledger.do(self._placing.recover)
                while True:
                    await self._round()
                    await self._tidy()
                    await self._wake.wait_at_most(self._pause())
                    await trio.sleep(SETTLE_S)
        finally:
            self._ledger.listeners.remove(self.touched)
            self._uploader.close()
            self._disk.close()

    async def _watch(self, *, task_status: trio.TaskStatus[None]) -> None:
        begun = False
        async for directories in self._watcher.dirty():
            if not begun:
                # The first look comes after the watch stands: nothing falls between the two.
                begun = True
                task_status.started()
            if directories is None:
                self._everything = True
            else:
                self._dirty |= directories
            self._wake.set()

    async def _tidy(self) -> None:
        """Once a day, and between rounds: the disk is for one thing at a time."""
        oldest = max(self._seams.now_ns() / 1e9 - self._config.trash_days * 86_400, 0)
        day = f"{datetime.fromtimestamp(oldest, UTC):%Y-%m-%d}"
        # A clock that is ahead would make today's trash look old.
        doubted = clock_trouble(self._link.clock_error_s) is not None
        if day == self._tidied or doubted or self._trouble is not None:
            return
        self._tidied = day
        with contextlib.suppress(OSError):  # the next round tells what is wrong with the disk
            await self._ledger.do(partial(empty_trash, self._disk, day))

    def _pause(self) -> float:
        troubled = self._trouble is not None
        return RETRY_S if troubled or self._touched or self._dirty else self._config.scan_interval_s

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
            self._busy = False
            self._rounds += 1
            self._progress.set()
            self._progress = trio.Event()

    async def _there_and_back(self) -> Blocked | None:
        """Disk to vault and vault to disk; what stands in the way of the whole folder, if any."""
        state = self._seams.ground.check(self.row.path, self._marker)
        if state is not RootState.OK:
            return Blocked(str(self.row.path), *_ROOT_TROUBLE[state])
        held = await self._observe()
        await self._place()
        self._totals = await self._ledger.do(self._index.totals)
        return held

    # --- disk to vault ---------------------------------------------------------------------

    async def _observe(self) -> Blocked | None:
        # What is held is looked for again as a whole: a partial scan would see a part or nothing.
        everything = self._everything or self._held
        directories = None if everything else self._dirty | self._placing.unseen
        self._everything, self._dirty = False, set()
        self._placing.unseen = set()
        if directories is not None and not directories:
            return None
        findings = await self._scan(directories)
        if findings.vanished:
            await trio.sleep(VANISH_S)
            findings = await self._scan(directories)
        known = await self._ledger.do(self._index.count)
        vanishing = sum(1 + len(gone.rows) for gone in findings.vanished)
        self._held = held = self._guard.holds(vanishing, known)
        jobs = await self._ledger.do(partial(self._observer.structure, findings, deleting=not held))
        self._touched |= self._observer.unplaced
        self._observer.unplaced = set()
        unread = await self._send(jobs)
        again = self._unread.keys() if directories is None else {job.path for job in jobs}
        kept = {path: each for path, each in self._unread.items() if path not in again}
        self._unread = kept | {each.path: each for each in unread}
        if not held:
            return None
        return Blocked(
            str(self.row.path),
            f"{vanishing} of {known} entries have vanished at once; nothing was deleted elsewhere",
            "Put them back, or, if they are meant to go, delete them in smaller steps.",
        )

    async def _scan(self, directories: set[bytes] | None) -> Findings:
        def work() -> Findings:
            return scan(self._disk, self._index, Ignore.load(self._disk), directories)

        findings = await self._ledger.do(work)
        if directories is None:
            self._scan_trouble.clear()
        self._scan_trouble |= {each.path: each for each in findings.unscannable}
        return findings

    async def _send(self, jobs: Sequence[Job]) -> list[Unscannable]:
        """Send and author contents; returns the files that could not be read."""
        unread: list[Unscannable] = []
        for at in range(0, len(jobs), FILES_PER_ENTRY):
            self._sending = Amount(len(jobs) - at)
            some = jobs[at : at + FILES_PER_ENTRY]
            ready = await self._uploader.run(self._disk, some)
            if ready:
                await self._ledger.do(partial(self._observer.contents, ready))
            taken = {job.path for job, _, _ in ready}
            unread += self._uploader.unread
            self._dirty |= {job.path.rpartition(b"/")[0] for job in some if job.path not in taken}
        self._sending = Amount()
        return unread

    # --- vault to disk ---------------------------------------------------------------------

    async def _place(self) -> None:
        touched, self._touched = self._touched, set()
        steps = await self._ledger.do(partial(self._plan, touched))
        if not steps:
            self._placing.crowded = []
            return
        self._receiving = Amount(len(steps))
        try:
            waiting = await self._placing.take(steps)
        except OSError:
            self._touched |= touched  # nothing is forgotten: the next round plans it again
            raise
        self._receiving = Amount()
        self._touched |= waiting
        if self._placing.unseen:
            self._wake.set()

    def _plan(self, touched: set[NodeId]) -> list[Step]:
        nodes: set[NodeId] = touched
        if not self._planned_all:
            nodes = touched | set(self._tree.everything()) | set(self._index.nodes())
            self._planned_all = True
        return plan(nodes, self.node, self._tree, self._index)

    # --- odds and ends ---------------------------------------------------------------------

    def _remembered_marker(self) -> str:
        """The marker that the folder bore when it was bound; made at the first start."""
        settings = self._ledger.replica.settings
        key = _MARKER + str(self.row.path)
        known = settings.get(key)
        if known is not None:
            return known.decode()
        marker = self._seams.ground.prepare(self.row.path)
        settings.set(key, marker.encode())
        return marker

    def _blocked(self) -> list[Blocked]:
        found = [
            Blocked(
                str(self.row.path / each.path.decode(errors="replace")), each.reason, each.remedy
            )
            for each in (self._scan_trouble | self._unread).values()
        ]
        found += [
            Blocked(
                str(self.row.path / each.path.decode(errors="replace")),
                f"there is no room for it: it has {each.size:,} bytes, and {each.room:,} are free",
                "Free some space on this disk; it then comes by itself.",
            )
            for each in self._placing.crowded
        ]
        return [self._trouble, *found] if self._trouble is not None else found


_ROOT_TROUBLE = {
    RootState.ABSENT: (
        "the folder is not there; nothing was deleted elsewhere",
        "Mount its disk or put it back, or unbind it: cozysync folder remove PATH.",
    ),
    RootState.FOREIGN: (
        "what stands there is not the folder that was bound (its marker .cozysync/folder is "
        "missing or another's); nothing was deleted elsewhere",
        "Mount its disk or put the right one back, or unbind it: cozysync folder remove PATH.",
    ),
    RootState.READ_ONLY: (
        "the folder cannot be written to",
        "Give yourself the right to write there, or mount its disk for writing.",
    ),
}
