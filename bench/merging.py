"""How fast what was changed apart comes together: our tree on SQLite beside loro's in memory.

Three questions of one replica, without network or disk of its own: operations applied in order;
a device that comes back with its own changes and hears of many others'; memory while a large tree
is built. loro (a general CRDT library in Rust) is asked the first two with its movable tree, which
keeps no file contents and writes nothing down; so it is a yardstick for order of magnitude.
"""

import hashlib
import importlib
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from cozysync.sync.replica import Replica, open_replica
from cozysync_conflict import (
    ROOT,
    Action,
    Batch,
    Content,
    Create,
    Kind,
    Move,
    NodeId,
    Operation,
    Stamp,
    VersionVector,
    Write,
    apply,
    node_id,
    resolve,
)
from cozysync_conflict.clock import COUNTER_BITS, Dot

FILES_PER_DIRECTORY = 100
PER_BATCH = 5_000


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


class Author:
    """Makes operations of one device, stamped one millisecond apart from `start_ms` on."""

    def __init__(self, name: str, start_ms: int) -> None:
        self.id = _hash(name.encode())[:16]
        self._now = start_ms
        self._counter = 0

    def batches(self, actions: Sequence[Action], seen: VersionVector) -> Iterator[Batch]:
        for at in range(0, len(actions), PER_BATCH):
            operations = tuple(self._operation(each) for each in actions[at : at + PER_BATCH])
            yield Batch(self.id, seen, operations)

    def _operation(self, action: Action) -> Operation:
        self._now += 1
        self._counter += 1
        stamp = Stamp(self._now << COUNTER_BITS, self.id)
        return Operation(stamp, Dot(self.id, self._counter), action)


def tree_of(files: int) -> tuple[list[Action], list[NodeId]]:
    """Actions that make a tree, and its directories."""
    actions: list[Action] = []
    directories: list[NodeId] = []
    for n in range(files):
        if n % FILES_PER_DIRECTORY == 0:
            name = b"d%d" % (n // FILES_PER_DIRECTORY)
            directories.append(node_id(_hash, ROOT, name, Kind.DIRECTORY, 0))
            actions.append(Create(directories[-1], ROOT, name))
        name = b"f%d" % n
        node = node_id(_hash, directories[-1], name, Kind.FILE, 0)
        actions += [Create(node, directories[-1], name), _write(node, n, ())]
    return actions, directories


def _write(node: NodeId, n: int, before: tuple[Dot, ...]) -> Action:
    return Write(node, Content(_hash(b"%d" % n), bytes(60)), before)


def edits(
    chance: random.Random,
    count: int,
    directories: list[NodeId],
    heads: dict[NodeId, tuple[Dot, ...]],
    mark: int,
) -> list[Action]:
    """Renames, moves between directories, and new contents in equal parts."""
    found: list[Action] = []
    nodes = list(heads)
    for n in range(count):
        node = chance.choice(nodes)
        match n % 3:
            case 0:
                found.append(Move(node, chance.choice(directories), b"m%d-%d" % (mark, n)))
            case 1:
                found.append(_write(node, (mark << 32) + n, heads[node]))
            case _:
                directory = chance.choice(directories)
                found.append(Move(directory, ROOT, b"r%d-%d" % (mark, n)))
    return found


def take(replica: Replica, batches: Sequence[Batch]) -> int:
    """Apply and resolve as the engine does, one transaction; returns the resolver's actions."""
    with replica.database.transaction():
        touched = apply(replica.tree, batches)
        actions = resolve(replica.tree, touched, label=lambda d, t: b"x", hash=_hash)
    return len(actions)


def ours(files: int, own: int, others: int) -> dict[str, float]:
    """Seconds for building a tree, and for bringing `own` and `others` changes together."""
    chance = random.Random(1)
    actions, directories = tree_of(files)
    with tempfile.TemporaryDirectory() as place:
        replica = open_replica(Path(place) / "replica.db")
        first = Author("first", 1_700_000_000_000)
        base = list(first.batches(actions, VersionVector()))
        build = _timed(lambda: [take(replica, [batch]) for batch in base])
        heads: dict[NodeId, tuple[Dot, ...]] = {
            each.action.node: (each.dot,)
            for batch in base
            for each in batch.operations
            if isinstance(each.action, Write)
        }
        seen = replica.tree.vector()
        away = Author("away", 1_700_000_900_000)
        mine = list(away.batches(edits(chance, own, directories, heads, 1), seen))
        for batch in mine:
            take(replica, [batch])
        theirs: list[Batch] = []
        for n in range(4):
            author = Author(f"other {n}", 1_700_000_900_500 + n)
            more = edits(chance, others // 4, directories, heads, 2 + n)
            theirs += author.batches(more, seen)
        merge = _timed(lambda: take(replica, theirs))
        replica.close()
    return {"build": build, "build_operations": float(len(actions)), "merge": merge}


def loros(files: int, own: int, others: int) -> dict[str, float]:
    """The same with loro's movable tree: nodes without contents, in memory."""
    loro: Any = importlib.import_module("loro")  # an extra, and without types
    chance = random.Random(1)
    doc = loro.LoroDoc()
    tree = doc.get_tree("files")

    def build() -> tuple[list[Any], list[Any]]:
        directories, nodes = [], []
        for n in range(files):
            if n % FILES_PER_DIRECTORY == 0:
                directories.append(tree.create())
            nodes.append(tree.create(directories[-1]))
        doc.commit()
        return directories, nodes

    made: list[Any] = []
    seconds = _timed(lambda: made.extend(build()))
    directories, nodes = made
    start = doc.export(loro.ExportMode.Snapshot())

    def changed(count: int) -> bytes:
        other = loro.LoroDoc()
        other.import_(start)
        there = other.get_tree("files")
        before = other.oplog_vv
        for _ in range(count):
            there.mov(chance.choice(nodes), chance.choice(directories))
        other.commit()
        update: bytes = other.export(loro.ExportMode.Updates(before))
        return update

    doc.import_(changed(own))
    updates = [changed(others // 4) for _ in range(4)]
    merge = _timed(lambda: [doc.import_(update) for update in updates])
    return {"build": seconds, "build_operations": float(files), "merge": merge}


def growth(files: int) -> dict[str, float]:
    """Seconds and peak memory in MiB while a tree is built batch by batch; in its own process."""
    code = (
        "import sys, json; from bench.merging import build_only; "
        f"print(json.dumps(build_only({files})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def build_only(files: int) -> dict[str, float]:
    before = _peak_mib()
    author = Author("first", 1_700_000_000_000)
    with tempfile.TemporaryDirectory() as place:
        replica = open_replica(Path(place) / "replica.db")
        started = time.perf_counter()
        count = 0
        for batch in _stream(author, files):
            take(replica, [batch])
            count += len(batch.operations)
        seconds = time.perf_counter() - started
        size = (Path(place) / "replica.db").stat().st_size
        replica.close()
    return {
        "operations": count,
        "seconds": seconds,
        "base_mib": before,
        "peak_mib": _peak_mib(),
        "database_mib": size / 2**20,
    }


def _stream(author: Author, files: int) -> Iterator[Batch]:
    """The tree's operations without ever holding all of them."""
    for at in range(0, files, 2_000):
        actions: list[Action] = []
        for n in range(at, min(at + 2_000, files)):
            name = b"d%d" % (n // FILES_PER_DIRECTORY)
            directory = node_id(_hash, ROOT, name, Kind.DIRECTORY, 0)
            if n % FILES_PER_DIRECTORY == 0:
                actions.append(Create(directory, ROOT, name))
            node = node_id(_hash, directory, b"f%d" % n, Kind.FILE, 0)
            actions += [Create(node, directory, b"f%d" % n), _write(node, n, ())]
        yield from author.batches(actions, VersionVector())


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _peak_mib() -> float:
    """This program's own peak; `getrusage` would tell that of whoever started it, too."""
    with Path("/proc/self/status").open() as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def measure(files: int, own: int, others: int, largest: int, runs: int) -> dict[str, Any]:
    """All questions; the two contestants take turns."""
    rows: dict[str, list[dict[str, float]]] = {"cozysync": [], "loro": []}
    for _ in range(runs):
        rows["cozysync"].append(ours(files, own, others))
        rows["loro"].append(loros(files, own, others))
    sizes = sorted({largest // 100, largest // 10, largest})
    return {
        "question": {"files": files, "own": own, "others": others, "runs": runs},
        "rates": rows,
        "growth": {str(size): growth(size) for size in sizes},
    }


def report(found: dict[str, Any]) -> str:
    """The figures as a page."""
    question = found["question"]
    lines = [
        "# Merging",
        "",
        f"A tree of {question['files']:,} files; a device returns with {question['own']:,} changes "
        f"to {question['others']:,} of four others",
        f"(renames, moves of files and directories, contents). {question['runs']} runs, taking "
        "turns; median (least to most).",
        "",
        "| | building, operations/s | merging, changes/s | merging, seconds |",
        "|---|---:|---:|---:|",
    ]
    for name, runs in found["rates"].items():
        build = sorted(run["build_operations"] / run["build"] for run in runs)
        merge = sorted(run["merge"] for run in runs)
        middle = merge[len(merge) // 2]
        lines.append(
            f"| {name} | {build[len(build) // 2]:,.0f} | {question['others'] / middle:,.0f} | "
            f"{middle:.2f} ({merge[0]:.2f} to {merge[-1]:.2f}) |"
        )
    lines += [
        "",
        "cozysync writes everything into SQLite, contents' versions included, and settles",
        "conflicts; loro is Rust in memory and moves nodes only: a yardstick, not a race.",
        "",
        "Growth, built in batches of 5,000 operations in one process:",
        "",
        "| files | operations/s | memory at start, MiB | at most, MiB | database, MiB |",
        "|---:|---:|---:|---:|---:|",
    ]
    for files, row in found["growth"].items():
        lines.append(
            f"| {int(files):,} | {row['operations'] / row['seconds']:,.0f} | "
            f"{row['base_mib']:.0f} | {row['peak_mib']:.0f} | {row['database_mib']:.0f} |"
        )
    return "\n".join(lines) + "\n"
