"""A server that forgets: storage shrinks, also after kills, and a newcomer begins with a snapshot.

One office lives through it, in the order of the tests.
"""

import os
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing

import pytest

from bench.processes import COMMAND, PATIENCE_S, pair, run
from tests.system.world import Device, World

# Some seconds of grace: a pack must outlive the moment between its upload and its entry.
SERVER = ("--grace-days", str(3 / 86_400))
HISTORY = "[history]\nall_days = 0\ndaily_days = 0\nmonthly_days = 0\ndeleted_days = 0\n"
KILLS = int(os.environ.get("COZYSYNC_TEST_KILLS", "2"))


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    office = World(
        tmp_path_factory.mktemp("life"), "ann", "bob", server_options=SERVER, config=HISTORY
    )
    office.bind()
    yield office
    office.close()


@pytest.fixture(scope="module")
def full(office):
    """Bytes of packs when twelve large files are there."""
    ann, _ = office.devices
    for n in range(12):
        (ann.folder / f"{n}.txt").write_text(big())
    (ann.folder / "kept.txt").write_text("kept\n" * 5000)
    office.settle()
    return stored(office)


def test_storage_shrinks_and_the_log_is_shortened(office, full):
    _, bob = office.devices
    for n in range(12):
        (bob.folder / f"{n}.txt").unlink()
    office.settle()
    tidy_until(office, lambda: stored(office) < full / 4 and log_start(office) > 0)


def test_kills_in_the_midst_of_tidying_leave_nothing_behind(office, full):
    ann, _ = office.devices
    for _ in range(KILLS):
        (ann.folder / "again.txt").write_text(big())
        office.settle()
        tidying = subprocess.Popen(
            [*COMMAND, "tidy"],
            env=os.environ | {"COZYSYNC_HOME": str(ann.home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(int.from_bytes(os.urandom(1), "big") / 1000)
        ann.kill()
        office.server.end(signal.SIGKILL)
        tidying.wait(30)
        office.server.start()
        ann.start()
    office.settle()
    tidy_until(office, lambda: stored(office) < full / 4)
    run(office.root, "server", "verify", "--data", office.server.data)


def test_a_newcomer_gets_everything_although_the_log_does_not_begin_at_its_start(office):
    ann, _ = office.devices
    assert log_start(office) > 0
    cat = Device(office.root, "cat")
    pair(ann, cat)
    cat.start()
    cat.bind()
    office.devices.append(cat)
    assert set(office.settle()) == {b"kept.txt", b"again.txt"}


def test_the_newcomer_gives_an_empty_server_what_it_began_with(office):
    *others, cat = office.devices
    for each in others:
        each.stop()
    office.server.end(signal.SIGKILL)
    shutil.rmtree(office.server.data)
    office.server.start()
    cat.run("give", "--invite", office.server.invite())
    assert log_start(office) > 0
    for each in others:
        each.start()
    until_in_sync(office)
    assert set(office.settle()) == {b"kept.txt", b"again.txt"}
    run(office.root, "server", "verify", "--data", office.server.data)
    assert all(each.run("verify").returncode == 0 for each in office.devices)


# --- helpers --------------------------------------------------------------------------------------


def big():
    """A text that takes half its length."""
    return os.urandom(300_000).hex()


def stored(office):
    packs = (office.server.data / "packs").rglob("*")
    return sum(path.stat().st_size for path in packs if path.is_file())


def log_start(office):
    database = sqlite3.connect(f"file:{office.server.data / 'server.db'}?mode=ro", uri=True)
    with closing(database):
        ((start,),) = database.execute("SELECT start FROM vault").fetchall()
    return start


def until_in_sync(office):
    """What went with the server is missed for a moment, until somebody has sent it anew."""
    give_up = time.monotonic() + PATIENCE_S
    while not all(each.settle()["in_sync"] for each in office.devices):
        assert time.monotonic() < give_up, [each.status() for each in office.devices]


def tidy_until(office, is_done):
    """Tidy up day after day, as far as the server can tell, until it has."""
    give_up = time.monotonic() + PATIENCE_S
    while not is_done():
        assert time.monotonic() < give_up, stored(office)
        for device in office.devices:
            device.run("tidy")
        office.settle()
