"""The parts of an engine that keep one folder, without engine and network."""

import random
from itertools import count
from pathlib import Path

from cozysync.content import decode_recipe, inline_content
from cozysync.disk import DiskIndex, Ignore, scan
from cozysync.sync.download import Downloader
from cozysync.sync.footing import Footing
from cozysync.sync.intake import Intake
from cozysync.sync.ledger import Ledger
from cozysync.sync.link import Link
from cozysync.sync.placing import Placing
from cozysync.sync.plan import plan
from cozysync.sync.replica import open_replica
from cozysync.sync.seams import Seams
from cozysync.sync.upload import Uploader
from cozysync.sync.wanted import FolderTree
from cozysync_conflict import (
    ROOT,
    Create,
    Delete,
    Dot,
    Kind,
    Move,
    Write,
    kind_of,
    shown_children,
    winner,
)
from tests.suites.memory_disk import MemoryDisk
from tests.suites.memory_ground import MemoryGround


class Clock:
    """Each look is some ticks of the file system later."""

    def __init__(self):
        self._ticks = count(1_793_600_000_000_000_000, 20_000_000)

    def __call__(self):
        return next(self._ticks)


class Desk:
    """The parts of an engine that place one folder, over a database and a disk."""

    def __init__(self, database, files, keys, now, before=lambda *_: None):
        self.files = files
        self.disk = MemoryDisk(files, "engine", before)
        self.replica = open_replica(database)
        self.replica.database.connection.execute("PRAGMA synchronous=OFF")
        seams = Seams(now, random.Random(1).randbytes, _inline, None, None)
        self.ledger = Ledger(self.replica, *keys, seams, lambda _: None)
        found = list(self.replica.tree.named(ROOT, b"work"))
        self.folder = found[0] if found else self.author(self._create(ROOT, b"work"))
        self.index = DiskIndex(self.replica.database.connection, self.folder)
        self.tree = FolderTree(self.replica.tree, self.folder, lambda _: False)
        link = Link(seams)
        downloader = Downloader(self.ledger, link, None, seams, 1)
        self.uploader = Uploader(self.ledger, link, None, seams, 1)
        root = Path("/work")
        self.intake = Intake(
            disk=self.disk,
            index=self.index,
            root=root,
            footing=Footing(MemoryGround(now), self.disk, root, self.replica.settings),
            ledger=self.ledger,
            uploader=self.uploader,
            share=1.0,
        )
        self.placing = Placing(self.disk, self.index, self.ledger, downloader, seams)

    def author(self, *actions):
        with self.replica.database.transaction():
            self.ledger.author(actions)
        return actions[0].node if hasattr(actions[0], "node") else None

    def _create(self, parent, name, kind=Kind.DIRECTORY):
        return Create(self.ledger.new_node(parent, name, kind), parent, name)

    def node(self, path):
        node = self.folder
        for name in path.split(b"/") if path else ():
            [node] = self.replica.tree.named(node, name)
        return node

    # --- what other devices did, by node

    def mkdir_at(self, above, name):
        self.author(self._create(above, name))

    def create_at(self, above, name, data):
        create = self._create(above, name, Kind.FILE)
        self.author(create, Write(create.node, self._content(data), ()))

    def write_to(self, node, data):
        """Returns what the vault showed before."""
        heads = self.replica.tree.get(node).heads
        old = self.data(node)
        self.author(Write(node, self._content(data), tuple(head.dot for head in heads)))
        return old

    def move_to(self, node, above, name):
        self.author(Move(node, above, name))

    def delete_all(self, root):
        """Returns the contents that the vault showed in it."""
        nodes = [(root, self.replica.tree.get(root).parent)]
        for node, _ in nodes:
            nodes += [(child.id, node) for child in shown_children(self.replica.tree, node)]
        found = [self.data(node) for node, _ in nodes if kind_of(node) is not Kind.DIRECTORY]
        self.author(Delete(Dot(b"", 0), root, tuple(nodes)))
        return found

    def data(self, node):
        best = winner(self.replica.tree, node)
        return decode_recipe(best.content.detail).inline if best is not None else b""

    def _content(self, data):
        return inline_content(self.ledger.keys, data, 1_700_000_000_000_000_000)

    # --- the same by path

    def mkdir(self, path):
        self.mkdir_at(*self._place(path))

    def write(self, path, data):
        above, name = self._place(path)
        if self.replica.tree.named(above, name):
            self.write_to(self.node(path), data)
        else:
            self.create_at(above, name, data)

    def move(self, *pairs):
        self.author(*(Move(self.node(old), *self._place(new)) for old, new in pairs))

    def delete(self, path):
        self.delete_all(self.node(path))

    def _place(self, path):
        above, _, name = path.rpartition(b"/")
        return self.node(above), name

    # --- the way in and out

    async def place(self):
        nodes = set(self.tree.everything()) | set(self.index.nodes())
        steps = plan(nodes, self.folder, self.tree, self.index)
        if steps:
            await self.placing.take(steps)
        return steps

    def scan(self):
        return scan(self.disk, self.index, Ignore(), None)

    def close(self):
        self.uploader.close()
        self.replica.close()


async def _inline(work):
    return work()
