"""A file system in memory, with a page cache that a crash may lose.

How to think about it. What programs see is the *live* tree. What a crash leaves is computed from
the *durable* tree (as it was at the last sync) and from what happened since: changes of names, in
order, and files whose contents or attributes were touched. Of the names a crash keeps the first
few, as ext4's journal does, or with `loosely` any set in which nothing misses what it builds on. A
file that was not synced may come back with its old content, its new one, or a torn one, whatever
became of its name.

Inodes are given out again at once, times have the grain of a kernel's tick, and a directory that
was looked up once is held open until `forget`, all as on a real disk.
"""

import errno
import heapq
import io
import os
from collections import OrderedDict
from typing import NamedTuple

from cozysync.disk import PRIVATE, Entry, Stat
from cozysync_conflict import Kind

TICK_NS = 4_000_000
PAGE = 512
_HANDLES = 64


class Node:
    """A file, link or directory as programs see it now. `writer` says who wrote its content."""

    __slots__ = ("ctime_ns", "data", "executable", "gone", "inode", "kind", "mtime_ns", "names",
                 "writer")  # fmt: skip

    def __init__(self, kind, inode, now, data=b"", writer=""):
        self.kind, self.inode, self.data, self.writer = kind, inode, data, writer
        self.mtime_ns = self.ctime_ns = now
        self.executable = False
        self.names = {}
        self.gone = False

    def stat(self):
        size = 0 if self.kind is Kind.DIRECTORY else len(self.data)
        return Stat(
            self.kind, self.inode, size, self.mtime_ns, self.ctime_ns,
            self.executable and self.kind is Kind.FILE,
        )  # fmt: skip


class Saved(NamedTuple):
    """A node as it is on the platter."""

    data: bytes
    mtime_ns: int
    executable: bool


class Renaming(NamedTuple):
    """One change of names: directory, name, and who bears it then (None for nobody)."""

    entries: tuple[tuple[Node, bytes, Node | None], ...]
    now: int

    def needs(self, earlier):
        """Whether this one builds on an earlier one."""
        slots = {(id(d), name) for d, name, _ in self.entries}
        mine = {id(n) for d, _, n in self.entries for n in (d, n) if n is not None}
        made = {id(n) for _, _, n in earlier.entries if n is not None}
        return bool(mine & made) or any((id(d), name) in slots for d, name, _ in earlier.entries)


class FileSystem:
    """The live tree, and what a crash would leave of it."""

    def __init__(self, now_ns):
        self._now_ns = now_ns
        self._free = [2]
        self._highest = 2
        self.root = Node(Kind.DIRECTORY, 1, self.now())
        self._durable_names = {self.root: {}}
        self._durable = {}
        self.renamings = []
        self.dirty = {}
        self.room = 1 << 40

    def now(self):
        now = self._now_ns()
        return now - now % TICK_NS

    # --- what programs do

    def make(self, directory, name, kind, data=b"", writer=""):
        inode = heapq.heappop(self._free)
        if not self._free:
            self._highest += 1
            heapq.heappush(self._free, self._highest)
        node = Node(kind, inode, self.now(), data, writer)
        self.touch(node, content=True)
        self.name((directory, name, node))
        return node

    def name(self, *entries):
        """Change names in one step; nodes that bear none any more are given up."""
        before = [d.names.get(name) for d, name, _ in entries]
        now = self.now()
        for directory, name, node in entries:
            if directory.gone:
                raise FileNotFoundError(errno.ENOENT, "the directory is gone", name)
            directory.mtime_ns = directory.ctime_ns = now
            if node is None:
                del directory.names[name]
            else:
                directory.names[name] = node
                node.ctime_ns = now
        self.renamings.append(Renaming(entries, now))
        kept = {id(node) for _, _, node in entries}
        for node in before:
            if node is not None and id(node) not in kept:
                node.gone = True
                heapq.heappush(self._free, node.inode)

    def write(self, node, data, writer):
        node.data, node.writer = data, writer
        node.mtime_ns = node.ctime_ns = self.now()
        self.touch(node, content=True)

    def touch(self, node, *, content=False):
        if node.kind is not Kind.DIRECTORY:
            self.dirty[node] = content or self.dirty.get(node, False)

    def sync(self):
        self._keep(self.renamings)
        self._durable |= {node: _saved(node) for node in self.dirty}
        self.renamings, self.dirty = [], {}

    # --- the crash

    def crash(self, chance, *, loosely=False):
        """Lose what chance loses."""
        if loosely:
            kept = self._any_of(chance)
        else:
            kept = self.renamings[: chance.randint(0, len(self.renamings))]
        self.come_back(kept, {
            node: _torn(node, self._durable.get(node), chance, content)
            for node, content in self.dirty.items()
        })  # fmt: skip

    def come_back(self, kept, files):
        """Come up again with these changes of names, and these states of files not synced."""
        self._keep(kept)
        self._durable |= files
        self.renamings, self.dirty = [], {}
        taken = set()
        queue = [self.root]
        for node in queue:
            node.names = dict(self._durable_names.get(node, {}))
            node.gone = False
            if node.inode in taken:  # only loosely: two that were never there together
                self._highest += 1
                node.inode = self._highest
            taken.add(node.inode)
            if node.kind is not Kind.DIRECTORY:
                node.data, node.mtime_ns, node.executable = self._durable[node]
            queue += node.names.values()
        self._highest = max(taken) + 1
        self._free = [n for n in range(2, self._highest + 1) if n not in taken]
        reached = set(queue)
        self._durable_names = {n: v for n, v in self._durable_names.items() if n in reached}
        self._durable = {n: v for n, v in self._durable.items() if n in reached}

    def saved(self, node):
        """What is on the platter of a file; None when it was never synced."""
        return self._durable.get(node)

    def _keep(self, renamings):
        for entries, now in renamings:
            for directory, name, node in entries:
                names = self._durable_names.setdefault(directory, {})
                directory_time = now
                if node is None:
                    names.pop(name, None)
                else:
                    names[name] = node
                    if node not in self._durable and node not in self.dirty:
                        self._durable[node] = _saved(node)
            directory.mtime_ns = directory_time

    def _any_of(self, chance):
        kept = []
        lost = []
        for each in self.renamings:
            if chance.random() < 0.5 or any(each.needs(other) for other in lost):
                lost.append(each)
            else:
                kept.append(each)
        return kept


def _saved(node):
    return Saved(node.data, node.mtime_ns, node.executable)


def _torn(node, old, chance, content):
    """What a crash leaves of a file whose attributes, and perhaps content, were not synced."""
    if node.kind is Kind.LINK:
        return _saved(node)
    old = old or Saved(b"", node.mtime_ns, False)
    mtime_ns = chance.choice((old.mtime_ns, node.mtime_ns))
    executable = chance.choice((old.executable, node.executable))
    match chance.randrange(4) if content else 1:
        case 0:
            data = old.data
        case 1:
            data = node.data
        case 2:
            data = node.data[: chance.randint(0, len(node.data))]
        case _:
            data = b"".join(
                (node.data if chance.random() < 0.5 else old.data.ljust(len(node.data), b"\0"))[
                    at : at + PAGE
                ]
                for at in range(0, len(node.data), PAGE)
            )
    return Saved(data, mtime_ns, executable)


class MemoryDisk:
    """A `Disk` on such a file system. `before` hears of every call, and may raise."""

    def __init__(self, files, writer="", before=lambda _deed, *_paths: None):
        self.files = files
        self._writer = writer
        self._before = before
        self._open = OrderedDict()

    # --- looking

    def listing(self, directory):
        self._before("listing", directory)
        for name, node in list(self._directory(directory).names.items()):
            if not node.gone:
                yield Entry(name, node.stat())

    def lstat(self, path):
        self._before("lstat", path)
        try:
            return self._at(path).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:
                return None
            raise

    def open(self, path):
        self._before("open", path)
        node = self._at(path)
        if node.kind is not Kind.FILE:
            code = errno.ELOOP if node.kind is Kind.LINK else errno.ENOENT
            raise OSError(code, "not a regular file any more", path)
        return _Reader(node, lambda: self._before("read", path))

    def readlink(self, path):
        self._before("readlink", path)
        node = self._at(path)
        if node.kind is not Kind.LINK:
            raise OSError(errno.EINVAL, "Invalid argument", path)
        return node.data

    def room(self):
        self._before("room")
        return self.files.room

    # --- changing

    def create(self, path):
        self._before("create", path)
        node = self._make(path, Kind.FILE)
        return _Writer(self.files, node, self._writer, lambda: self._before("write", path))

    def symlink(self, target, path):
        self._before("symlink", path)
        self._make(path, Kind.LINK, target)

    def mkdir(self, path):
        self._before("mkdir", path)
        self._make(path, Kind.DIRECTORY)

    def rmdir(self, path):
        self._before("rmdir", path)
        node = self._at(path)
        if node.kind is not Kind.DIRECTORY:
            raise NotADirectoryError(errno.ENOTDIR, "Not a directory", path)
        if node.names:
            raise OSError(errno.ENOTEMPTY, "Directory not empty", path)
        self.files.name((*self._parent(path), None))
        self.forget()

    def unlink(self, path):
        self._before("unlink", path)
        if self._at(path).kind is Kind.DIRECTORY:
            raise IsADirectoryError(errno.EISDIR, "Is a directory", path)
        self.files.name((*self._parent(path), None))

    def rename(self, old, new):
        self._before("rename", old, new)
        self._rename(old, new, replacing=False)

    def replace(self, old, new):
        """As people's programs rename: over what is there. The engine never does."""
        self._rename(old, new, replacing=True)

    def exchange(self, one, other):
        self._before("exchange", one, other)
        here, there = self._parent(one), self._parent(other)
        first, second = self._at(one), self._at(other)
        try:
            self._not_below(first, there[0], one)
            self._not_below(second, here[0], other)
        except OSError:
            return False  # EINVAL, as from a file system that cannot
        self.files.name((*here, second), (*there, first))
        self._moved(one)
        self._moved(other)
        return True

    def set_mtime(self, path, mtime_ns):
        self._before("set_mtime", path)
        node = self._at(path)
        node.mtime_ns, node.ctime_ns = mtime_ns, self.files.now()
        self.files.touch(node)

    def set_executable(self, path, executable):
        self._before("set_executable", path)
        node = self._at(path)
        if node.kind is Kind.LINK:
            raise OSError(errno.ELOOP, "Too many levels of symbolic links", path)
        node.executable, node.ctime_ns = executable, self.files.now()
        self.files.touch(node)

    def overwrite(self, path, data):
        """As people's programs write in place. The engine never does."""
        self.files.write(self._at(path), data, self._writer)

    def sync(self):
        self._before("sync")
        self.files.sync()

    def forget(self):
        self._open.clear()

    def close(self):
        self.forget()

    # --- inside

    def _at(self, path):
        if not path:
            return self.files.root
        directory, name = self._parent(path)
        if name not in directory.names:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return directory.names[name]

    def _parent(self, path):
        while len(self._open) > _HANDLES:
            self._open.popitem(last=False)
        return self._located(path)

    def _located(self, path):
        above, _, name = path.rpartition(b"/")
        if name in (b"", b".", b"..") or b"\0" in name:
            raise ValueError(f"no name for a file: {name!r}")
        return self._directory(above), name

    def _directory(self, path):
        if not path:
            return self.files.root
        if path in self._open:
            self._open.move_to_end(path)
            return self._open[path]
        directory, name = self._located(path)
        node = directory.names.get(name)
        if node is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        if node.kind is not Kind.DIRECTORY:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        self._open[path] = node
        return node

    def _make(self, path, kind, data=b""):
        directory, name = self._parent(path)
        if name in directory.names:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        if directory.gone:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return self.files.make(directory, name, kind, data, self._writer)

    def _rename(self, old, new, *, replacing):
        here, there = self._parent(old), self._parent(new)
        node = self._at(old)
        taken = there[0].names.get(there[1])
        if taken is not None and not replacing:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new)
        self._not_below(node, there[0], old)
        self.files.name((*here, None), (*there, node))
        self._moved(old)

    def _moved(self, old):
        if old in self._open or any(path.startswith(old + b"/") for path in self._open):
            self.forget()

    def _not_below(self, node, directory, path):
        queue = [node]
        for each in queue:
            if each is directory:
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
            queue += each.names.values()


class _Reader(io.RawIOBase):
    def __init__(self, node, before):
        self._node, self._before, self._place = node, before, 0

    def readable(self):
        return True

    def readinto(self, buffer):
        self._before()
        data = self._node.data[self._place : self._place + len(buffer)]
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)

    def seek(self, place, whence=os.SEEK_SET):
        assert whence in (os.SEEK_SET, os.SEEK_END)
        self._place = place + (len(self._node.data) if whence == os.SEEK_END else 0)
        return self._place


class _Writer(io.RawIOBase):
    def __init__(self, files, node, writer, before):
        self._files, self._node, self._writer, self._before = files, node, writer, before

    def writable(self):
        return True

    def write(self, data):
        self._before()
        self._files.write(self._node, self._node.data + bytes(data), self._writer)
        return len(data)


def contents(node, path=b"", *, private=False):
    """Path → node of everything below a directory, in order; cozysync's own only when asked."""
    found = {}
    for name, child in sorted(node.names.items()):
        there = path + b"/" + name if path else name
        if there == PRIVATE and not private:
            continue
        found[there] = child
        if child.kind is Kind.DIRECTORY:
            found |= contents(child, there, private=private)
    return found
