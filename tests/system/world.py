"""Real servers and daemons on this machine, started and ended by the installed command."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

from cozysync.cli.client import Client, DaemonError, NotRunning
from cozysync.sync.home import Home

COMMAND = [sys.executable, "-m", "cozysync"]
PATIENCE_S = 120


def run(home, *arguments, check=True, timeout=PATIENCE_S):
    """The command's result; its failure fails the test with what it said."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env=os.environ | {"COZYSYNC_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
    )
    if check and done.returncode != 0:
        raise AssertionError(f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


class Server:
    """A server process that may be stopped, killed and started again at the same address."""

    def __init__(self, data):
        self.data = data
        self.url = ""
        self._process = None

    def start(self):
        listen = self.url.removeprefix("http://") or "127.0.0.1:0"
        self._process = subprocess.Popen(
            [*COMMAND, "server", "run", "--data", str(self.data), "--listen", listen],
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self._process.stdout.readline()
        assert "http" in line, line
        self.url = line.split()[-1]

    def end(self, how=signal.SIGTERM):
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process.stdout.close()
            self._process = None

    def invite(self):
        return run(self.data, "server", "invite", "--data", self.data).stdout.strip()


class Device:
    """A home, its daemon, and one folder."""

    def __init__(self, root, name):
        self.name = name
        self.home = root / f"home-{name}"
        self.folder = root / name
        self.folder.mkdir()
        self._client = Client(Home.at(self.home))
        self._process = None

    def run(self, *arguments, **options):
        return run(self.home, *arguments, **options)

    def start(self):
        self.run("start")

    def start_with_clock_off(self, seconds):
        """Start a daemon whose clock is wrong, and return when the server has answered it."""
        shifted = Path(__file__).with_name("shifted.py")
        self._process = subprocess.Popen(
            [sys.executable, shifted, str(seconds), "start", "--foreground"],
            env=os.environ | {"COZYSYNC_HOME": str(self.home)},
        )
        give_up = time.monotonic() + PATIENCE_S
        while not self._is_reached():
            assert self._process.poll() is None
            assert time.monotonic() < give_up
            time.sleep(0.05)

    def _is_reached(self):
        with warnings.catch_warnings(), contextlib.suppress(NotRunning, DaemonError):
            # The HTTP library leaves a socket that could not connect to the garbage collector.
            warnings.simplefilter("ignore", ResourceWarning)
            return self.status()["server"]["reachable"]
        return False

    def kill(self):
        """kill -9, and return when the process is gone."""
        pid = Home.at(self.home).holder()
        if pid is None or not Home.at(self.home).in_use():
            return
        os.kill(pid, signal.SIGKILL)
        while Home.at(self.home).in_use():
            time.sleep(0.01)

    def stop(self):
        self.run("stop")
        if self._process is not None:
            self._process.wait(30)
            self._process = None

    def status(self):
        return self._client.get("/v1/status")

    def settle(self):
        return self._client.post("/v1/settle", {"timeout": PATIENCE_S}, wait_s=None)

    def bind(self, name="work"):
        self.run("folder", "add", self.folder, "--as", name)


class World:
    """One server and some devices in one vault."""

    def __init__(self, root, *names):
        self.root = root
        self.server = Server(root / "server")
        self.server.start()
        self.devices = [Device(root, name) for name in names]
        first, *others = self.devices
        invitation = self.server.invite()
        first.run("init", "--server", self.server.url, "--invite", invitation, "--device", names[0])
        first.start()
        for each in others:
            pair(first, each)
            each.start()

    def bind(self):
        for device in self.devices:
            device.bind()

    def close(self):
        for device in self.devices:
            with contextlib.suppress(NotRunning, AssertionError, subprocess.TimeoutExpired):
                device.stop()
            device.kill()
        self.server.end()

    def settle(self):
        """Let everybody sync until nothing moves any more; returns the one tree that all show."""
        give_up = time.monotonic() + PATIENCE_S
        quiet = 0
        position = -1
        while True:
            for device in self.devices:
                outcome = device.settle()
                assert outcome["in_sync"], (device.name, outcome)
            trees = [tree(device.folder) for device in self.devices]
            now = self.devices[0].status()["server"]["position"]
            quiet = quiet + 1 if now == position and all(t == trees[0] for t in trees) else 0
            position = now
            if quiet >= 1:
                return trees[0]
            assert time.monotonic() < give_up, differences(trees)


def pair(offering, joining):
    """Pair as a script would: the code from one line of JSON."""
    process = subprocess.Popen(
        [*COMMAND, "pair", "--json"],
        env=os.environ | {"COZYSYNC_HOME": str(offering.home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    code = json.loads(process.stdout.readline())["code"]
    joining.run("join", code, "--device", joining.name)
    assert json.loads(process.stdout.readline()) == {"device": joining.name}
    assert process.wait(30) == 0
    process.stdout.close()


def tree(folder):
    """What a person sees in a folder: contents, links, executable bits, empty directories."""
    found = {}
    queue = [os.fsencode(folder)]
    while queue:
        directory = queue.pop()
        for entry in os.scandir(directory):
            name = os.path.relpath(entry.path, os.fsencode(folder))
            if name == b".cozysync":
                continue
            if entry.is_symlink():
                found[name] = ("link", os.readlink(entry.path))
            elif entry.is_dir():
                found[name] = None
                queue.append(entry.path)
            else:
                text = Path(os.fsdecode(entry.path)).read_bytes()
                found[name] = (text, bool(entry.stat().st_mode & 0o100))
    return found


def differences(trees):
    first = trees[0]
    told = []
    for other in trees[1:]:
        told += [
            (name, name in first, name in other)
            for name in first.keys() | other.keys()
            if first.get(name) != other.get(name)
        ]
    return told[:20]


class Hands:
    """A person at work in a folder, by relative path."""

    def __init__(self, root):
        self._root = root

    def write(self, path, text):
        (self._root / path).write_text(text)

    def mkdir(self, path):
        (self._root / path).mkdir(parents=True)

    def move(self, old, new):
        (self._root / old).rename(self._root / new)

    def delete(self, path):
        target = self._root / path
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink()

    def swap(self, one, other):
        self.move(one, "swapping")
        self.move(other, one)
        self.move("swapping", other)


def texts(folder):
    """Path → text of every file below a directory."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }
