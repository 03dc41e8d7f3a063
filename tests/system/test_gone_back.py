"""A real server is restored from an old backup, or loses everything; real devices mend it."""

import json
import os
import shutil
import time

import pytest

from tests.system.test_kills import Person
from tests.system.world import PATIENCE_S, Device, World, pair, run, tree

pytestmark = pytest.mark.system


@pytest.fixture
def world(tmp_path):
    found = World(tmp_path, "ann", "bob")
    try:
        found.bind()
        found.settle()
        yield found
    finally:
        found.close()


def settled(world):
    """As `World.settle`, with patience for what has to be sent again first."""
    give_up = time.monotonic() + PATIENCE_S
    while not all(device.settle()["in_sync"] for device in world.devices):
        assert time.monotonic() < give_up, [device.status() for device in world.devices]
        time.sleep(0.2)
    return world.settle()


def care(world, *arguments, check=True):
    """A `server` command about the world's server."""
    done = run(world.root, "server", *arguments, "--data", world.server.data, "--json", check=check)
    return json.loads(done.stdout)


def test_an_old_backup_made_at_work_is_brought_back_and_everything_converges(world):
    people = [
        Person(device.folder / device.name, n) for n, device in enumerate(world.devices)
    ]  # fmt: skip
    backup = world.root / "backup"
    try:
        for person in people:
            person.start()
        time.sleep(1.5)
        assert care(world, "backup", backup)["report"]["clean"]
        time.sleep(1.5)
        assert care(world, "backup", backup)["report"]["clean"]
        time.sleep(1.5)
    finally:
        for person in people:
            person.finish()
    for device in world.devices:
        (device.folder / f"{device.name} after").write_bytes(os.urandom(300_000))
    before = settled(world)
    position = care(world, "status")[0]["position"]
    world.server.end()
    shutil.rmtree(world.server.data)
    assert care(world, "restore", backup)["report"]["clean"]
    assert care(world, "status")[0]["position"] < position
    world.server.start()
    assert settled(world) == before
    assert care(world, "status")[0]["position"] >= position
    report = care(world, "verify")
    assert report["clean"], report
    assert report["given_up"]
    for person in people:
        for name, data in person.files.items():
            assert (person.folder / name).read_bytes() == data


def test_a_server_that_lost_everything_is_given_it_and_a_new_device_gets_it(world):
    ann, bob = world.devices
    for n in range(40):
        (ann.folder / f"n{n}").write_bytes(os.urandom(20_000))
        (bob.folder / f"small {n}").write_text(f"small {n}")
    before = world.settle()
    world.server.end()
    shutil.rmtree(world.server.data)
    world.server.start()
    give_up = time.monotonic() + PATIENCE_S
    while "does not know" not in str(bob.status()["attention"]):
        assert time.monotonic() < give_up
        time.sleep(0.05)
    wrong = bob.run("give", "--invite", "wrong", check=False)
    assert wrong.returncode == 1
    assert "invitation" in wrong.stderr
    bob.run("give", "--invite", world.server.invite())
    assert settled(world) == before
    new = Device(world.root, "new")
    try:
        pair(ann, new)
        new.start()
        new.bind()
        while not new.settle()["in_sync"]:
            assert time.monotonic() < give_up
            time.sleep(0.2)
        assert tree(new.folder) == before
    finally:
        new.stop()
    report = care(world, "verify")
    assert report["clean"], report
