"""One device: a machine with a disk, a clock, a line and the real engine on it."""

import shutil

import trio

from cozysync.disk import ASIDE, PRIVATE, STAGING, TRASH, RootState
from cozysync.replica import Retention
from cozysync.sync.config import EngineConfig
from cozysync.sync.engine import Engine
from cozysync.sync.home import Home
from cozysync.sync.http_remote import HttpRemote
from cozysync.sync.seams import Seams
from cozysync.vault import CozyError, load_secrets
from tests.simulation import bounds
from tests.simulation.chance import Ended
from tests.simulation.network import Line
from tests.suites.memory_disk import FileSystem, MemoryDisk

ENGINE = "engine"
FOLDER = "/work"
# A vault of so much log is worth a snapshot, so that there are some.
LEAST_SNAPSHOT = 10_000
_SETUP = (PRIVATE, STAGING, ASIDE, TRASH)


class Clock:
    """A wall clock: it runs a little fast or slow, and people and servers set it."""

    def __init__(self, base_s, drift):
        self._base_ns, self._drift = int(base_s * 1e9), drift
        self.ahead_ns = 0

    def now_ns(self):
        return self._base_ns + int(trio.current_time() * 1e9 * (1 + self._drift)) + self.ahead_ns

    def now_s(self):
        return self.now_ns() / 1e9


class Life:
    """One run of the engine's process, from its start to its end."""

    def __init__(self, device):
        self._device = device
        self.over = False
        self.left = None  # points until it ends
        self.power = False
        self.scopes = set()

    def check(self):
        if self.over:
            raise Ended

    def point(self, _what):
        """A place where the machine may stop."""
        self.check()
        if self.left is not None:
            self.left -= 1
            if self.left <= 0:
                self._device.crash(power=self.power)
                raise Ended


class Device:
    """`start` it, `crash` it; `hands` are the person's. `between` is called at every disk call."""

    def __init__(self, name, root, template, server, clock, chance, trace, nursery, retention=None):
        self.name, self._root, self.clock = name, root, clock
        self._chance, self._trace, self._nursery = chance, trace, nursery
        self._generation = 0
        self._retention = retention or Retention()
        shutil.copytree(template, self.home.root)
        self.files = FileSystem(clock.now_ns)
        self.hands = MemoryDisk(self.files, name)
        for path in _SETUP:
            self.hands.mkdir(path)
        self.files.sync()
        self.line = Line(self, server, chance.part(f"line of {name}"), trace)
        self.life = Life(self)
        self.engine = None
        self.is_on = True  # the machine, not the engine
        self.away_until = 0.0  # nobody starts it before
        self.loosely = False
        self.between = lambda _deed, _paths: None
        self.crashed = lambda _device, _power: None
        self.strays = []
        self._watches = []

    @property
    def home(self):
        return Home.at(self._root / f"{self.name}{self._generation}")

    @property
    def is_running(self):
        return self.engine is not None and not self.life.over

    @property
    def is_away(self):
        return trio.current_time() < self.away_until

    # --- starting and ending

    async def start(self):
        self._trace(self.name, "starts")
        life = self.life = Life(self)
        await self._nursery.start(self._run, life)

    async def _run(self, life, task_status):
        secrets = load_secrets(self.home.secrets_file)
        remote = HttpRemote(
            "http://server", secrets.vault.vault, secrets.device.id, secrets.device.sign,
            lambda server_s: engine.link.heard_time(server_s), transport=self.line,
        )  # fmt: skip
        seams = Seams(
            now_ns=self.clock.now_ns, entropy=self._chance.randbytes, ground=_Ground(self, life),
            offload=_Offload(self, life), hand_over=_hand_over,
        )  # fmt: skip
        config = EngineConfig(device=self.name, server=remote.url, retention=self._retention)
        with trio.CancelScope() as self._scope:
            try:
                self.engine = engine = Engine(self.home, config=config, seams=seams, remote=remote)
                engine.replica.database.connection.execute("PRAGMA synchronous=OFF")
                engine.upkeep.snapshots.least_bytes = LEAST_SNAPSHOT
                task_status.started()
                await engine.run()
            except BaseException as error:
                # Of a process that is no more, no error counts.
                if not life.over:
                    raise
                if isinstance(error, trio.Cancelled):
                    raise

    async def tidy(self):
        """As a person who says `cozysync tidy`; what was done, None without an engine."""
        life, done = self.life, None
        if not self.is_running:
            return None
        self._trace(self.name, "tidies")
        with trio.CancelScope() as scope:
            life.scopes.add(scope)
            try:
                done = await self.engine.upkeep.tidy()
            except BaseException as error:
                if not life.over or isinstance(error, trio.Cancelled):
                    raise
            finally:
                life.scopes.discard(scope)
        self._trace(self.name, "has tidied", done)
        return done

    async def give(self, invitation):
        """As a person who says `cozysync give --invite CODE`."""
        self._trace(self.name, "gives")
        life = self.life
        with trio.CancelScope() as scope:
            life.scopes.add(scope)
            try:
                await self.engine.give(invitation)
            except CozyError as error:
                self._trace(self.name, "cannot give", error.message)
            except BaseException as error:
                if not life.over or isinstance(error, trio.Cancelled):
                    raise
            finally:
                life.scopes.discard(scope)

    def crash(self, *, power):
        """The process is gone in this instant, and with `power` what was not synced."""
        self._trace(self.name, "loses power" if power else "is killed")
        self._trace.count("power lost" if power else "engine killed")
        old = self.home.root
        self._generation += 1
        with bounds.real.within(self._root):  # also in the middle of the engine's work
            shutil.copytree(old, self.home.root, ignore=shutil.ignore_patterns("*-shm"))
        self.life.over, self.engine = True, None
        self._scope.cancel()
        for scope in self.life.scopes:
            scope.cancel()
        self._watches = []
        if power:
            self.is_on = False
            self.crashed(self, True)
        else:
            self.crashed(self, False)

    # --- what the person's deeds tell the watch

    def hint(self, path):
        above = path.rpartition(b"/")[0]
        for channel in self._watches:
            channel.send_nowait(above)


def _hand_over(channel, thing):
    channel.send_nowait(thing)  # work runs on the loop here, and nobody could make room meanwhile


class _Offload:
    """Blocking work, run where it stands: it takes a while, and may be the last."""

    def __init__(self, device, life):
        self._device, self._life = device, life

    async def __call__(self, work):
        await trio.lowlevel.checkpoint()
        if self._device._chance.random() < 0.3:
            await trio.sleep(self._device._chance.uniform(0, 0.05))
        self._life.point("before work")
        with bounds.real.within(self._device.home.root):
            result = work()
        self._life.point("after work")
        return result


class _Ground:
    def __init__(self, device, life):
        self._device, self._life = device, life

    def disk(self, _root):
        return MemoryDisk(self._device.files, ENGINE, self._before)

    def watch(self, _root):
        return _Watch(self._device)

    def prepare(self, _root):
        return "marker"

    def check(self, _root, _marker):
        return RootState.OK

    def _before(self, deed, *paths):
        self._life.check()
        self._device._trace(self._device.name, deed, *paths)
        self._device.strays += bounds.strays(deed, paths)
        self._life.point(deed)
        self._device.between(deed, paths)
        self._life.check()
        if deed not in bounds.LOOKING:
            for path in paths:
                if not path.startswith(PRIVATE):
                    self._device.hint(path)


class _Watch:
    how = "in a simulation"

    def __init__(self, device):
        self._device = device

    async def dirty(self):
        chance = self._device._chance
        send, receive = trio.open_memory_channel(10_000)
        self._device._watches.append(send)
        yield None
        while True:
            paths = {await receive.receive()}
            await trio.sleep(chance.uniform(0, 0.1))
            with_more = receive.statistics().current_buffer_used
            paths |= {receive.receive_nowait() for _ in range(with_more)}
            heard = {path for path in sorted(paths) if chance.random() < 0.8}
            if heard:
                yield heard
