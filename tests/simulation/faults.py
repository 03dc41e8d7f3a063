"""What goes wrong in one run, and how often: drawn from the seed before it begins."""

import errno
import math
import os
from dataclasses import dataclass, fields
from functools import partial

import trio

from cozysync_protocol import NOWHERE

DAY_S = 86_400
# Who is away for so long is away for longer than any server waits that does not wait for days.
LONGEST_NAP_S = 1500.0
# Deeds between two disk calls make more disk calls.
MOST_BETWEEN = 300
FULL = frozenset({"create", "write", "mkdir", "symlink", "rename", "exchange"})


@dataclass(frozen=True, slots=True)
class Faults:
    """How often things go wrong; all zero is a peaceful run.

    Shares are of network requests (`line`) and of disk calls (`full`, `broken`, `between`, the
    last being people who work in the middle of one). `kills`, `power`, `server` and `jumps` count
    what happens to each machine; `loosely` lets the file system forget more than ext4 would.

    `tidy` is how often each device looks for what can go, `naps` how often each is off for longer
    than the server waits while others tidy up. `setbacks` is how often the server comes back with
    an old backup, or with nothing. Then conditions, not faults: the seconds of `grace`
    for packs and in which a device that does not come counts as `active`, and the days for which
    `history` is kept.
    """

    line: float = 0.0
    cuts: int = 0
    full: float = 0.0
    broken: float = 0.0
    between: float = 0.0
    kills: int = 0
    power: int = 0
    loosely: bool = False
    server: int = 0
    jumps: int = 0
    tidy: int = 0
    naps: int = 0
    setbacks: int = 0
    grace: int = 600
    active: int = 1000
    history: int = 0

    @classmethod
    def drawn(cls, chance):
        pick, life = chance.choice, chance.part("the server's life").choice
        return cls(
            line=pick((0, 0, 0.03, 0.15, 0.4)),
            cuts=pick((0, 0, 2)),
            full=pick((0, 0, 0, 0.003, 0.03)),
            broken=pick((0, 0, 0, 0.002, 0.02)),
            between=pick((0, 0.003, 0.02)),
            kills=pick((0, 0, 1, 3)),
            power=pick((0, 0, 1, 3)),
            loosely=pick((False, False, True)),
            server=pick((0, 0, 2)),
            jumps=pick((0, 0, 2)),
            tidy=life((0, 1, 2, 5)),
            naps=life((0, 0, 1, 2)),
            grace=life((30, 100, 600)),
            active=life((200, 1000, 3000, 30 * DAY_S)),
            history=life((0, 0, 0, 30)),
            setbacks=life((0, 0, 1)),
        )

    @classmethod
    def said(cls, text):
        """From `name=value name=value`."""
        pairs = (each.split("=") for each in text.split())
        return cls(**{name: float(v) if "." in v else int(v) for name, v in pairs})

    def __str__(self):
        said = [f"{f.name}={v}" for f in fields(self) if (v := getattr(self, f.name)) != f.default]
        return " ".join(said) or "peace"


class Mischief:
    """Brings those faults about, until `stop`."""

    def __init__(self, faults, devices, people, server, chance, trace):
        self._faults, self._devices, self._people = faults, devices, people
        self._server, self._chance, self._trace = server, chance, trace
        self._on = True
        self._inside = False
        self._left_between = MOST_BETWEEN

    def begin(self, nursery, spell):
        """Go about it, within so many seconds."""
        for device, person in zip(self._devices, self._people, strict=True):
            device.line.faults = self._faults.line
            device.loosely = self._faults.loosely
            device.between = partial(self._between, device, person)
            for power, times in ((False, self._faults.kills), (True, self._faults.power)):
                for _ in range(self._chance.randint(0, times)):
                    nursery.start_soon(self._end, device, power, self._chance.uniform(0, spell))
            for _ in range(self._faults.cuts):
                nursery.start_soon(self._cut, device, self._chance.uniform(0, spell))
            for _ in range(self._faults.jumps):
                nursery.start_soon(self._jump, device, self._chance.uniform(0, spell))
            for _ in range(self._faults.tidy):
                nursery.start_soon(self._tidy, device, self._chance.uniform(0, spell))
            for _ in range(self._chance.randint(0, self._faults.naps)):
                nursery.start_soon(self._nap, device, self._chance.uniform(0, spell))
        for _ in range(self._faults.server):
            nursery.start_soon(self._kill_server, self._chance.uniform(0, spell))
        for _ in range(self._faults.setbacks):
            nursery.start_soon(self._set_back, self._chance.uniform(0, spell), spell)

    def stop(self):
        self._on = False
        for device in self._devices:
            device.line.faults = 0.0
            device.line.cut_until = 0.0
            device.life.left = None

    def _between(self, device, person, deed, paths):
        if not self._on or self._inside:
            return
        if self._left_between and self._chance.random() < self._faults.between:
            self._inside = True
            self._left_between -= 1
            self._trace.count("person in between")
            person.work()
            self._inside = False
        if deed in FULL and self._chance.random() < self._faults.full:
            self._fail(device, deed, errno.ENOSPC, "disk full")
        if self._chance.random() < self._faults.broken:
            self._fail(device, deed, errno.EIO, "disk error")

    def _fail(self, device, deed, code, kind):
        self._trace(device.name, kind)
        self._trace.count(kind)
        raise OSError(code, os.strerror(code))

    async def _end(self, device, power, after):
        await trio.sleep(after)
        if self._on and device.is_running:
            device.life.power = power
            device.life.left = self._chance.choice((3, 30, 300))
            device.life.left = self._chance.randint(1, device.life.left)

    async def _cut(self, device, after):
        await trio.sleep(after)
        if self._on:
            device.line.cut(self._chance.choice((1, 30, 600)))

    async def _jump(self, device, after):
        await trio.sleep(after)
        if self._on:
            self._trace.count("clock set")
            hours = self._chance.choice((-30, -1, -0.001, 0.001, 1, 30))
            device.clock.ahead_ns += int(hours * 3600 * 1e9)
            self._trace(device.name, "clock", hours)

    async def _tidy(self, device, after):
        await trio.sleep(after)
        if self._on:
            await device.tidy()

    async def _nap(self, device, after):
        """Be off for long, perhaps with something unsent, while others let go of what is old."""
        await trio.sleep(after)
        if not self._on or not device.is_running or device.is_away:
            return
        self._trace.count("nap")
        if self._chance.random() < 0.5:
            device.line.cut(5)
            await trio.sleep(5)
        if not device.is_running:
            return
        seconds = min(self._faults.active, LONGEST_NAP_S) * self._chance.uniform(1.1, 2)
        device.away_until = trio.current_time() + seconds
        device.crash(power=False)
        others = [each for each in self._devices if each is not device]
        for share in (0.5, 0.4):
            await trio.sleep(seconds * share)
            await self._chance.choice(others).tidy()

    async def _set_back(self, after, spell):
        """Lose what the server has kept since a while; who can give it back comes first.

        That is what `docs/OPERATING.md` asks of people; if another came first and wrote, there
        would be two histories, which nothing can mend by itself.
        """
        await trio.sleep(after / 2)
        how = self._chance.choice(("empty", "restored", "replaced"))
        while not self._server.is_up:  # noqa: ASYNC110
            await trio.sleep(1)
        since = NOWHERE if how == "empty" else self._server.position()
        self._server.back_up()
        await trio.sleep(after / 2)
        while not (  # noqa: ASYNC110
            knowing := [each for each in self._devices if self._can_give(each, since)]
        ):
            await trio.sleep(0.1)
        first = self._chance.choice(knowing)
        end = self._server.position()
        others = [each for each in self._devices if each is not first]
        before = [each.line.cut_until for each in others]
        for each in others:
            each.line.cut(math.inf)
        await self._server.come_back(how)
        while self._server.position() < end:
            if how == "empty" and first.is_running and self._server.is_up:
                await first.give(self._server.store.invite())
            await trio.sleep(1)
        for each, until in zip(others, before, strict=True):
            each.line.cut_until = until

    def _can_give(self, device, since):
        """Whether a device has read all that there is, and keeps it from a position on."""
        if not (self._server.is_up and device.is_running and not device.is_away):
            return False
        end = self._server.position()
        kept = device.engine.replica.frames.after(since, end, 1 << 40)
        return device.engine.ledger.log_state().position == end and len(kept) >= end - since

    async def _kill_server(self, after):
        await trio.sleep(after)
        if self._on and self._server.is_up:
            self._trace.count("server killed")
            self._server.crash()
            await trio.sleep(self._chance.choice((0.1, 5, 100)))
            await self._server.start()
