"""From the disk to the vault: where one folder is looked at, and what is made of it.

Hints say where to look. What was found is authored, except for deletions that somebody must
approve first; contents follow once the server has them.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import trio

from cozysync.disk import Disk, DiskIndex, Findings, Ignore, Unscannable, scan
from cozysync.sync.adopt import Adoption
from cozysync.sync.anew import old_database
from cozysync.sync.bindings_file import ANEW
from cozysync.sync.footing import Footing
from cozysync.sync.guard import ASK_FROM_ENTRIES, Guard, Held, Verdict, held, known, weight
from cozysync.sync.ledger import Ledger
from cozysync.sync.observe import Job, Observer
from cozysync.sync.portions import portions
from cozysync.sync.restless import Restless
from cozysync.sync.status import Amount
from cozysync.sync.upload import Ready, Uploader
from cozysync_conflict import Kind, NodeId

# A name that vanished may be about to appear elsewhere: looked at again after so long.
VANISH_S = 0.25
# Contents authored together: the other side begins on the first while the next are read.
FILES_PER_ENTRY = 2000
# And so many bytes of them, about: the other side had nothing to do while W3 was sent as one.
BYTES_PER_ENTRY = 64 * 1024 * 1024

_HELD = "held/"


class Intake:
    """One folder's way in. `mark` at any time; `take` is for the folder's one worker.

    `unplaced` gathers nodes that are not on the disk as the vault has them: to be planned again.
    `held` are the deletions that wait for a person, None when there are none.
    """

    def __init__(
        self,
        disk: Disk,
        index: DiskIndex,
        root: Path,
        footing: Footing,
        ledger: Ledger,
        uploader: Uploader,
        share: float,
    ) -> None:
        self._disk = disk
        self._index = index
        self._footing = footing
        self._ledger = ledger
        self._uploader = uploader
        self._observer = Observer(ledger, index)
        self._anew = ANEW + str(root)
        self._held_key = _HELD + index.root.hex()
        self._guard = Guard(share, ledger.replica.settings.get_int(self._held_key))
        self._dirty: set[bytes] = set()
        self._everything = True
        self._scan_trouble: dict[bytes, Unscannable] = {}
        self._unread: dict[bytes, Unscannable] = {}
        self._restless = Restless()
        self.unplaced: set[NodeId] = set()
        self.held: Held | None = None
        self.verdict: Verdict | None = None
        self.sending = Amount()

    def mark(self, directories: Iterable[bytes] | None) -> None:
        """Something may have changed in these directories; None: anywhere."""
        if directories is None:
            self._everything = True
        else:
            self._dirty |= set(directories)

    @property
    def looks_at_all(self) -> bool:
        """Whether the next look is at the whole folder."""
        return self._everything or self._guard.held

    @property
    def is_idle(self) -> bool:
        """Whether nothing is known that is to be looked at."""
        return not self._dirty and self._restless.is_idle

    def next_look_s(self) -> float:
        """In how many seconds something is due that changes without pause; it may be never."""
        return self._restless.next_s() - trio.current_time()

    def troubles(self) -> list[Unscannable]:
        """What could not be taken in."""
        return [*(self._scan_trouble | self._unread).values(), *self._restless.troubles()]

    async def take(self) -> None:
        """Look where something may have changed, and author what has; raises `OSError`."""
        try:
            await self._take()
        except OSError:
            self.mark(None)  # what this look was for has perhaps not been seen
            raise

    async def _take(self) -> None:
        # What is held is looked for again as a whole: a partial scan would see a part or nothing.
        everything = self.looks_at_all
        self._dirty |= {_above(path) for path in self._restless.due(trio.current_time())}
        directories = None if everything else self._dirty
        self._everything, self._dirty = False, set()
        if directories is not None and not directories:
            return
        if self._guard.held:  # what came to stand in the place of something held has its row now
            self.unplaced |= await self._ledger.do(self._index.remove_unreachable)
        if everything:
            await self._ledger.do(self._adopt)
        findings = await self._scan(directories)
        if findings.vanished:
            await trio.sleep(VANISH_S)
            findings = await self._scan(directories)
        now = trio.current_time()
        jobs = await self._ledger.do(partial(self._structure, findings, directories is None, now))
        # Who looks at everything wants it as it is now.
        paths = () if everything else [job.path for job in jobs]
        wait = self._restless.postpone(paths, trio.current_time())
        jobs = [job for job in jobs if job.path not in wait]
        unread = await self._send(jobs)
        again = self._unread.keys() if directories is None else {job.path for job in jobs}
        kept = {path: each for path, each in self._unread.items() if path not in again}
        self._unread = kept | {each.path: each for each in unread}
        if everything and not unread:
            await self._ledger.do(self._adopted)

    def _adopt(self) -> None:
        replica = self._ledger.replica
        if replica.settings.get(self._anew) == b"1":
            before = old_database(replica)
            self._observer.adoption = Adoption(replica, self._index, before)

    def _adopted(self) -> None:
        """The folder has been looked through; whatever appears from now on is new."""
        if self._observer.adoption is not None:
            self._observer.adoption = None
            self._ledger.replica.settings.set(self._anew, b"0")

    async def _scan(self, directories: set[bytes] | None) -> Findings:
        if directories is not None:
            # A directory that cannot be read looks unchanged from above: it is asked again.
            troubled = {path for path in self._scan_trouble if _above(path) in directories}
            directories = directories | troubled

        def work() -> Findings:
            return scan(self._disk, self._index, Ignore.load(self._disk), directories)

        findings = await self._ledger.do(work)
        self._scan_trouble = {
            path: each
            for path, each in self._scan_trouble.items()
            if directories is not None and not {path, _above(path)} & directories
        }
        self._scan_trouble |= {each.path: each for each in findings.unscannable}
        return findings

    def _structure(self, findings: Findings, everything: bool, now_s: float) -> list[Job]:
        """Author what needs no content, unless it is held; returns what does. Work of `do`."""
        if self._footing.trouble() is not None:
            self._everything = True  # what was found is not of this folder
            return []
        is_moved = self._footing.is_moved()
        if is_moved:
            self._everything = True
        deleting = self._may_delete(findings, is_moved, now_s)
        if is_moved and everything and deleting:
            self._footing.remember()
            self._everything = False
        directories = any(each.stat.kind is Kind.DIRECTORY for each in findings.appeared)
        if findings.vanished or findings.moved or directories:
            self._disk.sync()  # else a power cut could take back what others have been told
        jobs = self._observer.structure(findings, deleting=deleting)
        self.unplaced |= self._observer.unplaced
        self._observer.unplaced = set()
        self._remember(self._guard.earlier if self.held is not None else 0)
        return jobs

    def _contents(self, ready: Sequence[Ready]) -> set[bytes]:
        """Author contents that the server has; returns the paths left out. Work of `do`."""
        if ready:
            self._disk.sync()  # a file that a power cut took would count as deleted, everywhere
        return self._observer.contents(ready)

    def _remember(self, earlier: int) -> None:
        """A restart is no approval either."""
        settings = self._ledger.replica.settings
        if earlier != settings.get_int(self._held_key):
            with self._ledger.replica.database.transaction():
                settings.set_int(self._held_key, earlier)

    def _may_delete(self, findings: Findings, is_moved: bool, now_s: float) -> bool:
        count = weight(findings.vanished, self._index)
        there = count
        if count + self._guard.earlier >= ASK_FROM_ENTRIES:
            there = known(self._index)
        if not self._guard.holds(count, there, now_s, doubtful=is_moved):
            self._hold(None)
            self._guard.passed(count, now_s)
            return True
        found = held(findings, self._index, count, self._guard.earlier, moved=is_moved)
        self._hold(found)
        verdict = self.verdict
        if verdict is None or verdict.seen != found.seen:
            return False
        verdict.taken = True
        if not verdict.allow:
            self._put_back(found.nodes)
        self._guard.decided()
        self._footing.remember()
        self._hold(None)
        return verdict.allow

    def _hold(self, found: Held | None) -> None:
        """Hold these; what was held and is not any more has not been planned meanwhile."""
        before, self.held = self.held, found
        if before is not None:
            self.unplaced |= before.nodes - (found.nodes if found is not None else frozenset())

    def _put_back(self, nodes: frozenset[NodeId]) -> None:
        """Forget that these were ever here: the next plan brings them from the vault."""
        with self._ledger.replica.database.transaction():
            self._index.remove(nodes)

    async def _send(self, jobs: Sequence[Job]) -> list[Unscannable]:
        """Send and author contents; returns the files that could not be read."""
        unread: list[Unscannable] = []
        at = 0
        for some in portions(jobs, lambda job: job.size, BYTES_PER_ENTRY, FILES_PER_ENTRY):
            self.sending = Amount(len(jobs) - at)
            uploader = self._uploader
            ready = await uploader.run(self._disk, some, self._restless.wants_moment)
            left = await self._ledger.do(partial(self._contents, ready))
            taken = {job.path for job, _, _ in ready} - left
            self._note(taken)
            unread += uploader.unread
            taken |= {path for path, _ in uploader.moved}
            self._dirty |= {_above(job.path) for job in some if job.path not in taken}
            if uploader.full:  # the rest would be refused as well, one by one
                self._dirty |= {_above(job.path) for job in jobs[at:]}
                break
            at += len(some)
        self.sending = Amount()
        return unread

    def _note(self, taken: set[bytes]) -> None:
        """How much rest each file gave to its reader."""
        now, cost = trio.current_time(), self._uploader.cost_s
        moved = dict(self._uploader.moved)
        for path, reason in moved.items():
            self._restless.moved(path, now, cost[path], reason)
        for path in taken - moved.keys():
            self._restless.read(path, now, cost[path])
        self._restless.gone(cost.keys() - taken - moved.keys())


def _above(path: bytes) -> bytes:
    return path.rpartition(b"/")[0]
