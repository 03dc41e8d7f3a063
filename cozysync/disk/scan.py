"""What a person did to the folder: the disk compared with the index.

How to think about it. A watcher only says where to look; the scan lists those directories (or
all) and compares. *Path first*: a name that is still there is the same node with new content,
which makes editors' save-by-rename a plain edit. Only what is then left over is matched by
inode: an entry whose inode belongs to a row that has left its place is a move, provided size and
time of change agree, for inodes are used again at once. When the node whose place it took is
itself found elsewhere, both are moves: that is how two names are swapped.

Where a directory cannot be read, nothing in it counts as vanished.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from cozysync.disk.databases import without_companions
from cozysync.disk.ignore import Ignore
from cozysync.disk.index import ASIDE, ASIDE_NODE, DiskIndex, IndexRow
from cozysync.disk.posix import PRIVATE, Disk, Stat
from cozysync_conflict import Kind, NodeId

# A file changed less than this before it was looked at could change again within the same tick
# of the file system's clock; 20 ms is twice the coarsest tick of common kernels.
RACY_NS = 20_000_000


@dataclass(eq=False, slots=True)
class Appeared:
    """Something new. `parent` is a node that has a row, or another thing that appeared."""

    parent: "NodeId | Appeared"
    name: bytes
    path: bytes
    stat: Stat


@dataclass(frozen=True, slots=True)
class Changed:
    """A file or link whose content must be looked at again."""

    row: IndexRow
    path: bytes
    stat: Stat


@dataclass(frozen=True, slots=True)
class Moved:
    """A node that stands elsewhere now."""

    row: IndexRow
    parent: "NodeId | Appeared"
    name: bytes
    path: bytes
    stat: Stat


@dataclass(frozen=True, slots=True)
class Vanished:
    """A topmost node that is gone, and all rows below it, directories before what they hold."""

    root: IndexRow
    rows: tuple[IndexRow, ...]


@dataclass(frozen=True, slots=True)
class Unscannable:
    """Something that cannot be synced, with one reason and one remedy."""

    path: bytes
    reason: str
    remedy: str


@dataclass(slots=True)
class Findings:
    """All that a scan found; empty lists mean that disk and index agree.

    `settled` are rows whose stat changed without meaning anything.
    """

    changed: list[Changed] = field(default_factory=list)
    appeared: list[Appeared] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)
    vanished: list[Vanished] = field(default_factory=list)
    settled: list[IndexRow] = field(default_factory=list)
    unscannable: list[Unscannable] = field(default_factory=list)


def is_racy(stat: Stat, now_ns: int) -> bool:
    """Whether a file could change again without its stat showing it.

    Judged by the change time, which only the system's clock sets: a file may carry any mtime.
    """
    return abs(now_ns - stat.ctime_ns) <= RACY_NS


def scan(
    disk: Disk, index: DiskIndex, ignore: Ignore, directories: Iterable[bytes] | None = None
) -> Findings:
    """Compare these directories (None: the whole folder) with the index.

    Directories that are new or moved are always looked through to the bottom.
    """
    disk.forget()
    run = _Scan(disk, index, ignore, everything=directories is None)
    run.look([b"", ASIDE] if directories is None else directories)
    disk.forget()
    return run.findings


@dataclass(frozen=True, slots=True)
class _Loose:
    """An entry that is not simply what the index has at its place."""

    parent: "NodeId | Appeared"
    name: bytes
    path: bytes
    stat: Stat
    displaced: IndexRow | None


class _Scan:
    def __init__(self, disk: Disk, index: DiskIndex, ignore: Ignore, *, everything: bool) -> None:
        self._disk = disk
        self._index = index
        self._ignore = ignore
        self._everything = everything
        self._queue: list[tuple[bytes, NodeId | Appeared]] = []
        self._looked: set[bytes] = set()
        self._loose: list[_Loose] = []
        self._missing: dict[NodeId, IndexRow] = {}
        self._unlisted: set[NodeId] = set()
        self._claimed: set[NodeId] = set()
        self.findings = Findings()

    def look(self, directories: Iterable[bytes]) -> None:
        for path in directories:
            self._enqueue_known(path)
        self._drain()
        inodes = {each.stat.inode for each in self._loose}
        # Directories first and from the top, so that what they hold is compared with the rows of
        # whatever they turn out to be. Files once everything is listed: before, one that was
        # swapped into a directory would not have been met, and count as overwritten.
        while found := [each for each in self._loose if each.stat.kind is Kind.DIRECTORY]:
            self._loose = [each for each in self._loose if each.stat.kind is not Kind.DIRECTORY]
            for each in sorted(found, key=_path):
                self._settle(each, inodes)
            self._drain()
            inodes |= {each.stat.inode for each in self._loose}
        while self._loose:
            batch, self._loose = sorted(self._loose, key=_path), []
            for each in batch:
                self._settle(each, inodes)
        self._vanish()

    # --- looking ---------------------------------------------------------------------------

    def _enqueue_known(self, path: bytes) -> None:
        """Queue the directory, or the nearest one above it that is still the one in the index.

        What has taken the place of another directory, or of a file, is new where it is listed.
        What stands aside is looked at only when somebody asks for it.
        """
        known, node = b"", self._index.root
        if path == ASIDE or path.startswith(ASIDE + b"/"):
            known, node, path = ASIDE, ASIDE_NODE, path[len(ASIDE) + 1 :]
        for name in path.split(b"/") if path else ():
            inner = _join(known, name)
            row, stat = self._index.at(node, name), self._disk.lstat(inner)
            if row is None or stat is None or row.kind is not Kind.DIRECTORY or not row.fits(stat):
                break
            known, node = inner, row.node
        self._queue.append((known, node))

    def _drain(self) -> None:
        while self._queue:
            path, node = self._queue.pop()
            if path not in self._looked:
                self._looked.add(path)
                self._list(path, node)

    def _list(self, path: bytes, node: "NodeId | Appeared") -> None:
        known = node if not isinstance(node, Appeared) else None
        expected = self._index.expected(known) if known is not None else {}
        try:
            entries = without_companions(self._disk, path, list(self._disk.listing(path)))
        except FileNotFoundError:
            return  # gone meanwhile: the directory above will tell
        except OSError as error:
            self._refuse(path, f"the directory cannot be read: {error.strerror}")
            return
        for name, stat in entries:
            then = expected.pop(name, None)
            if then == stat:
                continue
            row = self._index.at(known, name) if known is not None and then is not None else None
            self._entry(_join(path, name), node, name, stat, row)
        for name in expected if node != ASIDE_NODE else ():
            if known is not None and (row := self._index.at(known, name)) is not None:
                self._missing[row.node] = row
                self._unlisted.add(row.node)

    def _entry(
        self,
        path: bytes,
        parent: "NodeId | Appeared",
        name: bytes,
        stat: Stat,
        row: IndexRow | None,
    ) -> None:
        if path == PRIVATE or (row is None and parent == ASIDE_NODE):
            return
        if row is not None and stat.kind is Kind.DIRECTORY and row.fits(stat):
            if self._everything:
                self._queue.append((path, row.node))
            return
        ruled = name if path.startswith(ASIDE + b"/") else path
        if row is None and self._ignore.covers(ruled, directory=stat.kind is Kind.DIRECTORY):
            return
        if stat.kind is None:
            self._refuse(path, "it is a socket, pipe or device, which cannot be synced")
            return
        if row is not None and row.kind is stat.kind and row.inode == stat.inode:
            self.findings.changed.append(Changed(row, path, stat))
            return
        if row is not None and row.kind is not stat.kind:
            self._missing[row.node] = row
            row = None
        self._loose.append(_Loose(parent, name, path, stat, row))

    def _refuse(self, path: bytes, reason: str) -> None:
        remedy = "Mend that, move it out of the folder, or name it in .cozyignore."
        self.findings.unscannable.append(Unscannable(path, reason, remedy))

    # --- who is who ------------------------------------------------------------------------

    def _settle(self, entry: _Loose, inodes: set[int]) -> None:
        displaced = entry.displaced
        mover = self._mover(entry)
        if mover is not None and displaced is not None and displaced.inode not in inodes:
            other = self._other_half(mover, displaced)
            if other is not None:
                self._loose.append(other)
            else:
                mover = None  # path first: who stood here is nowhere else, so it was replaced
        if mover is not None:
            if displaced is not None:
                self._missing[displaced.node] = displaced
            self._claimed.add(mover.node)
            self.findings.moved.append(
                Moved(mover, entry.parent, entry.name, entry.path, entry.stat)
            )
            if entry.stat.kind is Kind.DIRECTORY:
                self._queue.append((entry.path, mover.node))
        elif displaced is not None and displaced.node not in self._claimed:
            self._claimed.add(displaced.node)  # whatever else is met, this node stands here
            if entry.stat.kind is Kind.DIRECTORY:
                self.findings.settled.append(displaced.with_stat(entry.stat))
                self._queue.append((entry.path, displaced.node))
            else:
                self.findings.changed.append(Changed(displaced, entry.path, entry.stat))
        else:
            new = Appeared(entry.parent, entry.name, entry.path, entry.stat)
            self.findings.appeared.append(new)
            if entry.stat.kind is Kind.DIRECTORY:
                self._queue.append((entry.path, new))

    def _other_half(self, mover: IndexRow, displaced: IndexRow) -> _Loose | None:
        """What stands where the mover stood, in a directory that is not looked at: the displaced.

        Two files that were swapped, of which a hint told by halves, are moves and no edits.
        """
        path = self._index.path(mover.node) if mover.kind is not Kind.DIRECTORY else None
        stat = self._disk.lstat(path) if path is not None else None
        if path is None or stat is None or stat.inode != displaced.inode:
            return None
        if stat.kind is not displaced.kind or not _looks_like(displaced, stat):
            return None
        return _Loose(mover.parent, mover.name, path, stat, mover)

    def _mover(self, entry: _Loose) -> IndexRow | None:
        """The row whose node this entry is, having left its own place."""
        for row in self._index.with_inode(entry.stat.inode):
            if row.kind is not entry.stat.kind or row.node in self._claimed:
                continue
            if not self._is_same(row, entry.path, entry.stat) or self._holds(row):
                continue
            return row
        return None

    def _is_same(self, row: IndexRow, path: bytes, stat: Stat) -> bool:
        """Whether an entry with the row's inode is that node, and not a new one.

        File systems give the inodes of what was deleted to what is created next. A directory's
        times change with what it holds, so it is known by something that it still holds.
        """
        if _looks_like(row, stat):
            return True
        if row.kind is not Kind.DIRECTORY:
            return False
        known = {child.name: child for child in self._index.children(row.node)}
        try:
            listed = self._disk.listing(path)
            found = [(known[each.name], each) for each in listed if each.name in known]
        except OSError:
            return False
        return any(
            child.kind is each.stat.kind
            and child.inode == each.stat.inode
            and self._is_same(child, _join(path, each.name), each.stat)
            for child, each in found
        )

    def _holds(self, row: IndexRow) -> bool:
        """Whether the row's own place still holds it, or what a program put in its stead."""
        if row.node in self._unlisted:
            return False  # a disk that folds names finds it under the old one, too
        path = self._index.path(row.node)
        stat = self._disk.lstat(path) if path is not None else None
        if stat is None or stat.kind is not row.kind:
            return False
        if stat.inode == row.inode:
            return True
        # Path first, unless what stands there came from another place itself: a swap.
        return not any(
            other.kind is row.kind and (row.kind is Kind.DIRECTORY or _looks_like(other, stat))
            for other in self._index.with_inode(stat.inode)
        )

    # --- who is gone -----------------------------------------------------------------------

    def _vanish(self) -> None:
        gone = {node: row for node, row in self._missing.items() if node not in self._claimed}
        for row in gone.values():
            if row.parent in gone:
                continue
            below = tuple(self._below(row)) if row.kind is Kind.DIRECTORY else ()
            self.findings.vanished.append(Vanished(row, below))

    def _below(self, row: IndexRow) -> Iterable[IndexRow]:
        for child in self._index.children(row.node):
            if child.node in self._claimed:
                continue
            yield child
            if child.kind is Kind.DIRECTORY:
                yield from self._below(child)


def _path(entry: _Loose) -> bytes:
    return entry.path


def _looks_like(row: IndexRow, stat: Stat) -> bool:
    sized = row.kind is Kind.DIRECTORY or row.size == stat.size
    return sized and row.mtime_ns == stat.mtime_ns


def _join(path: bytes, name: bytes) -> bytes:
    return path + b"/" + name if path else name
