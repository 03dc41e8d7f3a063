"""Four devices, people who never rest, kills and cuts several times a minute: nothing is lost.

`COZYSYNC_TEST_SOAK_MINUTES` makes it longer, `COZYSYNC_TEST_SEED` different. Every few minutes all
is mended, everybody settles, and the trees are compared; at the end every mark is looked for.
"""

import json
import os
import random
import signal
import time
from collections import Counter

import pytest

from bench.processes import PATIENCE_S
from tests.system.cable import Cable
from tests.system.crowd import DIRECTORIES, MARK, Worker, marks_below
from tests.system.held import versions
from tests.system.world import World, differences, run, tree

pytestmark = pytest.mark.system

MINUTES = float(os.environ.get("COZYSYNC_TEST_SOAK_MINUTES", "0.25"))
SEED = int(os.environ.get("COZYSYNC_TEST_SEED", "1"))
NAMES = ("ann", "bob", "cleo", "dan")
# Between two faults, in seconds; several a minute, and some close together.
PAUSE_S = 5.0
# After so long everybody settles: a fault is found near its cause.
ROUND_S = 240.0
# Between two deeds of one person, at most.
DEED_S = 0.6


class Weather:
    """What happens to machines and lines, drawn by chance."""

    def __init__(self, world, cables, chance):
        self.world, self.cables, self.chance = world, cables, chance
        self.faults = Counter()
        self._asleep = set()

    def strike(self):
        kinds = ["kill daemon"] * 4 + ["kill server"] * 2 + ["cut"] * 4 + ["cut inside"] * 3
        kinds += ["sleep", "wake", "plug"] * 2
        kind = self.chance.choice(kinds)
        n = self.chance.randrange(len(self.world.devices))
        device, cable = self.world.devices[n], self.cables[n]
        if kind == "kill daemon" and n not in self._asleep:
            device.kill()
            device.start()
        elif kind == "kill server":
            self.world.server.end(signal.SIGKILL)
            self.world.server.start()
        elif kind == "cut":
            cable.cut()
        elif kind == "cut inside":
            cable.plug()
            cable.cut_after(self.chance.choice([100, 3_000, 50_000, 400_000]))
        elif kind == "sleep" and n not in self._asleep:
            self._asleep.add(n)
            device.stop()
        elif kind == "wake":
            self._wake()
        else:
            cable.plug()
        self.faults[kind] += 1

    def clear(self):
        for cable in self.cables:
            cable.plug()
        self._wake()

    def _wake(self):
        for n in self._asleep:
            self.world.devices[n].start()
        self._asleep.clear()


def test_nothing_is_lost_in_a_crowd_with_kills_and_cuts(tmp_path):
    chance = random.Random(SEED)
    world = World(tmp_path, *NAMES)
    cables = []
    people = []
    try:
        cables = [_recabled(world, device) for device in world.devices]
        world.bind()
        world.settle()
        for directory in filter(None, DIRECTORIES):
            (world.devices[0].folder / directory).mkdir(exist_ok=True)
        world.settle()
        weather = Weather(world, cables, chance)
        until = time.monotonic() + MINUTES * 60
        rounds = 0
        while time.monotonic() < until:
            crowd = [
                Worker(f"{device.name}{'x' * rounds}", device.folder, chance.random(), DEED_S)
                for device in world.devices
            ]
            people += crowd
            for each in crowd:
                each.start()
            end_of_round = min(until, time.monotonic() + ROUND_S)
            while time.monotonic() < end_of_round:
                time.sleep(chance.random() * 2 * PAUSE_S)
                weather.strike()
            for each in crowd:
                each.finish()
            weather.clear()
            _settle(world)
            rounds += 1
            _tell(world, people, weather, rounds)
        _verify(world)
        for device in world.devices:
            device.stop()
        _nothing_lost(world, people)
    finally:
        for each in people:
            if each.is_alive():
                each.finish()
        world.close()
        for cable in cables:
            cable.close()


def _recabled(world, device):
    """The device's daemon started again, with a cable of its own between it and the server."""
    device.stop()
    host, port = world.server.url.split("//")[1].rsplit(":", 1)
    cable = Cable(host, int(port))
    config = device.home / "config.toml"
    config.write_text(config.read_text().replace(f":{port}", f":{cable.port}"))
    device.start()
    return cable


def _settle(world):
    """`World.settle`, for machines that have been through a lot: the line may need a moment."""
    give_up = time.monotonic() + PATIENCE_S
    while True:
        outcomes = [device.settle() for device in world.devices]
        trees = [tree(device.folder) for device in world.devices]
        if all(each["in_sync"] for each in outcomes) and all(t == trees[0] for t in trees):
            break
        assert time.monotonic() < give_up, (outcomes, differences(trees))
        time.sleep(0.5)
    position = world.devices[0].status()["server"]["position"]
    for device in world.devices:
        assert device.settle()["in_sync"]
    # At rest nobody echoes what came from others.
    assert world.devices[0].status()["server"]["position"] == position


def _verify(world):
    done = run(world.root, "server", "verify", "--data", world.server.data, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _nothing_lost(world, people):
    """Every mark is on the disks, or somebody who had read it replaced it, or history has it."""
    written = set().union(*(each.written for each in people))
    seen = set().union(*(each.seen for each in people))
    missing = written - seen - marks_below(world.devices[0].folder)
    for device in world.devices:
        missing -= marks_below(device.folder)  # their local trash
    if missing:
        for text in versions(world.devices[0].home, world.server.data / "packs"):
            missing -= set(MARK.findall(text))
    assert not missing, sorted(missing)


def _tell(world, people, weather, rounds):
    deeds = sum((each.deeds for each in people), Counter())
    files = [path for path in world.devices[0].folder.rglob("*") if path.is_file()]
    copies = sum("(conflict, " in path.name for path in files)
    told = {
        "rounds": rounds,
        "deeds": sum(deeds.values()),
        "written": sum(len(each.written) for each in people),
        "faults": dict(weather.faults),
        "files": len(files),
        "copies": copies,
        "position": world.devices[0].status()["server"]["position"],
        "memory_mib": [device.status()["memory"] >> 20 for device in world.devices],
    }
    print(json.dumps(told), flush=True)
