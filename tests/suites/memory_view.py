"""A `cozysync.gateway.view.View` in memory, for the tests of the doors built on it."""

import hashlib
import itertools
import time
from dataclasses import dataclass, field

import trio

from cozysync.gateway.errors import (
    BadPath,
    CursorGone,
    Exists,
    Forbidden,
    IsDirectory,
    NotDirectory,
    NotFound,
    Stale,
)
from cozysync.gateway.names import below, joined, parent_of, parts_of
from cozysync.gateway.view import ABSENT, Changes, Entry, Outcome, Removed, Space, Written
from cozysync_conflict import Kind
from cozysync_conflict.merge import merge

PIECE = 64 * 1024


@dataclass
class Node:
    id: str
    kind: Kind
    data: bytes = b""
    mtime_ns: int = 0
    executable: bool = False
    history: list[tuple[bytes, int]] = field(default_factory=list)
    placed: int = 0
    """When its own entry changed."""
    changed: int = 0
    """When it or anything below it changed."""


class MemoryView:
    """Paths to nodes. `folders` are made at once; `put` writes as a device would."""

    def __init__(self, staging, folders=("Documents",)):
        self.staging = staging
        self._numbers = itertools.count(1)
        self._now = 0
        self._life = f"{time.time_ns():x}"
        self._nodes = {"/": self._fresh(Kind.DIRECTORY)}
        self._gone: list[tuple[int, str, str]] = []
        self._news = trio.Event()
        self.conflict_count = 0
        for folder in folders:
            self._put_directory(f"/{folder}")

    # --- reading ---

    async def entry(self, path):
        await trio.lowlevel.checkpoint()
        return self._entry(path, self._node(path))

    async def find(self, node):
        await trio.lowlevel.checkpoint()
        for path, each in self._nodes.items():
            if each.id == node:
                return self._entry(path, each)
        raise NotFound(node)

    async def children(self, path):
        await trio.lowlevel.checkpoint()
        if self._node(path).kind is not Kind.DIRECTORY:
            raise NotDirectory(path)
        found = [p for p in self._nodes if p != "/" and parent_of(p) == path]
        return [self._entry(p, self._nodes[p]) for p in sorted(found)]

    async def read(self, path, version=None, start=0, length=None):
        await trio.lowlevel.checkpoint()
        node = self._node(path)
        if node.kind is Kind.DIRECTORY:
            raise IsDirectory(path)
        data = node.data
        if version is not None:
            known = [data for data, _ in node.history if etag(data) == version]
            if not known:
                raise Stale(path)
            data = known[-1]
        end = len(data) if length is None else min(start + length, len(data))
        for at in range(start, end, PIECE):
            yield data[at : min(at + PIECE, end)]

    async def versions(self, path):
        await trio.lowlevel.checkpoint()
        node = self._node(path)
        return [
            Entry(path, node.id, node.kind, etag(data), mtime, len(data))
            for data, mtime in reversed(node.history)
        ]

    # --- writing ---

    async def write(self, path, staged, *, base=None, mtime_ns=None):
        await trio.lowlevel.checkpoint()
        data, mtime_ns = staged.read_bytes(), time.time_ns() if mtime_ns is None else mtime_ns
        self._place(path)
        node = self._nodes.get(path)
        if node is None and base not in (None, ABSENT):
            raise Stale(path)
        if node is None:
            node = self._nodes[path] = self._fresh(Kind.FILE)
            self._set(path, data, mtime_ns)
            return Written(Outcome.WRITTEN, self._entry(path, node))
        if node.kind is not Kind.FILE:
            raise Exists(path) if base == ABSENT else IsDirectory(path)
        if base == ABSENT:
            raise Exists(path)
        if base is None or base == etag(node.data) or node.data == data:
            self._set(path, data, mtime_ns)
            return Written(Outcome.WRITTEN, self._entry(path, node))
        known = [old for old, _ in node.history if etag(old) == base]
        if not known:
            raise Stale(path)
        name = path.rpartition("/")[2].encode()
        merged = merge(name, known[-1], [node.data, data])
        if merged is not None:
            self._set(path, merged, mtime_ns)
            return Written(Outcome.MERGED, self._entry(path, node))
        beside = f"{path} (conflict {self.conflict_count + 1})"
        self._nodes[beside] = self._fresh(Kind.FILE)
        self._set(beside, node.data, node.mtime_ns)
        self._set(path, data, mtime_ns)
        self.conflict_count += 1
        return Written(Outcome.CONFLICT, self._entry(path, node), (beside,))

    async def make_directory(self, path):
        await trio.lowlevel.checkpoint()
        if path in self._nodes:
            raise Exists(path)
        self._place(path, folder=True)
        self._put_directory(path)
        return self._entry(path, self._nodes[path])

    async def remove(self, path, *, base=None):
        await trio.lowlevel.checkpoint()
        self._loose(path, base)
        self._drop(path)

    async def move(self, source, target, *, replace=False, base=None):
        await trio.lowlevel.checkpoint()
        self._loose(source, base)
        self._free(source, target, replace=replace)
        if source == target:
            return self._entry(target, self._nodes[target])
        moved = [path for path in self._nodes if below(path, source)]
        for path in moved:
            there = target + path[len(source) :]
            self._nodes[there] = self._nodes.pop(path)
            self._gone.append((self._touch(parent_of(path)), self._nodes[there].id, path))
            self._nodes[there].placed = self._touch(there)
        return self._entry(target, self._nodes[target])

    async def copy(self, source, target, *, replace=False):
        await trio.lowlevel.checkpoint()
        self._node(source)
        if not parts_of(source):
            raise Forbidden(source, "it is the root")
        if source == target:
            raise Exists(target)
        self._free(source, target, replace=replace)
        for path in sorted(path for path in self._nodes if below(path, source)):
            old, there = self._nodes[path], target + path[len(source) :]
            self._nodes[there] = self._fresh(old.kind)
            self._nodes[there].executable = old.executable
            self._set(there, old.data, old.mtime_ns)
        return self._entry(target, self._nodes[target])

    # --- changes ---

    async def changes(self, path, cursor=None, limit=1000):
        await trio.lowlevel.checkpoint()
        self._node(path)
        since = self._since(cursor)
        inside = path.rstrip("/") + "/"
        news = sorted(
            [(n.placed, 1, p, n.id) for p, n in self._nodes.items() if n.placed > since]
            + [(at, 0, p, node) for at, node, p in self._gone if cursor and at > since]
        )
        page = [each for each in news if each[2].startswith(inside) and each[2] != "/"]
        where = {n.id: p for p, n in self._nodes.items() if p.startswith(inside)}
        more = len(page) > limit
        end = page[limit - 1][0] if more else self._now
        page = page[:limit]
        return Changes(
            tuple(self._entry(p, self._nodes[p]) for _, kind, p, _ in page if kind),
            tuple(
                Removed(node, p, where.get(node))
                for _, kind, p, node in page
                if not kind and where.get(node) != p
            ),
            f"{self._life}-{end}",
            more,
        )

    async def wait(self, path, cursor, timeout_s):
        end = trio.current_time() + timeout_s
        while True:
            news, page = self._news, await self.changes(path, cursor)
            if page.changed or page.removed:
                return True
            with trio.move_on_at(end) as scope:
                await news.wait()
            if scope.cancelled_caught:
                return False

    async def space(self):
        await trio.lowlevel.checkpoint()
        return Space(sum(len(node.data) for node in self._nodes.values()), 1 << 30)

    async def conflicts(self):
        await trio.lowlevel.checkpoint()
        return self.conflict_count

    # --- within ---

    def _fresh(self, kind):
        number = next(self._numbers)
        return Node(f"{kind:02x}{number:030x}", kind, mtime_ns=time.time_ns())

    def _node(self, path):
        parts_of(path)
        if path not in self._nodes:
            raise NotFound(path)
        return self._nodes[path]

    def _entry(self, path, node):
        directory = node.kind is Kind.DIRECTORY
        version = f"{self._life}-{node.changed}" if directory else etag(node.data)
        return Entry(
            path, node.id, node.kind, version, node.mtime_ns, len(node.data), node.executable
        )

    def _place(self, path, *, folder=False):
        """Check that something may be made at a path."""
        parts = parts_of(path)
        if len(parts) < (1 if folder else 2):
            raise Forbidden(path, "only folders are there")
        above = self._nodes.get(joined(parts[:-1]))
        if above is None or above.kind is not Kind.DIRECTORY:
            raise NotDirectory(joined(parts[:-1]))

    def _loose(self, path, base):
        """Check that a path may be taken away from where it is."""
        node = self._node(path)
        if len(parts_of(path)) < 2:
            raise Forbidden(path, "it is a folder")
        if base is not None and base != self._entry(path, node).version:
            raise Stale(path)

    def _free(self, source, target, *, replace):
        self._place(target)
        if source != target and below(target, source):
            raise BadPath(target, "it is inside what is moved or copied")
        if source != target and target in self._nodes:
            if not replace:
                raise Exists(target)
            if below(source, target):
                raise BadPath(target, "what is moved or copied is inside it")
            self._drop(target)

    def _drop(self, path):
        for each in [p for p in self._nodes if below(p, path)]:
            node = self._nodes.pop(each)
            self._gone.append((self._touch(parent_of(path)), node.id, each))

    def _put_directory(self, path):
        self._nodes[path] = self._fresh(Kind.DIRECTORY)
        self._nodes[path].placed = self._touch(path)

    def _set(self, path, data, mtime_ns):
        node = self._nodes[path]
        node.data, node.mtime_ns = data, mtime_ns
        node.history.append((data, mtime_ns))
        node.placed = self._touch(path)

    def _touch(self, path):
        self._now += 1
        while True:
            if path in self._nodes:
                self._nodes[path].changed = self._now
            if path == "/":
                break
            path = parent_of(path)
        self._news.set()
        self._news = trio.Event()
        return self._now

    def _since(self, cursor):
        if cursor is None:
            return 0
        life, _, number = cursor.partition("-")
        if life != self._life or not number.isdigit() or int(number) > self._now:
            raise CursorGone
        return int(number)


def etag(data):
    return hashlib.sha256(data).hexdigest()[:32]
