"""A server whose directory somebody meddled with, as a person meets it through the command."""

import time

import pytest

from tests.system.world import PATIENCE_S, World

pytestmark = pytest.mark.system


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path, "ann", "bob")
    try:
        world.bind()
        (world.devices[0].folder / "file").write_text("some text " * 5000)
        world.settle()
        yield world
    finally:
        world.close()


def packs(world):
    return sorted(path for path in (world.server.data / "packs").rglob("*") if path.is_file())


def test_verify_names_what_is_lost_and_it_comes_back(world):
    ann, bob = world.devices
    assert "is there, and whole" in ann.run("verify").stdout
    assert "is there, and whole" in bob.run("verify", "--quick").stdout
    for path in packs(world):
        path.unlink()
    found = bob.run("verify", check=False)
    assert found.returncode == 3
    assert str(bob.folder / "file") in found.stdout
    give_up = time.monotonic() + PATIENCE_S
    while bob.run("verify", check=False).returncode:
        assert time.monotonic() < give_up
        time.sleep(0.2)
    assert packs(world)
    assert bob.run("alarm").stdout.strip() == "No alarm stands."
