"""A crowd: many devices in one process, each a protocol client with the product's remote and keys.

They have no folders and no replica, so that a few processes can be hundreds of devices, and what
is measured is the server and the way to it. `python -m bench.crowd` reads what to do from its
input, and answers with what was sent and what arrived.
"""

import hashlib
import json
import random
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, TypeVar

import trio

from cozysync.sync.http_remote import HttpRemote
from cozysync.sync.remote import Refused, Unreachable
from cozysync.vault import DeviceKeys, VaultKeys
from cozysync_protocol import (
    NO_ENTRY,
    ChunkId,
    Entry,
    EntryHash,
    EntryHeader,
    EntryKind,
    Epoch,
    ErrorCode,
    HeadHash,
    LogState,
    Pack,
    PackBuilder,
    PackId,
    Position,
    Sequence,
    VaultId,
    advance,
    decode_entry,
    encode_entry,
    entry_hash,
    sign_entry,
)

T = TypeVar("T")

WAIT_S = 20
# What is said as JSON of one vault or device, all in hexadecimal.
Told = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Task:
    """What one process does: its devices, how many entries each of the writers sends, how large.

    With `pack_bytes`, every entry names a pack of that size which is sent before; those devices
    that are told to fetch it and compare it.
    """

    url: str
    devices: list[Told]
    entries: int
    entry_bytes: int
    pack_bytes: int
    patience_s: float


@dataclass(slots=True)
class Found:
    """What one process saw. Times are of the clock that all processes of a machine share.

    `sent` has vault, position, when it was committed and when the server had answered; `arrived`
    has vault, device, position and when; `digests` are of all that a device read, in order.
    """

    sent: list[tuple[str, int, float, float]] = field(default_factory=list)
    arrived: list[tuple[str, int, int, float]] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    refusals: dict[str, int] = field(default_factory=dict)
    checked_entries: int = 0
    checked_bytes: int = 0
    moved_bytes: int = 0
    cpu_s: float = 0.0


class Member:
    """One device of one vault."""

    def __init__(self, told: Told, url: str, found: Found) -> None:
        self.number: int = told["number"]
        self.writes: bool = told["writes"]
        self.audits: bool = told["audits"]
        self.fetches: bool = told["fetches"]
        self.due: int = told["due"]
        self.writers: dict[bytes, int] = {
            bytes.fromhex(device): number for device, number in told["writers"].items()
        }
        signing, wrapping = (bytes.fromhex(part) for part in told["private"])
        self.keys = DeviceKeys(signing, wrapping)
        vault = VaultId(bytes.fromhex(told["vault"]))
        self.vault = VaultKeys(vault, {Epoch(1): bytes.fromhex(told["secret"])})
        self.name = f"{told['vault']}/{self.number}"
        self.remote = HttpRemote(url, vault, self.keys.id, self.keys.sign)
        self._found = found
        self._state = LogState(vault)
        self._sequence: int = told["sequence"]
        self._last = EntryHash(bytes.fromhex(told["last"])) if told["last"] else NO_ENTRY
        self._began_at = Position(told["position"])
        self._head = HeadHash(bytes.fromhex(told["head"]))

    async def write(self, task: Task) -> None:
        """Commit entries, one after another as a device does."""
        for number in range(task.entries):
            committed = time.monotonic()
            packs: tuple[PackId, ...] = ()
            if task.pack_bytes:
                pack = self._pack(number, task.pack_bytes)
                await self.attempt(partial(self.remote.put_pack, pack.id, pack.data))
                self._found.moved_bytes += len(pack.data)
                packs = (pack.id,)
            entry = encode_entry(self._entry(number, task.entry_bytes, packs))
            answer = await self.attempt(partial(self.remote.append, [entry], self._began_at))
            self._last = entry_hash(entry)
            self._found.moved_bytes += len(entry)
            position, _ = answer.positions[0]
            vault = self.vault.vault.hex()
            self._found.sent.append((vault, position, committed, time.monotonic()))

    async def read(self, task: Task) -> None:
        """Read the log until all that is due has come, and note when each entry did."""
        hashing = hashlib.sha256()
        after, end = Position(0), self._began_at + self.due
        while after < end:
            answers = await self.attempt(partial(self._answers, after))
            for frame in answers:
                now = time.monotonic()
                if frame.position != after + 1:
                    self._found.faults.append(f"{self.name}: {frame.position} after {after}")
                after = frame.position
                hashing.update(frame.head + frame.entry)
                self._found.moved_bytes += len(frame.entry)
                if after > self._began_at:
                    vault = self.vault.vault.hex()
                    self._found.arrived.append((vault, self.number, after, now))
                if self.audits or self.fetches:
                    await self._check(decode_entry(frame.entry), frame.position, frame.head, task)
        self._found.digests[self.name] = hashing.hexdigest()

    async def _answers(self, after: Position) -> list[Any]:
        frames: list[Any] = []
        async for batch in self.remote.log(after, WAIT_S):
            frames += batch
        return frames

    async def _check(self, entry: Entry, position: Position, head: HeadHash, task: Task) -> None:
        """Verify as a device does, and compare every byte with what the writer must have sent."""
        if self.audits:
            self._state = advance(self._state, entry, position=position, head=head)
        writer = self.writers.get(entry.header.device)
        if entry.header.kind is not EntryKind.SEALED or writer is None:
            return
        plain = self.vault.open_entry(entry)
        number = int.from_bytes(plain[:4], "big")
        if plain != _payload(writer, number, task.entry_bytes):
            self._found.faults.append(f"{self.name}: entry {position} is not what was sent")
        self._found.checked_entries += 1
        self._found.checked_bytes += len(plain)
        if self.fetches:
            for pack in entry.header.packs:
                await self._fetch(pack, writer, number, task.pack_bytes)

    async def _fetch(self, pack: PackId, writer: int, number: int, size: int) -> None:
        data = await self.attempt(partial(self.remote.get_pack, pack, 0, 2 * size))
        self._found.moved_bytes += len(data)
        if hashlib.sha256(data).digest() != pack or _payload(writer, number, size) not in data:
            self._found.faults.append(f"{self.name}: pack {number} of {writer} is another one")
        self._found.checked_bytes += len(data)

    async def attempt(self, call: Callable[[], Awaitable[T]]) -> T:
        """As a device does: what the server cannot take just now is tried again, and counted."""
        return await patiently(call, self._refused)

    def _refused(self, name: str) -> None:
        self._found.refusals[name] = self._found.refusals.get(name, 0) + 1

    def _pack(self, number: int, size: int) -> Pack:
        data = _payload(self.number, number, size)
        builder = PackBuilder()
        builder.add(ChunkId(hashlib.sha256(data).digest()), data)
        return builder.finish(self.vault.seal_index)

    def _entry(self, number: int, size: int, packs: tuple[PackId, ...]) -> Entry:
        self._sequence += 1
        header = EntryHeader(
            vault=self.vault.vault,
            device=self.keys.id,
            sequence=Sequence(self._sequence),
            previous=self._last,
            seen_position=self._began_at,
            seen_head=self._head,
            epoch=Epoch(1),
            packs=packs,
            kind=EntryKind.SEALED,
        )
        sealed = self.vault.seal_entry(header, _payload(self.number, number, size))
        return sign_entry(header, sealed, self.keys.sign)


def _payload(writer: int, number: int, size: int) -> bytes:
    """What a writer sends as its entry or pack of a number: anybody can say what it must be."""
    chance = random.Random(writer * 1_000_003 + number)
    return number.to_bytes(4, "big") + chance.randbytes(max(size - 4, 0))


async def patiently(call: Callable[[], Awaitable[T]], refused: Callable[[str], None]) -> T:
    """What `call` returns, tried until the server takes it; `refused` is told of each time."""
    pause = 0.1
    while True:
        try:
            return await call()
        except Refused as error:
            if error.code is not ErrorCode.TOO_MANY:
                raise
            name = error.code.name.lower()
            pause = max(pause, error.retry_after_s)
        except Unreachable as error:
            name = error.message
        refused(name)
        await trio.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(2 * pause, 5)


async def work(task: Task) -> Found:
    """Be these devices."""
    found = Found()
    members = [Member(told, task.url, found) for told in task.devices]
    try:
        with trio.fail_after(task.patience_s):
            async with trio.open_nursery() as nursery:
                for member in members:  # a session each, before the time runs
                    nursery.start_soon(member.attempt, member.remote.end)
            found.refusals.clear()
            print("ready", flush=True)
            sys.stdin.readline()
            async with trio.open_nursery() as nursery:
                for member in members:
                    nursery.start_soon(member.read, task)
                await trio.sleep(1)  # let all of them wait
                for member in members:
                    if member.writes:
                        nursery.start_soon(member.write, task)
    except (trio.TooSlowError, ExceptionGroup) as error:
        found.faults.append(f"it did not come to an end: {error!r}"[:300])
    finally:
        for member in members:
            await member.remote.close()
    used = resource.getrusage(resource.RUSAGE_SELF)
    found.cpu_s = used.ru_utime + used.ru_stime
    return found


if __name__ == "__main__":
    print(json.dumps(asdict(trio.run(work, Task(**json.loads(sys.stdin.readline()))))))
