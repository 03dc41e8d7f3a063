"""What every contestant can do: bring what is in A to B."""

import os
import shutil
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path

from bench import meter

PATIENCE_S = 600
POLL_S = 0.002


class Contestant(ABC):
    """A tool with a fresh home of its own below `root`, where `a` is to be the same as `b`.

    `package` is what to install where the `tool` is missing. A `live` one notices changes by
    itself; of the others `deliver` is the command that a person would run.
    """

    name: str
    tool: str
    package: str
    live = False
    can_rescan = True

    def __init__(self, root: Path) -> None:
        self.root = root
        self.a = root / "a"
        self.b = root / "b"
        for folder in (self.a, self.b):
            folder.mkdir(parents=True, exist_ok=True)
        self._peak = 0

    @classmethod
    def is_here(cls) -> bool:
        """Whether it is installed."""
        return shutil.which(cls.tool) is not None

    @classmethod
    def version(cls) -> str:
        """The first line that it says of itself."""
        told = subprocess.run([cls.tool, "--version"], capture_output=True, text=True, check=False)
        return (told.stdout or told.stderr).splitlines()[0]

    def open(self) -> None:  # noqa: B027
        """Make it ready, with an empty A; not timed."""

    @abstractmethod
    def deliver(self) -> None:
        """Return when everything in A is in B and on the disk."""

    def rescan(self) -> None:
        """Look through A, where nothing has changed."""
        self.deliver()

    def forget_peak(self) -> None:
        """Let the peak of memory begin anew."""
        for pid in self.processes():
            meter.forget_peak(pid)
        self._peak = 0

    def peak(self) -> int:
        """Resident bytes of the largest process at its largest, since the last `forget_peak`."""
        return max([self._peak, *map(meter.peak, self.processes())])

    def processes(self) -> list[int]:
        """Process ids of what runs in the background."""
        return []

    def store(self) -> Path | None:
        """Where the copy between A and B rests, None when there is none."""
        return None

    def close(self) -> None:  # noqa: B027
        """End what runs in the background."""

    def _command(self, *arguments: object, cwd: Path | None = None) -> str:
        with tempfile.TemporaryFile("w+") as told:
            process = subprocess.Popen(
                list(map(str, arguments)),
                cwd=cwd,
                env=os.environ | self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=subprocess.STDOUT,
            )
            while process.poll() is None:
                # What wait4 says would include this process, of which the command was forked.
                self._peak = max(self._peak, meter.peak(process.pid))
                time.sleep(POLL_S)
            told.seek(0)
            text = told.read()
        if process.returncode:
            raise RuntimeError(f"{arguments}: {process.returncode}\n{text[-2000:]}")
        return text

    def _environment(self) -> dict[str, str]:
        return {}

    def _flush(self, place: Path) -> None:
        self._command("sync", "-f", place)

    def _empty_b(self) -> None:
        """Tools that only restore get a new, empty B each time."""
        count = len(list(self.root.glob("b*")))
        self.b = self.root / f"b{count}"
        self.b.mkdir()
