"""Many devices at once on one server: from commit to delivery, how many, and is all of it there.

Every device waits at the server as a real one does, and some write. One vault for all of them is
the hard case (each entry goes to everybody); a vault for every two is a server with many people.
The server is one process: it keeps the order of each log in one place (see docs/PERFORMANCE.md).
"""

import json
import math
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from collections.abc import Sequence as Many
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import trio

from bench import meter, report
from bench.crowd import Found, Task, Told, patiently
from bench.processes import Server
from cozysync.server.serve import create_invitation
from cozysync.sync.http_remote import HttpRemote
from cozysync.vault import DeviceKeys, RootKeys, add_device, create_vault
from cozysync_protocol import (
    GENESIS_HEAD,
    MAX_APPEND_ENTRIES,
    NOWHERE,
    EntryHeader,
    EntryKind,
    Sequence,
    encode_control,
    encode_entry,
    entry_hash,
    sign_entry,
)

T = TypeVar("T")

PROCESSES = 2
PATIENCE_S = 120.0
ENTRY_BYTES = 400
"""An entry that tells of one small file has about so many."""


@dataclass(frozen=True, slots=True)
class Scene:
    """So many devices in so many vaults; in each vault some write, so many entries each.

    With `pack_bytes` each entry comes with a pack, which one other device of the vault fetches.
    """

    devices: int
    vaults: int
    writers: int
    entries: int
    pack_bytes: int = 0


FULL = (
    Scene(1, 1, 1, 200),
    Scene(4, 1, 4, 100),
    Scene(16, 1, 16, 50),
    Scene(64, 1, 16, 30),
    Scene(256, 1, 16, 10),
    Scene(16, 8, 8, 100),
    Scene(64, 32, 32, 30),
    Scene(256, 128, 128, 15),
    Scene(2, 1, 1, 100, 1 << 20),
    Scene(16, 8, 8, 30, 1 << 20),
    Scene(64, 32, 32, 8, 1 << 20),
)
QUICK = (
    Scene(1, 1, 1, 50),
    Scene(16, 1, 16, 10),
    Scene(64, 1, 16, 5),
    Scene(64, 32, 32, 5),
    Scene(16, 8, 8, 5, 1 << 20),
)


def measure(work: Path, scenes: Many[Scene], say: Callable[[str], None]) -> dict[str, Any]:
    """What came of each scene, each on a server of its own."""
    found = []
    for n, scene in enumerate(scenes):
        say(f"{scene.devices} devices, {scene.vaults} vaults, packs of {scene.pack_bytes}")
        found.append({**asdict(scene), **_play(work / f"{n}", scene)})
    return {"scenes": found}


def table(found: dict[str, Any]) -> str:
    """The answer for people."""
    head = [
        "devices", "vaults", "writing", "packs, MiB", "entries/s", "deliveries/s", "MB/s",
        "p50, ms", "p99, ms", "most, ms", "tried again", "wrong", "server, MiB", "server, CPU",
    ]  # fmt: skip
    rows = [
        [
            str(each["devices"]),
            str(each["vaults"]),
            str(each["writers"]),
            f"{each['pack_bytes'] / 2**20:g}" if each["pack_bytes"] else "",
            f"{each['entries_per_s']:.0f}",
            f"{each['deliveries_per_s']:.0f}",
            f"{each['mb_per_s']:.1f}",
            *(f"{each[which]:.1f}" for which in ("p50_ms", "p99_ms", "max_ms")),
            str(sum(each["refusals"].values())),
            str(len(each["faults"])),
            f"{each['server_mib']:.0f}",
            f"{each['server_cpu_share']:.0%}",
        ]
        for each in found["scenes"]
    ]
    return report.table(head, rows)


def _play(root: Path, scene: Scene) -> dict[str, Any]:
    root.mkdir()
    server = Server(root / "server")
    server.start()
    try:
        told = trio.run(_vaults, server, scene)
        meter.forget_peak(server.pid)
        before = meter.cpu_seconds(server.pid)
        begun = time.monotonic()
        crowds = _run(server.url, told, scene)
        cpu = meter.cpu_seconds(server.pid) - before
        seen = _judge(scene, crowds)
        seen["server_cpu_share"] = cpu / (time.monotonic() - begun)
        seen["server_cpu_s"] = cpu
        seen["server_mib"] = meter.peak(server.pid) / 2**20
        return seen
    finally:
        server.end()


# --- making vaults -----------------------------------------------------------------------------


async def _vaults(server: Server, scene: Scene) -> list[Told]:
    """Make the vaults, with all their devices; returns the devices."""
    each = scene.devices // scene.vaults
    told: list[Told] = []
    outside = HttpRemote(server.url)
    try:
        for _ in range(scene.vaults):
            told += await _vault(server, outside, each, scene, len(told))
    finally:
        await outside.close()
    return told


async def _vault(
    server: Server, outside: HttpRemote, devices: int, scene: Scene, first: int
) -> list[Told]:
    root = RootKeys(secrets.token_bytes(32))
    keys = [DeviceKeys.generate() for _ in range(devices)]
    created = create_vault(root, keys[0], "0")
    last, invitation = encode_entry(created.entry), create_invitation(server.data)
    await _patiently(partial(outside.create_vault, invitation, last))
    entries: list[bytes] = []
    for n, newcomer in enumerate(keys[1:], 1):
        header = EntryHeader(
            vault=root.vault,
            device=keys[0].id,
            sequence=Sequence(n + 1),
            previous=entry_hash(last),
            seen_position=NOWHERE,
            seen_head=GENESIS_HEAD,
            epoch=created.keys.current,
            packs=(),
            kind=EntryKind.CONTROL,
        )
        control = encode_control(add_device(created.keys, newcomer.public, str(n)))
        last = encode_entry(sign_entry(header, control, keys[0].sign))
        entries.append(last)
    inside = HttpRemote(server.url, root.vault, keys[0].id, keys[0].sign)
    try:
        for at in range(0, len(entries), MAX_APPEND_ENTRIES):
            await _patiently(partial(inside.append, entries[at : at + MAX_APPEND_ENTRIES]))
        end = await _patiently(inside.end)
    finally:
        await inside.close()
    writing = max(scene.writers // scene.vaults, 1)
    writers = {key.id.hex(): first + n for n, key in enumerate(keys[:writing])}
    return [
        {
            "vault": root.vault.hex(),
            "secret": created.keys.secret(created.keys.current).hex(),
            "private": [part.hex() for part in key.private_bytes()],
            "number": first + n,
            "writes": n < writing,
            "audits": n in (0, devices - 1),
            "fetches": bool(scene.pack_bytes) and n == devices - 1,
            "due": writing * scene.entries,
            "writers": writers,
            "sequence": devices if n == 0 else 0,
            "last": entry_hash(last).hex() if n == 0 else "",
            "position": end.position,
            "head": end.head.hex(),
        }
        for n, key in enumerate(keys)
    ]


async def _patiently(call: Callable[[], Awaitable[T]]) -> T:
    """A server lets strangers in slowly: all of these come from one address."""
    return await patiently(call, lambda _: None)


# --- the crowd ---------------------------------------------------------------------------------


def _run(url: str, devices: list[Told], scene: Scene) -> list[Found]:
    processes: list[subprocess.Popen[str]] = []
    # Dealt out one by one, so that every process has writers.
    for n in range(min(PROCESSES, len(devices))):
        task = Task(
            url, devices[n::PROCESSES], scene.entries, ENTRY_BYTES, scene.pack_bytes, PATIENCE_S
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.crowd"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(asdict(task)) + "\n")
        process.stdin.flush()
        processes.append(process)
    try:
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()  # all of its devices have a session
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        return [_answer(process) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _answer(process: subprocess.Popen[str]) -> Found:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("a process of the crowd ended without an answer")
    return Found(**json.loads(line))


def _judge(scene: Scene, crowds: list[Found]) -> dict[str, Any]:
    """Times and rates; and whether everybody got what everybody sent."""
    sent = {(v, p): (t, told) for each in crowds for v, p, t, told in each.sent}
    arrived = [row for each in crowds for row in each.arrived]
    faults = [fault for each in crowds for fault in each.faults]
    due = scene.entries * scene.writers
    readers = scene.devices // scene.vaults
    if len(sent) != due:
        faults.append(f"{len(sent)} of {due} entries were taken")
    if len(arrived) != due * readers:
        faults.append(f"{len(arrived)} of {due * readers} deliveries came")
    digests: dict[str, set[str]] = {}
    for crowd in crowds:
        for name, digest in crowd.digests.items():
            digests.setdefault(name.partition("/")[0], set()).add(digest)
    faults += [f"devices of {vault} read another log" for vault, d in digests.items() if len(d) > 1]
    waits = sorted(1000 * (t - sent[v, p][0]) for v, _, p, t in arrived if (v, p) in sent)
    begun = min((t for t, _ in sent.values()), default=0.0)
    took = max((t for *_, t in arrived), default=begun) - begun or math.inf
    refusals: dict[str, int] = {}
    for crowd in crowds:
        for name, count in crowd.refusals.items():
            refusals[name] = refusals.get(name, 0) + count
    return {
        "seconds": took,
        "entries_per_s": len(sent) / took,
        "deliveries_per_s": len(arrived) / took,
        "mb_per_s": sum(each.moved_bytes for each in crowds) / took / 1e6,
        "p50_ms": statistics.median(waits) if waits else math.nan,
        "p99_ms": waits[int(len(waits) * 0.99)] if waits else math.nan,
        "max_ms": waits[-1] if waits else math.nan,
        "accepted_p50_ms": 1000 * statistics.median(told - t for t, told in sent.values())
        if sent
        else math.nan,
        "waits_ms": [round(wait, 2) for wait in waits[:: max(len(waits) // 200, 1)]],
        "refusals": refusals,
        "faults": faults[:20],
        "checked_entries": sum(each.checked_entries for each in crowds),
        "checked_bytes": sum(each.checked_bytes for each in crowds),
        "crowd_cpu_s": sum(each.cpu_s for each in crowds),
    }
