"""What can be asked of the suite, and how each answer is shown."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import concurrency, growth, merging, report, scanning
from bench.contestants.base import Contestant
from bench.contestants.commands import Borg, Copy, Rclone, Restic, Rsync, Unison
from bench.contestants.ours import Cozysync
from bench.contestants.syncthing import SyncthingDirect, SyncthingUntrusted
from bench.meter import Machine
from bench.replication import STEPS, Course, Result
from bench.workloads import Sizes

CONTESTANTS: tuple[type[Contestant], ...] = (
    Cozysync,
    Copy,
    Rsync,
    Unison,
    Restic,
    Borg,
    Rclone,
    SyncthingDirect,
    SyncthingUntrusted,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """Raw data, a text with tables, and how to draw it; `draw` is False where nothing can."""

    data: object
    text: str
    draw: Callable[[Path], bool]


@dataclass(frozen=True, slots=True)
class Question:
    """One measurement that can be asked for by name."""

    name: str
    text: str
    ask: Callable[[Path, argparse.Namespace], Answer]


def replication(work: Path, options: argparse.Namespace) -> Answer:
    """W1 to W7 for everybody who is installed."""
    wanted = [each for each in CONTESTANTS if _is_wanted(each, options.only)]
    here = [each for each in wanted if each.is_here()]
    missing = [each for each in wanted if not each.is_here()]
    sizes = Sizes.quick() if options.quick else Sizes()
    runs = 1 if options.quick else options.runs
    results = Course(work, sizes).run(here, runs, lambda line: print(line, file=sys.stderr))
    text = "\n".join(
        [
            _machine_line(runs),
            *(f"- {step}: {told}" for step, told in STEPS.items()),
            "",
            "Seconds, median (least to most):\n",
            _times(results),
            "Ratio of cozysync's median to each one's (below 1: cozysync is faster):\n",
            _ratios(results),
            "Peak resident memory of the largest process, MiB / bytes over loopback, MiB:\n",
            _costs(results),
            *(f"Missing, install {each.package}: {each.name}\n" for each in missing),
            *(f"{each.contestant}: {line}\n" for each in results for line in each.troubles),
            "Versions: " + "; ".join(each.version for each in results) + "\n",
        ]
    )
    data = {
        "machine": Machine.here().to_json(),
        "quick": options.quick,
        "results": [each.to_json() for each in results],
    }

    def draw(path: Path) -> bool:
        series = {each.contestant: [each.median(step) for step in STEPS] for each in results}
        return report.bars(path, "A to B, W1 to W7", "seconds", list(STEPS), series)

    return Answer(data, text, draw)


def _is_wanted(contestant: type[Contestant], only: str) -> bool:
    names = [name.strip() for name in only.split(",") if name.strip()]
    return not names or any(contestant.name.startswith(name) for name in names)


def _machine_line(runs: int) -> str:
    machine = Machine.here()
    return (
        f"{machine.cores} cores of {machine.processor}, {machine.memory_gib} GiB,"
        f" {machine.system}, Python {machine.python}; {runs} run(s), interleaved.\n"
    )


def _times(results: list[Result]) -> str:
    def shown(result: Result, step: str) -> str:
        samples = sorted(each.seconds for each in result.samples.get(step, ()))
        if not samples:
            return ""
        middle = result.median(step)
        return f"{middle:.3g} ({samples[0]:.3g} to {samples[-1]:.3g})"

    return _by_step(results, shown)


def _ratios(results: list[Result]) -> str:
    ours = next((each for each in results if each.contestant == Cozysync.name), None)

    def shown(result: Result, step: str) -> str:
        mine = ours.median(step) if ours is not None else None
        theirs = result.median(step)
        return f"{mine / theirs:.2f}" if mine is not None and theirs else ""

    return _by_step([each for each in results if each is not ours], shown)


def _costs(results: list[Result]) -> str:
    def shown(result: Result, step: str) -> str:
        samples = result.samples.get(step)
        if not samples:
            return ""
        memory = max(each.memory for each in samples) / 2**20
        crossed = max(each.crossed for each in samples) / 2**20
        return f"{memory:.0f} / {crossed:.3g}"

    rows = _by_step(results, shown)
    stored = [
        f"{each.contestant} {each.stored['W2'] / 2**20:.1f}" for each in results if each.stored
    ]
    return rows + "\nMiB at rest between A and B after W2: " + ", ".join(stored) + "\n"


def _by_step(results: list[Result], shown: Callable[[Result, str], str]) -> str:
    rows = [[each.contestant, *(shown(each, step) for step in STEPS)] for each in results]
    return report.table(["", *STEPS], rows)


def merged(work: Path, options: argparse.Namespace) -> Answer:
    """Rates of bringing together what was changed apart, and growth."""
    if options.quick:
        found = merging.measure(files=5_000, own=500, others=5_000, largest=10_000, runs=1)
    else:
        found = merging.measure(
            files=100_000, own=10_000, others=100_000, largest=1_000_000, runs=options.runs
        )
    text = f"{merging.report(found)}\n{_machine_line(options.runs)}"
    data = {"machine": Machine.here().to_json(), "quick": options.quick, **found}

    def draw(path: Path) -> bool:
        sizes = list(found["growth"])
        rows = [found["growth"][size] for size in sizes]
        series = {"most memory, MiB": [row["peak_mib"] for row in rows]}
        return report.bars(path, "Memory while a tree is built", "MiB", sizes, series)

    return Answer(data, text, draw)


def crowded(work: Path, options: argparse.Namespace) -> Answer:
    """Many devices at once."""
    scenes = concurrency.QUICK if options.quick else concurrency.FULL
    found = concurrency.measure(work, scenes, lambda line: print(line, file=sys.stderr))
    data = {"machine": Machine.here().to_json(), "quick": options.quick, **found}

    def draw(path: Path) -> bool:
        rows = [each for each in found["scenes"] if not each["pack_bytes"]]
        names = [f"{each['devices']} in {each['vaults']}" for each in rows]
        series = {name: [each[key] for each in rows] for name, key in _WAITS.items()}
        title = "From commit to delivery, by devices and vaults"
        return report.bars(path, title, "ms", names, series)

    faults = [fault for each in found["scenes"] for fault in each["faults"]]
    told = [concurrency.table(found), *(f"WRONG: {fault}\n" for fault in faults)]
    return Answer(data, "\n".join([*told, _machine_line(1)]), draw)


_WAITS = {"median": "p50_ms", "99 of 100": "p99_ms", "most": "max_ms"}


def grown(work: Path, options: argparse.Namespace) -> Answer:
    """What a file costs, by how many there are."""
    sizes: tuple[int, ...] = growth.QUICK if options.quick else growth.SIZES
    if options.million:
        sizes = (*sizes, growth.LARGEST)
    sizes = tuple(size for size in sizes if size <= options.most or options.million)
    found = growth.measure(work, sizes, lambda line: print(line, file=sys.stderr))
    data = {"machine": Machine.here().to_json(), "quick": options.quick, **found}

    def draw(path: Path) -> bool:
        rows = list(found["growth"].items())
        series = {
            name: [1000 * steps[step][what] / int(files) for files, steps in rows]
            for name, (step, what) in _GROWTH.items()
        }
        names = [f"{int(files):,}" for files, _ in rows]
        return report.bars(path, "What a file costs, by files", "ms a file", names, series)

    return Answer(data, f"{growth.table(found)}\n{_machine_line(1)}", draw)


_GROWTH = {
    "A to B": ("first", "seconds"),
    "processor time of all": ("first", "cpu_s"),
    "new device": ("join", "seconds"),
}


def scanned(work: Path, options: argparse.Namespace) -> Answer:
    """A full look at what has not changed."""
    found = scanning.measure(work, [1_000, 4_000] if options.quick else [2_500, 10_000, 40_000])
    data = {"machine": Machine.here().to_json(), "quick": options.quick, **found}

    def draw(path: Path) -> bool:
        rows = list(found["growth"].values())
        series = {
            "cozysync": [row["scan_ms"] for row in rows],
            "scandir and stat alone": [row["listing_ms"] for row in rows],
        }
        return report.bars(path, "A full look, by files", "ms", list(found["growth"]), series)

    return Answer(data, f"{scanning.table(found)}\n{_machine_line(1)}", draw)


ALL = {
    question.name: question
    for question in (
        Question(
            "replication", "W1 to W7: from A to B, beside the tools that people use", replication
        ),
        Question("concurrency", "many devices at once: from commit to delivery", crowded),
        Question("growth", "what a file costs as a folder grows; a new device, a return", grown),
        Question("scanning", "a full look at files that have not changed, and its growth", scanned),
        Question("merging", "the replicated tree's rates beside loro's, and its growth", merged),
    )
}
