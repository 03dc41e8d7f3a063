"""What a file costs as a folder grows, with two devices and a server, all real processes.

For each size: everything comes from A to B; then one file is changed; then B is away while a
tenth of the files (at most 10,000) change at A, and returns; then a third device joins.
Processor time of all processes counts beside the clock, for it says the same on a busy machine.
"""

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import meter, report, workloads
from bench.processes import Device, Server, begin_vault, pair, settle

SIZES = (2_500, 10_000, 40_000, 100_000)
QUICK = (500, 2_000)
LARGEST = 1_000_000
_MOST_AWAY = 10_000

Row = dict[str, float]


def measure(work: Path, sizes: tuple[int, ...], say: Callable[[str], None]) -> dict[str, Any]:
    """By number of files, what each step took."""
    found: dict[str, dict[str, Row]] = {}
    for files in sizes:
        say(f"{files:,} files")
        found[str(files)] = _one(work / f"{files}", files)
    return {"growth": found}


def table(found: dict[str, Any]) -> str:
    """The answer for people."""
    rows = []
    for files, steps in found["growth"].items():
        first, join, back = steps["first"], steps["join"], steps["return"]
        rows.append(
            [
                f"{int(files):,}",
                f"{1000 * first['seconds'] / int(files):.2f}",
                f"{1000 * first['cpu_s'] / int(files):.2f}",
                f"{first['mib']:.0f}",
                f"{1000 * steps['change']['seconds']:.0f}",
                f"{back['changed']:,.0f}",
                f"{1000 * back['seconds'] / back['changed']:.2f}",
                f"{1000 * join['seconds'] / int(files):.2f}",
                f"{1000 * join['cpu_s'] / int(files):.2f}",
                f"{join['mib']:.0f}",
            ]
        )
    head = [
        "files", "A to B, ms a file", "processor, ms a file", "most memory, MiB",
        "one change, ms", "changed while B was away", "return, ms a change",
        "new device, ms a file", "processor, ms a file", "most memory, MiB",
    ]  # fmt: skip
    return report.table(head, rows)


def _one(root: Path, files: int) -> dict[str, Row]:
    root.mkdir(parents=True)
    server, near, far = Server(root / "server"), Device(root, "a"), Device(root, "b")
    devices = [near, far]
    steps: dict[str, Row] = {}
    try:
        server.start()
        begin_vault(server, near)
        pair(near, far)
        far.start()
        for device in devices:
            device.bind()
        settle(*devices)
        workloads.small(root / "stock", files)
        with _step(steps, "first", server, devices):
            (root / "stock").rename(near.folder / "stock")
            settle(*devices)
        _compare(near, far)
        some = sorted(path for path in (near.folder / "stock").rglob("*") if path.is_file())
        with _step(steps, "change", server, devices):
            some[0].write_bytes(b"changed\n" * 300)
            _await_same(some[0], far.folder / some[0].relative_to(near.folder))
        far.stop()
        away = min(files // 10, _MOST_AWAY)
        for path in some[:: len(some) // away][:away]:
            path.write_bytes(path.read_bytes()[::-1])
        settle(near)
        with _step(steps, "return", server, [near]):
            far.start()
            settle(far)
        steps["return"]["changed"] = away
        _compare(near, far)
        far.stop()
        third = Device(root, "c")
        devices.append(third)
        pair(near, third)
        with _step(steps, "join", server, [near]) as joined:
            third.start()
            third.bind()
            settle(third)
            assert third.pid is not None
            joined["cpu_s"] = meter.cpu_seconds(third.pid)
            joined["mib"] = meter.peak(third.pid) / 2**20
        _compare(near, third)
    finally:
        for device in devices:
            with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
                device.stop()
            device.kill()
        server.end()
    return steps


@contextmanager
def _step(steps: dict[str, Row], name: str, server: Server, devices: list[Device]) -> Iterator[Row]:
    """Seconds, processor seconds of all these processes and of `row`'s, peak of the largest."""
    pids = [server.pid, *(pid for device in devices if (pid := device.pid) is not None)]
    for pid in pids:
        meter.forget_peak(pid)
    before = sum(map(meter.cpu_seconds, pids))
    row: Row = {}
    with meter.measured() as sample:
        yield row
    row["seconds"] = sample.seconds
    row["cpu_s"] = row.get("cpu_s", 0.0) + sum(map(meter.cpu_seconds, pids)) - before
    row["mib"] = max([row.get("mib", 0.0), *(meter.peak(pid) / 2**20 for pid in pids)])
    steps[name] = row


def _compare(one: Device, other: Device) -> None:
    if not workloads.same(one.folder, other.folder):
        raise RuntimeError(f"{one.name} and {other.name} differ")


def _await_same(here: Path, there: Path) -> None:
    give_up = time.monotonic() + 60
    while there.read_bytes() != here.read_bytes():
        if time.monotonic() > give_up:
            raise RuntimeError(f"{there} does not come")
        time.sleep(0.001)
