"""Real daemons and a real server, with a liar between: what people see of it.

Whatever the server does, no byte that nobody wrote ever comes into a folder; there is an alarm, or
all is well again; `status` says so, `verify` says what is wrong, and the way out that is documented
leads out.
"""

import shutil
import sqlite3
import threading
import time
from contextlib import closing, suppress

import pytest

from bench.processes import Server
from cozysync_protocol import LogFrame
from tests.attacks.test_log import rehead
from tests.system.false_server import Dropped, FalseServer
from tests.system.world import PATIENCE_S, World, texts

pytestmark = pytest.mark.system


class Watcher:
    """Looks at a folder all the time; `strange` is what it held and nobody wrote."""

    def __init__(self, folder):
        self._folder, self._written = folder, set()
        self.strange = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def write(self, path, text):
        self._written.add(text)
        path.write_text(text)

    def end(self):
        self._stop.set()
        self._thread.join()

    def _watch(self):
        while not self._stop.wait(0.02):
            for path in self._folder.iterdir():
                with suppress(FileNotFoundError):
                    if path.is_file() and path.read_text() not in self._written:
                        self.strange.append(path)


class Scene:
    """Ann and bob on one server; to bob it lies."""

    def __init__(self, root):
        self.world = World(root, "ann", "bob", through=FalseServer)
        self.server, self.false = self.world.server, self.world.line
        self.ann, self.bob = self.world.devices
        self.world.bind()
        self.watcher = Watcher(self.bob.folder)
        self.write("before", "known to both")
        self.world.settle()
        (self.victim,) = [each["id"] for each in self.bob.status()["devices"] if each["this"]]

    def write(self, name, text, device=None):
        self.watcher.write((device or self.ann).folder / name, text)

    def log(self, server=None):
        """The frames that the real server holds."""
        path = (server or self.server).data / "server.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            rows = database.execute("SELECT position, head, body FROM entry ORDER BY position")
            return [LogFrame(*row) for row in rows]

    def alarm(self):
        """The kind of the alarm that bob's person sees, once one stands; `status` ends with 3."""
        give_up = time.monotonic() + PATIENCE_S
        while (standing := self.bob.status()["alarm"]) is None:
            assert time.monotonic() < give_up
            time.sleep(0.05)
        shown = self.bob.run("status", check=False)
        assert shown.returncode == 3
        assert standing["what"] in shown.stdout
        return standing["kind"]

    def mended(self):
        """The server is honest again, and bob's person says so."""
        self.false.honest()
        self.bob.client.post("/v1/alarm/try-again", {})
        tree = self.world.settle()
        assert self.watcher.strange == []
        return {name.decode() for name, value in tree.items() if value}

    def close(self):
        self.watcher.end()
        self.world.close()


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    scene = Scene(tmp_path_factory.mktemp("false"))
    try:
        yield scene
    finally:
        scene.close()


def flipped(entry):
    at = len(entry) - 100  # within the sealed body
    return entry[:at] + bytes([entry[at] ^ 1]) + entry[at + 1 :]


# What the server makes of the log's entries, and the alarm.
LIES = {
    "dropped": (lambda e: [*e[:-2], e[-1]], "fork"),
    "replayed": (lambda e: [*e, e[-1]], "replay"),
    "reordered": (lambda e: [*e[:-2], e[-1], e[-2]], "fork"),
    "flipped": (lambda e: [*e[:-1], flipped(e[-1])], "forgery"),
    "rolled back": (lambda e: e[:2], "rollback"),
}


@pytest.mark.parametrize("lie", LIES)
def test_entries_that_are_tampered_with_are_an_alarm_and_change_no_folder(scene, lie):
    change, kind = LIES[lie]
    before = texts(scene.bob.folder)
    scene.false.show(scene.victim, scene.log())
    for n in range(2):
        scene.write(f"{lie} {n}", f"by ann, {lie}, {n}")
        assert scene.ann.settle()["in_sync"]
    scene.false.show(scene.victim, rehead(change([frame.entry for frame in scene.log()])))
    scene.bob.client.post("/v1/settle", {"timeout": 5}, wait_s=None)
    assert scene.alarm() == kind
    assert texts(scene.bob.folder) == before
    assert {f"{lie} 0", f"{lie} 1"} <= scene.mended()


def spoiled(each):
    if each.is_pack and each.status < 300:
        at = len(each.answer) // 2
        each.answer = each.answer[:at] + bytes([each.answer[at] ^ 4]) + each.answer[at + 1 :]


def exchanged(scene):
    """Every pack is answered for with the bytes of another."""

    def change(each):
        if each.is_pack:
            packs = sorted(path.name for path in (scene.server.data / "packs").glob("*/*/*"))
            asked = each.path.rpartition("/")[2]
            other = packs[(packs.index(asked) + 1) % len(packs)]
            each.path = each.path.replace(asked, other)

    return change


@pytest.mark.parametrize("lie", ["spoiled", "exchanged"])
def test_contents_that_are_tampered_with_are_named_and_come_when_they_are_whole(scene, lie):
    names = [f"{lie} large {n}" for n in range(2)]
    scene.false.show(scene.victim, scene.log())  # nothing new for bob as yet
    for name in names:
        scene.write(name, f"{name} " * 2000)
        assert scene.ann.settle()["in_sync"]
    before = texts(scene.bob.folder)
    scene.false.honest()
    if lie == "spoiled":
        scene.false.lie(scene.victim, spoiled)
    else:
        scene.false.lie(scene.victim, exchanged(scene), before=True)
    outcome = scene.bob.client.post("/v1/settle", {"timeout": 30}, wait_s=None)
    assert not outcome["in_sync"]
    assert all(any(name in reason for reason in outcome["reasons"]) for name in names)
    shown = scene.bob.run("status", check=False)
    assert shown.returncode == 3
    assert all(name in shown.stdout for name in names)
    found = scene.bob.run("verify", check=False)
    assert found.returncode == 3
    assert all(str(scene.bob.folder / name) in found.stdout for name in names)
    assert texts(scene.bob.folder) == before
    assert set(names) <= scene.mended()


def test_answers_that_never_come_are_waited_for_and_nothing_is_wrong_afterwards(scene):
    left = [6]

    def drop(each):
        if left[0] and (each.is_log or each.is_pack):
            left[0] -= 1
            raise Dropped

    scene.false.lie(scene.victim, drop)
    scene.write("cut", "cut off again and again " * 500)
    while left[0]:
        scene.world.settle()
    assert "cut" in scene.mended()


def test_two_copies_of_one_server_are_found_out_and_rejoin_leads_out(scene):
    scene.server.end()
    copied = scene.server.data.with_name("copy")
    shutil.copytree(scene.server.data, copied)
    copy = Server(copied)
    copy.start()
    try:
        scene.false.turn(scene.victim, copy.url)
        scene.server.start()
        scene.write("on one", "by ann, for the first copy")
        scene.write("on the other", "by bob, for the second copy", scene.bob)
        for device in (scene.ann, scene.bob):
            outcome = device.settle()
            assert outcome["in_sync"], (device.name, outcome)
        assert scene.log() != scene.log(copy)
        # From here on bob meets the other copy.
        scene.false.honest()
        scene.bob.client.post("/v1/settle", {"timeout": 30}, wait_s=None)
        assert scene.alarm() == "fork"
        told = scene.bob.run("alarm", check=False)
        assert told.returncode == 3
        assert "cozysync rejoin" in told.stdout
        assert "on one" not in texts(scene.bob.folder)
    finally:
        copy.end()
    scene.bob.run("rejoin", "--yes")
    assert {"on one", "on the other"} <= {name.decode() for name in scene.world.settle()}
    assert scene.bob.run("alarm").stdout.strip() == "No alarm stands."
    assert scene.watcher.strange == []
