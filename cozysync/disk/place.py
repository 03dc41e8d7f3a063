"""Changing the disk without overwriting what has not been seen.

Every step compares the disk with the index row that it goes by, in the same breath in which it
changes it. What does not fit stays as the person left it, and the step answers `False`: a scan
will find the difference. What is replaced or removed goes to the trash. A database that a
program has open is left alone, and `InUse` raised.

A step is not durable by itself: call `Disk.sync` before the index says that it happened.
"""

import errno
from collections.abc import Callable, Iterable, Iterator

from cozysync.disk.alone import alone
from cozysync.disk.databases import InUse, is_database, is_unfinished
from cozysync.disk.index import ASIDE, DiskIndex, IndexRow
from cozysync.disk.journal import Intent
from cozysync.disk.posix import PRIVATE, Disk, Stat
from cozysync.disk.trash import TRASH
from cozysync_conflict import Kind, NodeId

STAGING = PRIVATE + b"/staging"

# The thing, or a directory above it, was moved or deleted by somebody since it was looked at.
_AWAY = (FileNotFoundError, NotADirectoryError)


class Placer:
    """The steps that change one folder. `day` gives the trash's directory name for today."""

    def __init__(self, disk: Disk, day: Callable[[], str]) -> None:
        self._disk = disk
        self._day = day

    def staged(self, node: NodeId) -> bytes:
        """The path at which a node's new content is prepared; whatever was there is removed."""
        path = _staged(node)
        if self._disk.lstat(path) is not None:
            self._disk.unlink(path)
        return path

    def put_new(self, staged: bytes, path: bytes) -> Stat | None:
        """Give what is staged a name that is free; None when it is not, or lies nowhere now."""
        coming = self._disk.lstat(staged)
        try:
            self._disk.rename(staged, path)
        except (FileExistsError, *_AWAY):
            return None
        return self._as_put(path, coming)

    def replace(self, staged: bytes, path: bytes, row: IndexRow) -> Stat | None:
        """Put what is staged in the place of the content that `row` saw; None when it changed."""
        before = self._fitting(path, row)
        if before is None:
            return None
        coming = self._disk.lstat(staged)
        with alone(self._disk, path, before) as is_alone:
            try:
                exchanged = self._disk.exchange(staged, path)
            except _AWAY:
                return None
            if not exchanged:
                return self._replace_slowly(staged, path, row)
            old = self._disk.lstat(staged)
            if not is_alone() or old is None or not _is_same(row, old):
                self._exchange_back(staged, path, coming)
                return None
        self._discard(staged, path)
        return self._as_put(path, coming)

    def _exchange_back(self, staged: bytes, path: bytes, coming: Stat | None) -> None:
        try:
            self._disk.exchange(staged, path)
        except OSError:  # as when somebody took away what had just come: theirs takes its place
            self.give_back(staged, path)
            return
        if self._as_put(staged, coming) is coming:
            self.give_back(staged, path)  # somebody wrote in that instant: keep both

    def remove(self, path: bytes, row: IndexRow) -> bool:
        """Take a node off the disk; False when it changed, or a directory holds something."""
        if row.kind is Kind.DIRECTORY:
            return self._remove_directory(path)
        if self._disk.lstat(path) is None:
            return True
        # By way of aside: from there a kill or a full disk lets an edit of that instant come back.
        if path != _aside(row.node):
            try:
                if self.set_aside(path, row) is None:
                    return False
            except _AWAY:
                return False
        elif self._fitting(path, row) is None:
            return False
        try:
            self._discard(_aside(row.node), path)
        except OSError:
            self.give_back(_aside(row.node), path)
            raise
        return True

    def move(self, old: bytes, new: bytes, row: IndexRow) -> Stat | None:
        """Move a node to a free name; None when it changed or the name is taken."""
        before = self._fitting(old, row)
        if before is None:
            return None
        with alone(self._disk, old, before) as is_alone:
            try:
                self._disk.rename(old, new)
            except FileExistsError:
                if not self._respelt(old, new, row, before):
                    return None
            if not is_alone():
                self.give_back(new, old)
                return None
        return self._as_put(new, before)

    def _respelt(self, old: bytes, new: bytes, row: IndexRow, before: Stat) -> bool:
        """On a disk that folds names, what has the new one may be the node itself: by way of
        aside it gets there.
        """
        there = self._disk.lstat(new)
        if there is None or there.inode != before.inode:
            return False
        aside = _aside(row.node)
        self._disk.rename(old, aside)
        try:
            self._disk.rename(aside, new)
        except FileExistsError:  # it was a hard link after all
            self.give_back(aside, old)
            return False
        return True

    def set_aside(self, path: bytes, row: IndexRow) -> Stat | None:
        """Take a node out of the way; None when it changed."""
        aside = _aside(row.node)
        if self.move(path, aside, row) is None:
            return None
        moved = self._disk.lstat(aside)
        if moved is None or not (_is_same(row, moved) or _is_directory(row, moved)):
            self.give_back(aside, path)  # nobody looks for changes where it would be
            return None
        return moved

    def make_directory(self, path: bytes) -> Stat | None:
        """Make a directory; None when something else has the name, or it lies nowhere now."""
        try:
            self._disk.mkdir(path)
        except _AWAY:
            return None
        except FileExistsError:
            stat = self._disk.lstat(path)
            return stat if stat is not None and stat.kind is Kind.DIRECTORY else None
        return self._disk.lstat(path)

    def rescue(self, intents: Iterable[Intent], index: DiskIndex) -> None:
        """After a kill, before the index learns what came true: look what made room for it.

        What was replaced lies where the new was staged, or aside, as what was to leave. Unless it
        is just what the index knows, it is somebody's unseen edit.
        """
        for to_be, leaves in intents:
            row, path = index.row(to_be.node), index.path(to_be.node)
            if row is None or path is None or path == _aside(to_be.node):
                continue
            for where in self._where_it_went(to_be, leaves, row, path):
                stat = self._disk.lstat(where)
                if stat is None or (stat.inode == to_be.inode and not leaves):
                    continue
                if _is_same(row, stat):
                    self._discard(where, path)
                else:
                    self.give_back(where, path)

    def _where_it_went(
        self, to_be: IndexRow, leaves: bool, row: IndexRow, path: bytes
    ) -> Iterator[bytes]:
        """Where what made room for this may be, once it has made room."""
        if leaves:
            yield _aside(row.node)
        elif to_be.inode != row.inode:
            yield _staged(row.node)
            stat = self._disk.lstat(path)
            if stat is not None and stat.inode == to_be.inode:
                yield _aside(row.node)

    def recover(self, index: DiskIndex) -> None:
        """After a kill: give what was set aside its name back, and empty the staging."""
        for name, stat in list(self._disk.listing(ASIDE)):
            node = NodeId(bytes.fromhex(name.decode("ascii", "replace").ljust(32, "0")[:32]))
            path = index.path(node)
            if path != ASIDE + b"/" + name:
                self.give_back(ASIDE + b"/" + name, path)
            elif not self._waits(index, node, stat):
                index.remove([node])
                self.give_back(path, None)
        for name, _ in list(self._disk.listing(STAGING)):
            # An exchange may have left here what was replaced: the trash keeps it.
            self._discard(STAGING + b"/" + name, name)

    def _waits(self, index: DiskIndex, node: NodeId, stat: Stat) -> bool:
        """Whether what stands aside is what was put there; then the next plan fetches it.

        No scan comes here, so the row learns here that the rename changed the inode's time.
        """
        row = index.row(node)
        if row is None or not (_is_same(row, stat) or _is_directory(row, stat)):
            return False
        index.put([row.with_stat(stat, racy=row.racy)])
        return True

    def give_back(self, aside: bytes, path: bytes | None) -> None:
        """Give what stands aside this name, or one that tells that it was recovered."""
        if path is not None:
            try:
                self._disk.rename(aside, path)
            except (FileExistsError, *_AWAY):
                pass
            else:
                return
        name = (path or aside).rpartition(b"/")[2]
        self._disk.rename(aside, self._free(name + b" (recovered)"))

    def _free(self, name: bytes) -> bytes:
        candidate, n = name, 1
        while self._disk.lstat(candidate) is not None:
            n += 1
            candidate = name + b" %d" % n
        return candidate

    def _as_put(self, path: bytes, coming: Stat | None) -> Stat | None:
        """The stat of what has just come there; `coming` when it was changed in that instant.

        The index then knows what came, and the next scan finds the change.
        """
        stat = self._disk.lstat(path)
        if stat is None or coming is None:
            return coming
        return stat if stat._replace(ctime_ns=coming.ctime_ns) == coming else coming

    def _fitting(self, path: bytes, row: IndexRow) -> Stat | None:
        """The stat of a path, None when it is not what the row saw."""
        stat = self._disk.lstat(path)
        if stat is None or row.fits(stat):
            return stat
        # What does not fit is usually an edit; of a database with a log it is no news.
        if is_database(self._disk, path, stat) and is_unfinished(self._disk, path):
            raise InUse(path)
        return None

    def _replace_slowly(self, staged: bytes, path: bytes, row: IndexRow) -> Stat | None:
        """Without an exchange: the old one goes aside, where `recover` finds it after a kill."""
        if self.set_aside(path, row) is None:
            return None
        stat = self.put_new(staged, path)
        if stat is None:
            self.give_back(_aside(row.node), path)
            return None
        self._discard(_aside(row.node), path)
        return stat

    def _remove_directory(self, path: bytes) -> bool:
        try:
            self._disk.rmdir(path)
        except FileNotFoundError:
            return True
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                return False
            raise
        return True

    def _discard(self, path: bytes, original: bytes) -> None:
        self._disk.rename(path, self._grave(original))

    def _grave(self, path: bytes) -> bytes:
        """A free path in today's trash that tells where the thing came from."""
        *above, name = path.split(b"/")
        place = TRASH
        for part in (self._day().encode(), *above):
            # Where a file lies whose name a directory had later, the directory takes another.
            place, stat = self._first(place, part, lambda stat: stat.kind is not Kind.DIRECTORY)
            if stat is None:
                self._disk.mkdir(place)
        return self._first(place, name, lambda _: True)[0]

    def _first(
        self, place: bytes, name: bytes, is_taken: Callable[[Stat], bool]
    ) -> tuple[bytes, Stat | None]:
        """The first of `name`, `2 name`, … that is free or not taken, and what stands there."""
        candidate, n = place + b"/" + name, 1
        while (stat := self._disk.lstat(candidate)) is not None and is_taken(stat):
            n += 1
            candidate = place + b"/%d %s" % (n, name[:240])
        return candidate, stat


def _staged(node: NodeId) -> bytes:
    """Where a node's new content is prepared, and where what it replaces is for an instant."""
    return STAGING + b"/" + node.hex().encode()


def _aside(node: NodeId) -> bytes:
    """Where a node waits for the name that it is to have."""
    return ASIDE + b"/" + node.hex().encode()


def _is_directory(row: IndexRow, stat: Stat) -> bool:
    """Whether this is the row's directory, whose size and times change with what it holds."""
    return stat.kind is Kind.DIRECTORY and stat.inode == row.inode


def _is_same(row: IndexRow, stat: Stat) -> bool:
    """Whether this is what the row saw; a rename changes the time of the inode, so that is left
    out here and was compared just before."""
    return (stat.inode, stat.size, stat.mtime_ns) == (row.inode, row.size, row.mtime_ns)
