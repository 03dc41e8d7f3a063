"""A daemon whose database breaks mends itself; one with another history rejoins by one command."""

import shutil
import time

import pytest

from tests.system.world import PATIENCE_S, World

pytestmark = pytest.mark.system


@pytest.fixture
def world(tmp_path):
    found = World(tmp_path, "ann", "bob")
    try:
        found.bind()
        for n in range(150):
            (found.devices[0].folder / f"n{n}").write_text(f"file {n} " * (n * 3))
        found.settle()
        yield found
    finally:
        found.close()


def until(device, holds):
    give_up = time.monotonic() + PATIENCE_S
    while not holds(device.status()):
        assert time.monotonic() < give_up, device.status()
        time.sleep(0.1)


def set_aside(device):
    return list(device.home.glob("set-aside-*"))


def test_damage_met_at_work_is_set_aside_and_the_daemon_goes_on(world):
    ann, bob = world.devices
    ann.stop()
    database = ann.home / "replica.db"
    data = bytearray(database.read_bytes())
    for at in range(len(data) // 3 // 4096 * 4096, len(data), 4096):
        data[at] ^= 0xFF
    database.write_bytes(data)
    (bob.folder / "n3").unlink()
    (bob.folder / "n4").write_text("newer")
    bob.settle()
    ann.start()
    until(ann, lambda status: "is damaged" in str(status["attention"]) and set_aside(ann))
    until(ann, lambda status: status["state"] == "in_sync")
    shown = world.settle()
    assert b"n3" not in shown
    assert shown[b"n4"][0] == b"newer"
    assert len(shown) == 149
    assert len(set_aside(ann)) == 1


def test_a_database_deleted_under_a_killed_daemon_is_built_anew(world):
    ann, bob = world.devices
    before = world.settle()
    ann.kill()
    for path in ann.home.glob("replica.db*"):
        path.unlink()
    (ann.folder / "while down").write_text("x")
    ann.start()
    shown = world.settle()
    assert shown.keys() == before.keys() | {b"while down"}
    assert bob.status()["conflicts"] == 0


def test_a_fork_after_a_restore_ends_with_rejoin(world):
    ann, bob = world.devices
    backup = world.root / "backup"
    ann.run("server", "backup", backup, "--data", world.server.data)
    bob.stop()
    (ann.folder / "n5").write_text("edited after the backup")
    (ann.folder / "after").write_text("made after the backup")
    ann.settle()
    ann.stop()
    world.server.end()
    shutil.rmtree(world.server.data)
    ann.run("server", "restore", backup, "--data", world.server.data)
    world.server.start()
    (bob.folder / "between").write_text("bob came first")
    bob.start()
    bob.settle()
    ann.start()
    until(ann, lambda status: status["alarm"] is not None)
    assert ann.status()["alarm"]["kind"] == "fork"
    assert "cozysync rejoin" in ann.run("status", check=False).stdout
    ann.run("rejoin", "--yes")
    shown = world.settle()
    assert shown[b"n5"][0] == b"edited after the backup"
    assert shown[b"after"][0] == b"made after the backup"
    assert shown[b"between"][0] == b"bob came first"
    assert len(shown) == 152
    assert ann.status()["alarm"] is None
