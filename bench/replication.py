"""W1 to W7: how long until what is written at A is at B, beside the tools that people use."""

import random
import shutil
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench import workloads
from bench.contestants.base import Contestant
from bench.meter import Sample, measured, stored_bytes
from bench.workloads import MIB, Sizes

STEPS = {
    "W1": "one large random file",
    "W2": "many small files",
    "W3": "a mixed home directory",
    "W4": "1 KiB inserted in the middle of the file of W1",
    "W5": "the directory of W2 renamed",
    "W6": "a new 100-byte file, until it can be read at B",
    "W7": "a full rescan of the files of W2, unchanged",
}

PATIENCE_S = 60
POLL_S = 0.001
SEEDS_OF_PAUSES = 6


@dataclass(slots=True)
class Result:
    """All samples of one contestant, by step."""

    contestant: str
    version: str
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    stored: dict[str, int] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)

    def add(self, step: str, sample: Sample) -> None:
        """Note one run of a step."""
        self.samples.setdefault(step, []).append(sample)

    def median(self, step: str) -> float | None:
        """Median seconds of a step, None when there is no sample."""
        samples = self.samples.get(step)
        return statistics.median(each.seconds for each in samples) if samples else None

    def to_json(self) -> dict[str, object]:
        """Plain values, raw samples included."""
        return asdict(self)


class Course:
    """The data, made once, and the scenes that each contestant goes through."""

    def __init__(self, root: Path, sizes: Sizes) -> None:
        self._root = root
        self._sizes = sizes
        self._count = 0
        self._stock = root / "stock"
        self._stock.mkdir()
        workloads.large(self._stock / "large", sizes.large_mib)
        workloads.insert(self._stock / "large", self._stock / "inserted", b"x" * 1024)
        workloads.small(self._stock / "small", sizes.small_files)
        workloads.mixed(self._stock / "mixed", sizes.mixed_files, sizes.mixed_mib)

    def run(
        self, contestants: Iterable[type[Contestant]], runs: int, say: Callable[[str], None]
    ) -> list[Result]:
        """Everybody goes through every scene, one after the other, `runs` times."""
        results = {each: Result(each.name, each.version()) for each in contestants}
        for scene in (self._small, self._large, self._mixed, self._single):
            for turn in range(runs):
                for kind, result in results.items():
                    say(f"{scene.__name__.strip('_')} {turn + 1}/{runs}: {kind.name}")
                    try:
                        self._play(scene, kind, result)
                    except Exception as error:  # one that fails must not end the run
                        result.troubles.append(f"{scene.__name__}: {error}")
                        say(f"  failed: {error}")
        return list(results.values())

    def _play(
        self,
        scene: Callable[[Contestant, Result], None],
        kind: type[Contestant],
        result: Result,
    ) -> None:
        self._count += 1
        contestant = kind(self._root / f"{self._count:03}")
        try:
            contestant.open()
            scene(contestant, result)
        finally:
            contestant.close()
            if scene == self._large:
                # Gigabytes, in few files. The many small ones stay until the end: creating
                # files right after deleting thousands is slow on some file systems.
                shutil.rmtree(contestant.root)

    # --- scenes ----------------------------------------------------------------------------

    def _small(self, who: Contestant, result: Result) -> None:
        staged = self._staged(who, "small")
        self._deliver(who, result, "W2", lambda: staged.rename(who.a / "small"))
        if (store := who.store()) is not None:
            result.stored["W2"] = stored_bytes(store)
        if who.can_rescan:
            with _noted(who, result, "W7"):
                who.rescan()
        self._deliver(who, result, "W5", lambda: (who.a / "small").rename(who.a / "renamed"))

    def _large(self, who: Contestant, result: Result) -> None:
        staged = self._staged(who, "large")
        self._deliver(who, result, "W1", lambda: staged.rename(who.a / "large"))
        changed = self._staged(who, "inserted")
        self._deliver(who, result, "W4", lambda: changed.replace(who.a / "large"))

    def _mixed(self, who: Contestant, result: Result) -> None:
        staged = self._staged(who, "mixed")
        self._deliver(who, result, "W3", lambda: staged.rename(who.a / "mixed"))

    def _single(self, who: Contestant, result: Result) -> None:
        if not who.live:
            return
        pauses = random.Random(SEEDS_OF_PAUSES)
        for n in range(self._sizes.single_files):
            time.sleep(pauses.uniform(0.5, 1.0))
            with measured() as sample:
                (who.a / f"single-{n}").write_bytes(b"x" * 100)
                _wait_for(who.b / f"single-{n}")
            result.add("W6", sample)

    # --- steps -----------------------------------------------------------------------------

    def _staged(self, who: Contestant, name: str) -> Path:
        """A copy of something in stock, beside A, so that a rename brings it in at once."""
        source, target = self._stock / name, who.root / f"staged-{name}"
        if source.is_dir():
            for path in sorted(source.rglob("*")):
                if path.is_file():
                    copy = target / path.relative_to(source)
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    copy.write_bytes(path.read_bytes())
        else:
            with source.open("rb") as old, target.open("wb") as new:
                while data := old.read(MIB):
                    new.write(data)
        return target

    def _deliver(
        self, who: Contestant, result: Result, step: str, deed: Callable[[], object]
    ) -> None:
        with _noted(who, result, step):
            deed()
            who.deliver()
        if not workloads.same(who.a, who.b):
            raise RuntimeError(f"{step}: A and B differ")


@contextmanager
def _noted(who: Contestant, result: Result, step: str) -> Iterator[None]:
    """One measured step, added to the result when it succeeded."""
    who.forget_peak()
    with measured() as sample:
        yield
    sample.memory = who.peak()
    result.add(step, sample)


def _wait_for(path: Path) -> None:
    give_up = time.perf_counter() + PATIENCE_S
    while not path.exists():
        if time.perf_counter() > give_up:
            raise RuntimeError(f"{path} does not come")
        time.sleep(POLL_S)
