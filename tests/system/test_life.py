"""A real server that forgets: storage shrinks, a newcomer begins with a snapshot, kills between."""

import os
import signal
import sqlite3
import subprocess
import time

import pytest

from bench.processes import COMMAND, PATIENCE_S, pair
from tests.system.world import Device, World, texts

# Some seconds of grace: a pack must outlive the moment between its upload and its entry.
SERVER = ("--grace-days", str(3 / 86_400))
HISTORY = "[history]\nall_days = 0\ndaily_days = 0\nmonthly_days = 0\ndeleted_days = 0\n"


@pytest.fixture
def office(tmp_path):
    office = World(tmp_path, "ann", "bob", server_options=SERVER, config=HISTORY)
    office.bind()
    yield office
    office.close()


def packs_of(office):
    data = office.root / "server" / "packs"
    return sum(path.stat().st_size for path in data.rglob("*") if path.is_file())


def log_start(office):
    with sqlite3.connect(f"file:{office.root / 'server' / 'server.db'}?mode=ro", uri=True) as db:
        ((start,),) = db.execute("SELECT start FROM vault").fetchall()
    db.close()
    return start


def tidy_until(office, is_done):
    """Tidy up day after day, as far as the server can tell, until it has."""
    give_up = time.monotonic() + PATIENCE_S
    while not is_done():
        assert time.monotonic() < give_up, packs_of(office)
        for device in office.devices:
            device.run("tidy")
        office.settle()
        time.sleep(1)


def big():
    return os.urandom(300_000).hex()


def test_a_vault_lives_on_and_its_server_forgets(office, tmp_path):
    ann, bob = office.devices
    for n in range(12):
        (ann.folder / f"{n}.txt").write_text(big())
    (ann.folder / "kept.txt").write_text("kept\n" * 5000)
    office.settle()
    full = packs_of(office)
    for n in range(12):
        (bob.folder / f"{n}.txt").unlink()
    office.settle()
    tidy_until(office, lambda: packs_of(office) < full / 4 and log_start(office) > 0)

    # The server is killed, and whoever runs a tidy-up with it; nothing comes of that.
    for _ in range(3):
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
    tidy_until(office, lambda: packs_of(office) < full / 4)

    # A newcomer finds no log to read from its start.
    cat = Device(tmp_path, "cat")
    pair(ann, cat)
    cat.start()
    cat.bind()
    office.devices.append(cat)
    office.settle()
    assert texts(cat.folder) == texts(ann.folder)
    assert set(texts(cat.folder)) == {"kept.txt", "again.txt"}
