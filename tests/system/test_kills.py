"""kill -9 of daemons and server while people work: all arrives, nothing is lost or doubled."""

import os
import random
import signal
import threading
import time

import pytest

from tests.system.world import World

pytestmark = pytest.mark.system

KILLS = int(os.environ.get("COZYSYNC_TEST_KILLS", "6"))
SEED = int(os.environ.get("COZYSYNC_TEST_SEED", "1"))


class Person(threading.Thread):
    """Works in a directory of its own without a pause, and knows what must be there."""

    def __init__(self, folder, seed):
        super().__init__()
        self.folder = folder
        self.files = {}
        self._random = random.Random(seed)
        self._enough = threading.Event()
        folder.mkdir()

    def run(self):
        while not self._enough.wait(self._random.random() * 0.05):
            self._deed()

    def finish(self):
        self._enough.set()
        self.join()

    def _deed(self):
        r = self._random
        known = sorted(self.files)
        choice = r.random()
        if not known or choice < 0.45:
            self._write(self._fresh(), r.randbytes(r.choice([10, 3000, 200_000])))
        elif choice < 0.7:
            self._write(r.choice(known), r.randbytes(r.choice([20, 5000, 300_000])))
        elif choice < 0.85:
            old, new = r.choice(known), self._fresh()
            os.rename(self.folder / old, self.folder / new)
            self.files[new] = self.files.pop(old)
        else:
            gone = r.choice(known)
            (self.folder / gone).unlink()
            del self.files[gone]

    def _fresh(self):
        directory = self.folder / f"d{self._random.randrange(4)}"
        directory.mkdir(exist_ok=True)
        return f"{directory.name}/n{self._random.randrange(10**9)}"

    def _write(self, name, data):
        temporary = self.folder / "writing"
        temporary.write_bytes(data)
        os.replace(temporary, self.folder / name)
        self.files[name] = data


def test_everything_arrives_whoever_is_killed(tmp_path):
    chance = random.Random(SEED)
    world = World(tmp_path, "ann", "bob")
    people = []
    try:
        world.bind()
        world.settle()
        people = [
            Person(device.folder / device.name, SEED + n) for n, device in enumerate(world.devices)
        ]
        for person in people:
            person.start()
        for _ in range(KILLS):
            time.sleep(chance.random() * 0.8)
            victim = chance.choice([*world.devices, world.server])
            if victim is world.server:
                world.server.end(signal.SIGKILL)
                world.server.start()
            else:
                victim.kill()
                victim.start()
        for person in people:
            person.finish()
        shown = world.settle()
    finally:
        for person in people:
            if person.is_alive():
                person.finish()
        world.close()
    expected = {
        f"{device.name}/{name}".encode(): data
        for device, person in zip(world.devices, people, strict=True)
        for name, data in person.files.items()
    }
    files = {name: value[0] for name, value in shown.items() if value is not None}
    assert files.keys() == expected.keys()
    assert files == expected
