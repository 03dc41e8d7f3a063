"""What a full look at a folder costs in which nothing has changed, and how that grows.

Processor time of this process, the least of several looks, so that a busy machine does not show.
Beside it stands what listing the directories and asking for every file's stat takes alone.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import report, workloads
from cozysync.disk import INDEX_MIGRATIONS, DiskIndex, Ignore, IndexRow, PosixDisk, new_row, scan
from cozysync.disk.index import INDEX_COMPONENT
from cozysync.replica import Database, Schema
from cozysync_conflict import Kind, NodeId, node_id

FOLDER = NodeId(bytes([Kind.DIRECTORY]) + bytes(15))
LOOKS = 7


def measure(work: Path, sizes: list[int]) -> dict[str, Any]:
    """By number of files: milliseconds of a full look, and of listing alone."""
    return {"growth": {str(files): _one(work, files) for files in sizes}}


def table(found: dict[str, Any]) -> str:
    """The answer for people."""
    rows = [
        [
            f"{int(files):,}",
            f"{each['scan_ms']:.1f}",
            f"{each['listing_ms']:.1f}",
            f"{1000 * each['scan_ms'] / int(files):.1f}",
        ]
        for files, each in found["growth"].items()
    ]
    head = ["unchanged files", "scan, ms", "scandir and stat alone, ms", "scan, µs a file"]
    return report.table(head, rows)


def _one(work: Path, files: int) -> dict[str, float]:
    root = work / f"folder-{files}"
    workloads.small(root, files)
    disk = PosixDisk(root)
    database = Database.open(work / f"{files}.db", (Schema(INDEX_COMPONENT, INDEX_MIGRATIONS),))
    index = DiskIndex(database.connection, FOLDER)
    with database.transaction():
        index.put(_rows(disk, b"", FOLDER))

    def look() -> None:
        found = scan(disk, index, Ignore.load(disk))
        if found.changed or found.appeared or found.vanished:
            raise RuntimeError("the scan found what is not there: nothing has changed")

    answer = {"scan_ms": _least(look), "listing_ms": _least(lambda: _listing(root))}
    disk.close()
    database.close()
    shutil.rmtree(root)
    return answer


def _rows(disk: PosixDisk, path: bytes, parent: NodeId) -> list[IndexRow]:
    rows: list[IndexRow] = []
    for name, stat in list(disk.listing(path)):
        assert stat.kind is not None
        node = node_id(_hash, parent, name, stat.kind, 0)
        row = new_row(node, parent, name, stat)
        if stat.kind is Kind.DIRECTORY:
            rows += [row, *_rows(disk, path + b"/" + name if path else name, node)]
        else:
            rows.append(row._replace(digest=_hash(name), packed_heads=bytes(24)))
    return rows


def _listing(root: Path) -> None:
    for directory in os.scandir(root):
        with os.scandir(directory.path) as entries:
            for entry in entries:
                entry.stat(follow_symlinks=False)


def _least(deed: Callable[[], object]) -> float:
    """Milliseconds of processor time, the least of some runs."""

    def once() -> float:
        begun = time.process_time()
        deed()
        return 1000 * (time.process_time() - begun)

    return min(once() for _ in range(LOOKS))


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
