"""When a great deal has vanished: hold it, and ask.

An unmounted disk, an emptied folder or a runaway script looks just like a person deleting
everything; the difference is whether somebody meant it. `rm -rf` takes its time and is seen in
pieces, so pieces that follow each other are added up.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cozysync.disk import DiskIndex, Findings, IndexRow, Vanished
from cozysync_conflict import Kind, NodeId

# Below this many entries a folder may be emptied without a question: bringing so few back from
# history is less trouble than being asked.
ASK_FROM_ENTRIES = 50
# Deletions closer together than this are one deed. Removing a million files takes minutes.
WINDOW_S = 600.0
# So many of the topmost entries are named to the person who is to decide.
NAMED = 20

_REPOSITORY = b".git"


class Guard:
    """Holds deletions that take more than `share` (0 to 1) of a folder's entries.

    `earlier` entries were deleted shortly before a hold that has outlived a restart; 0 for none.
    """

    def __init__(self, share: float, earlier: int = 0) -> None:
        self._share = share
        self._passed: deque[tuple[float, int]] = deque()
        self.held = earlier > 0
        if earlier:
            self._passed.append((float("-inf"), earlier))

    def holds(self, vanishing: int, known: int, now_s: float, *, doubtful: bool = False) -> bool:
        """Whether a person must approve that `vanishing` of `known` entries are deleted.

        `now_s` is of a clock that never jumps. When it is `doubtful` that this is the folder that
        was looked at before, every deletion is held. What went through before a hold is not
        forgotten as long as it lasts, or waiting would be an approval.
        """
        while not self.held and self._passed and self._passed[0][0] < now_s - WINDOW_S:
            self._passed.popleft()
        gone, whole = vanishing + self.earlier, known + self.earlier
        many = gone >= ASK_FROM_ENTRIES and gone > whole * self._share
        self.held = vanishing > 0 and (many or doubtful)
        return self.held

    @property
    def earlier(self) -> int:
        """How many entries were deleted in the time that is remembered."""
        return sum(count for _, count in self._passed)

    def passed(self, count: int, now_s: float) -> None:
        """So many entries were deleted just now."""
        if count:
            self._passed.append((now_s, count))

    def decided(self) -> None:
        """A person has decided: what was before is no reason to ask again."""
        self._passed.clear()
        self.held = False


@dataclass(frozen=True, slots=True)
class Held:
    """Deletions that wait for a person. `seen` stands for just these, and no others.

    `earlier` entries were deleted in the minutes before, and are in the history. `entries` are
    paths of topmost ones, at most `NAMED`; `nodes` are all. `moved`: the folder is on another disk
    than before, or a copy of it.
    """

    count: int
    known: int
    earlier: int
    seen: str
    entries: tuple[str, ...]
    nodes: frozenset[NodeId]
    moved: bool = False

    @property
    def reason(self) -> str:
        """What happened, in a sentence."""
        gone, whole = self.count + self.earlier, self.known + self.earlier
        if self.moved:
            return (
                f"the folder is another one than before, or a copy of it, and {self.count} of "
                f"{self.known} entries are not in it; nothing was deleted elsewhere"
            )
        if not self.earlier:
            return f"{gone} of {whole} entries have vanished at once; nothing was deleted elsewhere"
        return (
            f"{gone} of {whole} entries have vanished at once, or nearly so; the last {self.count} "
            "were not deleted elsewhere"
        )


@dataclass(slots=True)
class Verdict:
    """A person's decision about what was shown as `seen`; `taken` once it was carried out."""

    seen: str
    allow: bool
    taken: bool = False


def weight(vanished: Sequence[Vanished], index: DiskIndex) -> int:
    """How many entries these are to a person: what a repository keeps inside is not counted.

    `git gc` replaces thousands of objects by one pack, and nobody has deleted anything.
    """
    count = 0
    for gone in vanished:
        path = index.path(gone.root.node) or b""
        if any(_is_repository(name) for name in path.split(b"/")[:-1]):
            continue
        inside: set[NodeId] = set()
        for row in (gone.root, *gone.rows):
            if row.parent in inside:
                inside.add(row.node)
                continue
            count += 1
            if row.kind is Kind.DIRECTORY and _is_repository(row.name):
                inside.add(row.node)
    return count


def known(index: DiskIndex) -> int:
    """How many entries a folder has, counted in the same way."""
    return index.count() - index.count_below(_is_repository)


def held(
    findings: Findings, index: DiskIndex, count: int, earlier: int, *, moved: bool = False
) -> Held:
    """What is to be shown to the person. Work of `Ledger.do`."""
    rows = [row for gone in findings.vanished for row in (gone.root, *gone.rows)]
    roots = sorted(index.path(gone.root.node) or gone.root.name for gone in findings.vanished)
    return Held(
        count=count,
        known=known(index),
        earlier=earlier,
        seen=_seen(rows),
        entries=tuple(path.decode(errors="replace") for path in roots[:NAMED]),
        nodes=frozenset(row.node for row in rows),
        moved=moved,
    )


def _seen(rows: Sequence[IndexRow]) -> str:
    return sha256(b"".join(sorted(row.node for row in rows))).hexdigest()[:16]


def _is_repository(name: bytes) -> bool:
    return name.endswith(_REPOSITORY)
