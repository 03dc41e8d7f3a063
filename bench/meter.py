"""What one step costs: time, memory, bytes over loopback."""

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path


@dataclass(slots=True)
class Sample:
    """One run of one step: seconds, peak resident bytes, bytes that crossed loopback."""

    seconds: float = 0.0
    memory: int = 0
    crossed: int = 0


@contextmanager
def measured() -> Iterator[Sample]:
    """Times what happens inside; everything written before is on the disk first."""
    os.sync()
    sample = Sample()
    crossed = loopback_bytes()
    begun = time.perf_counter()
    yield sample
    sample.seconds = time.perf_counter() - begun
    sample.crossed = loopback_bytes() - crossed


def loopback_bytes() -> int:
    """Bytes that the loopback interface has received since the system started."""
    for line in Path("/proc/net/dev").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name.strip() == "lo":
            return int(rest.split()[0])
    return 0


def forget_peak(pid: int) -> None:
    """Let a process's peak of resident memory begin anew, where the system can do that."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    except OSError:
        return


def peak(pid: int) -> int:
    """Peak resident bytes of a process."""
    try:
        told = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    for line in told.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used, its own and the kernel's for it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def stored_bytes(place: Path) -> int:
    """Bytes of all files below a directory."""
    return sum(path.stat().st_size for path in place.rglob("*") if path.is_file())


@dataclass(frozen=True, slots=True)
class Machine:
    """What the figures were taken on."""

    processor: str
    cores: int
    memory_gib: int
    system: str
    python: str
    cozysync: str

    @classmethod
    def here(cls) -> "Machine":
        """This one."""
        return cls(
            processor=_processor(),
            cores=len(os.sched_getaffinity(0)),
            memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
            system=f"{platform.system()} {platform.release().split('-')[0]}",
            python=platform.python_version(),
            cozysync=version("cozysync"),
        )

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return asdict(self)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
