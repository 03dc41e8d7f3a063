"""Who is who in a folder whose index is lost: files and directories that were in sync before.

Whatever stands in a folder would look new: what others have deleted meanwhile would come back, and
an older version would be taken for an edit. So what is found is compared with everything that the
vault ever had in its place. The content decides, and for what has gone from there also the time of
the file, which placing sets and copying does not keep.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from cozysync.content import decode_recipe
from cozysync.disk import DiskIndex
from cozysync.replica import SqliteStore
from cozysync.sync.replica import Replica
from cozysync_conflict import Dot, Head, Kind, NodeId, Version, heads, kind_of
from cozysync_protocol import Malformed


class Adoption:
    """Finds nodes and versions for what stands in one folder, at its first look.

    `before` is a sound database that this device had until just now, if there is one.
    """

    def __init__(self, replica: Replica, index: DiskIndex, before: Path | None) -> None:
        self._tree = replica.tree
        self._history = replica.history
        self._index = index
        self._before = before

    def directory(self, parent: NodeId, name: bytes) -> NodeId | None:
        """The directory that once stood there, and was deleted or moved elsewhere."""
        return next(self._once_there(parent, name, Kind.DIRECTORY), None)

    def file(
        self, parent: NodeId, name: bytes, kind: Kind, digest: bytes, mtime_ns: int
    ) -> NodeId | None:
        """The file or link with this content that once stood there."""
        for node in self._once_there(parent, name, kind):
            if any(_is_just(each, mtime_ns, kind) for each in self._versions(node, digest)):
                return node
        return None

    def dots(self, node: NodeId, digest: bytes) -> list[Dot]:
        """The versions of a node, replaced or not, that have this content."""
        return [version.dot for version in self._versions(node, digest)]

    def seen(self, node: NodeId) -> tuple[Dot, ...]:
        """The versions that whoever edited the file here last had seen, as the vault has them."""
        if self._before is None:
            return ()
        with suppress(sqlite3.DatabaseError):
            known = _known_before(self._before, self._index.root, node)
            return tuple(h.dot for h in heads(self._tree, node) if _same(h) in known)
        return ()

    def _versions(self, node: NodeId, digest: bytes) -> list[Version]:
        return [each for each in self._tree.versions(node) if each.content.digest == digest]

    def _once_there(self, parent: NodeId, name: bytes, kind: Kind) -> Iterator[NodeId]:
        for node in sorted(self._history.placed(parent, name)):
            if kind_of(node) is kind and self._index.row(node) is None:
                yield node


def _is_just(version: Version, mtime_ns: int, kind: Kind) -> bool:
    if kind is Kind.LINK:
        return True  # not every system gives a link the time that it should have
    try:
        return decode_recipe(version.content.detail).mtime_ns == mtime_ns
    except Malformed:
        return False  # an old version that history has let go of


def _same(head: Head) -> tuple[Dot, bytes]:
    return head.dot, head.content.digest


def _known_before(path: Path, folder: NodeId, node: NodeId) -> set[tuple[Dot, bytes]]:
    """The versions from which came what the disk held, by another database: all behind it."""
    address = f"file:{quote(str(path))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as connection:
        row = DiskIndex(connection, folder).row(node)
        versions = {each.dot: each for each in SqliteStore(connection).versions(node)}
    found: set[tuple[Dot, bytes]] = set()
    queue = list(row.heads) if row is not None else []
    while queue:
        version = versions.pop(queue.pop(), None)
        if version is not None:
            found.add((version.dot, version.content.digest))
            queue.extend(version.supersedes)
    return found
