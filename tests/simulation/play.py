"""One run from one seed: a vault is furnished, perturbed, left in peace, and looked at."""

import contextlib
import shutil
import tempfile
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import trio

from cozysync.replica import Retention
from cozysync.server.collection import Keeping
from cozysync.sync.inbox import LookAgain
from tests.simulation import bounds, checks, repeatable, server_checks
from tests.simulation.chance import Chance, Restless, Trace
from tests.simulation.device import Clock, Device
from tests.simulation.diary import Diary, words, words_in
from tests.simulation.faults import DAY_S, Faults, Mischief
from tests.simulation.people import Person
from tests.simulation.server import Machine
from tests.simulation.template import BASE_S, NAMES, NEWCOMER, memory_directory, template
from tests.suites.memory_disk import contents

PATIENCE_S = 6 * 3600.0
ROUNDS = 40
# When all packs of nobody are to be gone.
COLLECTED_WITHIN_S = 3600.0
REST_S = 700.0  # in which everybody looks through everything at least once


@dataclass
class Played:
    """How it went: what was wrong (nothing, one hopes), and figures."""

    seed: int
    faults: Faults
    wrong: list[str] = field(default_factory=list)
    digest: str = ""
    counts: Counter = field(default_factory=Counter)
    events: int = 0
    hours: float = 0.0


def play(seed, told=None, faults=""):
    """Play a seed to its end; `told` is a file that hears of everything.

    `faults` says which to have in place of those that the seed draws: `power=3 loosely=1`.
    """
    chance = Chance(seed)
    drawn = Faults.drawn(chance)
    played = Played(seed, Faults.said(faults) if faults else drawn)
    master, vault = template()
    root = Path(tempfile.mkdtemp(prefix="cozysync-play-", dir=memory_directory()))
    try:
        with bounds.real.within(root):
            repeatable.run(seed, lambda: _World(root, master, vault, chance, played, told).run())
    finally:
        shutil.rmtree(root)
    return played


class _World:
    def __init__(self, root, master, vault, chance, played, told):
        self._root, self._master, self._vault = root, master, vault
        self._chance, self._played = chance, played
        self._trace = Trace(trio.current_time, told)
        self._diary = Diary()
        self._means_it = False

    async def run(self):
        begun = trio.current_time()
        try:
            async with trio.open_nursery() as nursery:
                await self._furnish(nursery)
                await self._perturb()
                await self._tidy_up()
                await self._rest()
                await self._coda()
                await self._tidy_up()
                await self._newcomer()
                await self._epilogue()
                nursery.cancel_scope.cancel()
        except* (_Wrong, _Over):
            pass
        except* Restless:
            self._played.wrong.append("it never comes to rest")
        except* Exception as errors:
            self._played.wrong.append("it ends with an error\n" + _traces(errors))
        played, trace = self._played, self._trace
        played.digest, played.counts, played.events = trace.digest(), trace.counts, trace.events
        played.hours = (trio.current_time() - begun) / 3600

    # --- the acts

    async def _furnish(self, nursery):
        self._nursery = nursery
        server_clock = Clock(BASE_S + 60, 0)
        shutil.copytree(self._master / "server0", self._root / "server0")
        faults = self._played.faults
        self.server = Machine(
            self._root, self._vault, server_clock.now_s, self._chance.part("server"), self._trace,
            nursery, Keeping(faults.grace, faults.active),
        )  # fmt: skip
        await self.server.start()
        count = self._chance.choice((2, 2, 3))
        if faults.active >= DAY_S:
            count = 3  # who never comes would hold everything up to the end
        self.devices = []
        for name in NAMES[:count]:
            await self._arrive(name)
        self.people = [
            Person(d, self._diary, self._chance.part(f"person {d.name}"), self._trace)
            for d in self.devices
        ]
        for _ in range(self._chance.randint(5, 40)):
            self.people[0].work()
        await self._settle()
        self._check("after furnishing")

    async def _arrive(self, name):
        clock = Clock(BASE_S + 60 + self._chance.uniform(-5, 5), self._chance.uniform(-1e-4, 1e-4))
        device = Device(
            name, self._root, self._master / f"{name}0", self.server, clock,
            self._chance.part(name), self._trace, self._nursery,
            Retention(*[self._played.faults.history] * 4),
        )  # fmt: skip
        device.crashed = self._crashed
        self.devices.append(device)
        await device.start()

    async def _perturb(self):
        pause = self._chance.choice((0.02, 0.5, 10, 200))
        deeds = self._chance.randint(5, 30)
        self._trace("world", "mischief", self._played.faults)
        mischief = Mischief(
            self._played.faults, self.devices, self.people, self.server,
            self._chance.part("mischief"), self._trace,
        )  # fmt: skip
        async with trio.open_nursery() as nursery:
            mischief.begin(nursery, pause * deeds + 20)
            for person in self.people:
                nursery.start_soon(self._live, person, pause, deeds)
        await trio.sleep(self._chance.choice((0, 1, 100)))
        mischief.stop()
        self._trace("world", "peace")
        await self._settle()
        self._check("after mischief")

    async def _live(self, person, pause, deeds):
        chance = self._chance.part(f"days {person._device.name}")
        for _ in range(deeds):
            await trio.sleep(chance.expovariate(1 / pause))
            for _ in range(chance.choice((1, 1, 1, 4))):
                person.work()
                self._trace.count("deed")

    async def _tidy_up(self):
        """Let go of everything that nobody needs, until there is no more of it."""
        for _ in range(ROUNDS):
            before = self.server.position()
            for device in self.devices:
                await device.tidy()
                await self._settle()
            if self.server.position() == before:
                break
        else:
            self._wrong("tidying up", ["there is always something more to let go of"])
        self._check("after tidying up")

    async def _rest(self):
        """Nobody does anything: then nothing may be said."""
        position = self.server.position()
        await trio.sleep(REST_S)
        self._is_still(position, "a rest")
        for device in self.devices:
            device.crash(power=False)
        await self._settle()
        self._is_still(position, "starting again")
        self._check("after rest")

    async def _coda(self):
        """Deletes in peace: what is gone stays gone, whoever starts again."""
        self._means_it = True
        person = self._chance.choice(self.people)
        before = words_in(person._device.files.root, private=False)
        for _ in range(3):
            person._mass_delete()
        gone = before - words_in(person._device.files.root, private=False)
        await self._settle()
        for device in self.devices:
            device.crash(power=False)
        await self._settle()
        self._wrong("in the coda", checks.nothing_back(self.devices, gone))
        self._check("in the coda")

    async def _newcomer(self):
        """Who comes last finds all that is shown, whatever the server has let go of."""
        await self._arrive(NEWCOMER)
        await self._settle()
        self._check("when another one has come")

    async def _epilogue(self):
        """The server looks through all that it has."""
        self.server.crash()
        await self.server.start()
        self._wrong("in the end", checks.server_keeps(self.server))
        await self._settle()
        with trio.move_on_after(COLLECTED_WITHIN_S):
            while list(server_checks.is_small(self.server, self.devices)):  # noqa: ASYNC110
                await trio.sleep(60)
        self._wrong("in the end", server_checks.is_small(self.server, self.devices))
        self._wrong("in the end", server_checks.finds_nothing(self.server))
        self._check("in the end")
        if self.server.store.snapshots.start(self._vault):
            self._trace.count("log that begins with a snapshot")

    # --- machines

    def _crashed(self, device, power):
        if power:
            files = device.files
            # What others show has been said to be safe: then no power cut may take it any more. A
            # file that was written in place may be torn with all that it held before, and so may
            # one that was renamed into the place of another before it was synced.
            others = (each.files.root for each in self.devices if each is not device)
            safe = set().union(*(words_in(root, private=False) for root in others))
            before = set()
            for node, content in files.dirty.items():
                if content and node.writer == device.name:
                    saved = files.saved(node)
                    old = words(saved.data) if saved else self._diary.before(node.data)
                    before |= (words(node.data) - safe) | old
            files.crash(device._chance, loosely=device.loosely)
            for node in _torn_by_people(device):
                self._diary.left.add(node.data)
            self._diary.power_lost(before, words_in(files.root, private=True))
            self._wrong("after a power cut", checks.whole_files(device, self._diary))
        self._nursery.start_soon(self._start_again, device, power)

    async def _start_again(self, device, power):
        await trio.sleep(device._chance.choice((0.01, 1, 60)))
        await trio.sleep_until(device.away_until)
        device.is_on = True
        await device.start()

    async def _settle(self):
        """Let everybody have everything."""
        reasons = "time is over"
        with trio.move_on_after(PATIENCE_S):
            for _ in range(ROUNDS):
                while not all(each.is_running for each in self.devices):  # noqa: ASYNC110
                    await trio.sleep(1)
                before = self.server.position()
                outcomes = [await device.engine.settle() for device in self.devices]
                if all(each.in_sync for each in outcomes) and self.server.position() == before:
                    return
                await self._decide()
                reasons = "; ".join(r for each in outcomes for r in each.reasons) or "it goes on"
                await trio.sleep(7)
        if "content cannot be had" in reasons and server_checks.held_by_nobody(
            self.server, self.devices
        ):
            self._trace.count("content that went with the server and nobody held")
            raise _Over
        self._wrong("settling", [f"it never settles: {reasons}"])

    async def _decide(self):
        """Somebody sees what is held and says whether it was meant; in the coda it was."""
        for device in self.devices:
            for held in device.engine.approvals.list():
                allow = self._means_it or self._chance.random() < 0.7
                self._trace(device.name, "approves" if allow else "denies", held["count"])
                self._trace.count("deletions held")
                with contextlib.suppress(LookAgain):
                    await device.engine.approvals.decide(
                        Path(held["path"]), held["seen"], allow=allow
                    )

    def _is_still(self, position, when):
        now = self.server.position()
        if now != position:
            self._wrong(when, [f"{now - position} entries were written though nobody did anything"])

    def _check(self, when):
        self._wrong(when, checks.in_bounds(self.devices))
        self._wrong(when, checks.converged(self.devices))
        self._wrong(when, checks.nothing_lost(self.devices, self._diary))
        for device in self.devices:
            self._wrong(when, checks.whole_files(device, self._diary))
        self._wrong(when, checks.server_keeps(self.server))

    def _wrong(self, when, found):
        wrong = [f"{when}: {each}" for each in found]
        if wrong:
            self._played.wrong += wrong
            raise _Wrong


class _Over(Exception):
    """It cannot go on, and nothing is wrong."""


class _Wrong(Exception):
    pass


def _traces(errors):
    return "".join(traceback.format_exception(errors))


def _torn_by_people(device):
    there = contents(device.files.root, private=True).values()
    return [node for node in there if node.writer == device.name]
