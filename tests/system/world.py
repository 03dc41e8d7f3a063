"""A server and some devices in one vault, as processes, and what people see of them."""

import contextlib
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

from bench import processes
from bench.processes import COMMAND, PATIENCE_S, Server, begin_vault, pair, run
from cozysync.cli.client import DaemonError, NotRunning
from cozysync.sync.home import Home
from tests.suites.real_hands import RealHands

__all__ = ["COMMAND", "PATIENCE_S", "Device", "Hands", "World", "run", "texts", "tree"]


class Device(processes.Device):
    """A device whose daemon may be run in another way than people do."""

    def __init__(self, root, name):
        super().__init__(root, name)
        self._process = None

    def start_through(self, script, *arguments):
        """Start the daemon through a script here; returns when the server has answered it."""
        path = Path(__file__).with_name(script)
        self._process = subprocess.Popen(
            [sys.executable, path, *arguments, "start", "--foreground"],
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

    def stop(self):
        super().stop()
        if self._process is not None:
            self._process.wait(30)
            self._process = None


class World:
    """One server and some devices in one vault.

    With `through`, made of the server's address, they speak to `line` instead, which has a `url`
    of its own and is closed in the end.
    """

    def __init__(self, root, *names, server_options=(), config="", through=None):
        self.root = root
        self.server = Server(root / "server", *server_options)
        self.server.start()
        self.line = through(self.server.url) if through else None
        self.devices = [Device(root, name) for name in names]
        for each in self.devices if config else ():
            path = Home.at(each.home).config_file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(config)
        first, *others = self.devices
        begin_vault(self.server, first, self.line.url if self.line else "")
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
        if self.line is not None:
            self.line.close()
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


class Hands(RealHands):
    """A person at work in a folder, by relative path."""

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
