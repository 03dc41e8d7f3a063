"""Wrong input and a hostile world: each a clear message with a path and a remedy, nothing lost."""

import os
import shutil
import subprocess
import time
from datetime import date

import pytest

from tests.system.world import COMMAND, PATIENCE_S, World, run

pytestmark = pytest.mark.system

YEAR_S = 365 * 86_400


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("world"), "ann", "bob")
    try:
        world.bind()
        for n in range(60):
            (world.devices[0].folder / f"file{n}").write_text(f"file {n}")
        world.settle()
        yield world
    finally:
        world.close()


def refused(home, *arguments, code, say):
    done = run(home, *arguments, check=False)
    assert done.returncode == code, done
    assert say in done.stderr
    assert len(done.stderr.strip().splitlines()) >= 2, "a remedy is missing"
    assert "Traceback" not in done.stderr


def test_commands_without_a_vault(tmp_path):
    for command in (["status"], ["start"], ["folder", "add", tmp_path]):
        refused(tmp_path / "home", *command, code=2, say="no vault yet")


def test_a_missing_server(tmp_path):
    init = ["init", "--server", "http://127.0.0.1:9", "--invite", "x"]
    refused(tmp_path / "home", *init, code=5, say="cannot be reached")


def test_a_foreign_server(tmp_path):
    foreign = subprocess.Popen(
        ["python3", "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        port = foreign.stdout.readline().split("port ")[1].split()[0]
        init = ["init", "--server", f"http://127.0.0.1:{port}", "--invite", "x"]
        refused(tmp_path / "home", *init, code=5, say="not as a cozysync server does")
    finally:
        foreign.terminate()
        foreign.wait(10)
        foreign.stdout.close()


def test_codes_that_are_wrong(world, tmp_path):
    home = tmp_path / "home"
    refused(home, "join", "nonsense", code=2, say="not a pairing code")
    url = world.server.url.removeprefix("http://")
    refused(home, "join", f"{url}/77-zoo-zoo-zoo", code=1, say="No device is waiting")
    init = ["init", "--server", world.server.url, "--invite", "wrong"]
    refused(home, *init, code=1, say="invitation is wrong")
    assert not (home / "secrets").exists()


def test_the_one_guess_of_a_pairing(world, tmp_path):
    device = world.devices[0]
    process = subprocess.Popen(
        [*COMMAND, "pair"],
        env=os.environ | {"COZYSYNC_HOME": str(device.home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    line = next(line for line in process.stdout if "cozysync join" in line)
    code = line.split()[-1]
    wrong = code.rsplit("-", 1)[0] + ("-zoo" if not code.endswith("zoo") else "-able")
    refused(tmp_path / "home", "join", wrong, code=1, say="code is wrong")
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "code is wrong" in told
    refused(tmp_path / "home", "join", code, code=1, say="No device is waiting")


def test_folders_that_cannot_be(world, tmp_path):
    device = world.devices[0]
    (device.folder / "sub").mkdir()
    refused(device.home, "folder", "add", device.folder / "sub", code=2, say="overlaps")
    refused(device.home, "folder", "add", device.folder.parent, code=2, say="overlaps")
    refused(device.home, "folder", "add", tmp_path / "none" / "deep", code=2, say="not a directory")
    refused(device.home, "folder", "remove", tmp_path, code=2, say="not a folder")


def test_a_second_daemon_on_the_same_home(world):
    refused(world.devices[0].home, "start", "--foreground", code=1, say="already at work")


def test_an_unreadable_configuration_key(world):
    home = world.devices[1].home
    config = home / "config.toml"
    kept = config.read_text()
    world.devices[1].stop()
    try:
        config.write_text(kept + 'sevrer = "x"\n')
        refused(home, "start", code=2, say="sevrer")
    finally:
        config.write_text(kept)
        world.devices[1].start()


def until(holds):
    give_up = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.1)


def blocked(device):
    folder = device.status()["folders"][0]
    return [f"{each['path']} {each['reason']} {each['remedy']}" for each in folder["blocked"]]


def test_a_root_that_vanishes_deletes_nothing_elsewhere(world):
    ann, bob = world.devices
    world.settle()
    away = ann.folder.with_name("away")
    ann.folder.rename(away)
    ann.settle()
    assert "not there" in blocked(ann)[0]
    ann.folder.mkdir()
    ann.settle()
    assert "not the folder that was bound" in blocked(ann)[0]
    assert ann.run("wait", check=False).returncode == 3
    bob.settle()
    assert len(list(bob.folder.glob("file*"))) == 60
    ann.folder.rmdir()
    away.rename(ann.folder)
    world.settle()
    assert blocked(ann) == []


def test_a_mass_delete_is_held(world):
    ann, bob = world.devices
    world.settle()
    kept = ann.folder.with_name("kept")
    kept.mkdir()
    ann.stop()
    for path in ann.folder.glob("file*"):
        path.rename(kept / path.name)
    ann.start()
    ann.settle()
    assert "vanished at once" in blocked(ann)[0]
    bob.settle()
    assert len(list(bob.folder.glob("file*"))) == 60
    assert ann.run("approve", check=False).returncode == 1
    assert ann.run("approve", "--json", check=False).returncode == 3
    assert "brought back" in ann.run("approve", "--deny", "--yes", ann.folder).stdout
    world.settle()
    assert len(list(ann.folder.glob("file*"))) == 60
    assert blocked(ann) == []


def test_an_unreadable_file_is_named_and_the_rest_goes_on(world):
    ann, bob = world.devices
    world.settle()
    ann.stop()
    ann.start_through("powerless.py")
    secret, closed = ann.folder / "secret", ann.folder / "closed"
    secret.write_text("x")
    closed.mkdir()
    (closed / "inside").write_text("z")
    secret.chmod(0)
    closed.chmod(0)
    (ann.folder / "beside").write_text("y")
    ann.settle()
    bob.settle()
    assert (bob.folder / "beside").exists()
    assert not (bob.folder / "secret").exists()
    told = "\n".join(blocked(ann))
    assert str(secret) in told
    assert str(closed) in told
    secret.chmod(0o600)
    closed.chmod(0o700)
    shown = world.settle()
    assert shown[b"secret"][0] == b"x"
    assert shown[b"closed/inside"][0] == b"z"
    ann.stop()
    ann.start()


@pytest.fixture
def tiny_disk(tmp_path):
    place = tmp_path / "tiny"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", place]
    if shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("only who may mount can try a full disk")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_file_without_room_lets_the_others_by(world, tiny_disk, tmp_path):
    ann, bob = world.devices
    wide = tmp_path / "wide"
    wide.mkdir()
    ann.run("folder", "add", wide, "--as", "tight")
    bob.run("folder", "add", tiny_disk, "--as", "tight")
    try:
        (wide / "big").write_bytes(os.urandom(16 << 20))
        (wide / "small").write_text("x")
        ann.settle()
        reasons = bob.settle()["reasons"]
        assert [str(tiny_disk / "big") in each and "no room" in each for each in reasons] == [True]
        assert (tiny_disk / "small").read_text() == "x"
        (tiny_disk / "own").write_bytes(os.urandom(1 << 20))
        bob.settle()
        ann.settle()
        assert (wide / "own").stat().st_size == 1 << 20
        (wide / "big").unlink()
        ann.settle()
        assert bob.settle()["in_sync"]
    finally:
        ann.run("folder", "remove", wide)
        bob.run("folder", "remove", tiny_disk)


def test_a_damaged_database_is_set_aside_and_built_anew(world):
    ann = world.devices[0]
    world.settle()
    ann.stop()
    database = ann.home / "replica.db"
    data = bytearray(database.read_bytes())
    data[4096 : 4096 * 3] = b"\xa5" * 8192
    database.write_bytes(data)
    ann.start()
    shown = world.settle()
    assert not [name for name in shown if b"conflict" in name]
    [kept] = ann.home.glob("set-aside-*/replica.db")
    assert kept.read_bytes()[4096 : 4096 * 3] == b"\xa5" * 8192
    (ann.folder / "after").write_text("authored by the rebuilt device")
    assert b"after" in world.settle()
    assert [each["path"] for each in ann.status()["attention"]] == [str(kept.parent)]
    shutil.rmtree(kept.parent)  # the remedy that it names
    assert ann.status()["attention"] == []


@pytest.mark.parametrize("side", ["ahead of", "behind"])
def test_a_clock_that_is_wrong_by_a_year(world, side):
    ann, bob = world.devices
    resting = ann.folder / ".cozysync" / "trash" / f"{date.today()}" / "resting"
    resting.parent.mkdir(parents=True, exist_ok=True)
    resting.write_text("deleted today")
    ann.stop()
    ann.start_through("shifted.py", str(YEAR_S if side == "ahead of" else -YEAR_S))
    told = ann.status()["attention"]
    assert [f"365 days {side}" in each["reason"] for each in told] == [True]
    (ann.folder / "clock").write_text(f"ann's, {side}")
    world.settle()
    (bob.folder / "clock").write_text(f"bob's, {side}")
    assert world.settle()[b"clock"][0] == f"bob's, {side}".encode()
    (ann.folder / "clock").unlink()
    shown = world.settle()
    assert b"clock" not in shown
    assert not [name for name in shown if b"conflict" in name]
    ann.stop()
    ann.start()
    (ann.folder / "clock").write_text("right again")
    assert world.settle()[b"clock"][0] == b"right again"
    assert ann.status()["attention"] == []
    assert resting.exists()
