"""A disk that fills up under the home, where the database is."""

import os
import shutil
import subprocess
import time

import pytest

from tests.system.world import PATIENCE_S, World

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        "COZYSYNC_TEST_FULL_HOME" not in os.environ, reason="a minute; COZYSYNC_TEST_FULL_HOME=1"
    ),
]


@pytest.fixture
def world(tmp_path):
    home = tmp_path / "world" / "home-bob"
    home.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", home]
    if shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("only who may mount can try a full disk")
    world = World(tmp_path / "world", "ann", "bob")
    try:
        world.bind()
        yield world
    finally:
        world.close()
        subprocess.run(["umount", "-l", home], check=True)


def until(holds):
    give_up = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.1)


def test_a_full_home_is_told_loses_nothing_and_goes_on_by_itself(world):
    ann, bob = world.devices
    (ann.folder / "before").write_text("x")
    (bob.folder / "own").write_text("y")
    world.settle()
    filler = bob.home / "filler"
    with filler.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(os.urandom(4096))
            except OSError:
                break
    for n in range(400):
        (ann.folder / f"while-full-{n}").write_text(f"text {n} " * 50)
    (bob.folder / "own").write_text("an edit of bob's, with nowhere to be noted")
    ann.settle()
    database = str(bob.home / "replica.db")
    until(lambda: any(database in each["reason"] for each in bob.status()["attention"]))
    filler.unlink()
    until(lambda: bob.status()["state"] == "in_sync")
    shown = world.settle()
    assert shown[b"own"][0] == b"an edit of bob's, with nowhere to be noted"
    assert shown[b"while-full-399"][0].startswith(b"text 399")
    assert not [name for name in shown if b"conflict" in name]
