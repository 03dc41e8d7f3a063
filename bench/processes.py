"""Real servers and daemons on this machine, started and ended by the installed command."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

from cozysync.cli.client import Client
from cozysync.sync.home import Home

COMMAND = [sys.executable, "-m", "cozysync"]
PATIENCE_S = 300


def run(
    home: Path, *arguments: object, check: bool = True, timeout: float = PATIENCE_S
) -> subprocess.CompletedProcess[str]:
    """The command's result; its failure is raised with what it said."""
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
    """A server process that may be stopped, killed and started again at the same address.

    What it logs goes to `errors`, if that is set.
    """

    def __init__(self, data: Path, *options: object) -> None:
        self.data = data
        self._options = list(map(str, options))
        self.url = ""
        self.errors: IO[bytes] | None = None
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """The process id of the server that runs now."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and return when it answers."""
        listen = self.url.partition("://")[2] or "127.0.0.1:0"
        self._process = subprocess.Popen(
            [
                *[*COMMAND, "server", "run", "--data", str(self.data), "--listen", listen],
                *self._options,
            ],
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert "http" in line, line
        self.url = line.split()[-1]

    def end(self, how: int = signal.SIGTERM) -> None:
        """End it with a signal, and return when it is gone."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def invite(self) -> str:
        """An invitation for a new vault."""
        return run(self.data, "server", "invite", "--data", self.data).stdout.strip()


class Device:
    """A home, its daemon, and one folder."""

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        self.home = root / f"home-{name}"
        self.folder = root / name
        self.folder.mkdir()
        self.client = Client(Home.at(self.home))

    @property
    def pid(self) -> int | None:
        """The process id of the daemon, None when none runs."""
        home = Home.at(self.home)
        return home.holder() if home.in_use() else None

    def run(self, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        """The command, at this device's home."""
        return run(self.home, *arguments, check=check)

    def start(self) -> None:
        """Start the daemon in the background."""
        self.run("start")

    def stop(self) -> None:
        """Stop the daemon as a person would."""
        self.run("stop")

    def kill(self) -> None:
        """kill -9, and return when the process is gone."""
        pid = self.pid
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        while Home.at(self.home).in_use():
            time.sleep(0.01)

    def status(self) -> dict[str, Any]:
        """What `cozysync status --json` shows."""
        found: dict[str, Any] = self.client.get("/v1/status")
        return found

    def settle(self) -> dict[str, Any]:
        """One barrier: what is here is on the server, and what is there is in place."""
        outcome: dict[str, Any] = self.client.post(
            "/v1/settle", {"timeout": PATIENCE_S}, wait_s=None
        )
        return outcome

    def bind(self, name: str = "work") -> None:
        """Keep the device's folder in sync with the vault's folder of that name."""
        self.run("folder", "add", self.folder, "--as", name)


def begin_vault(server: Server, device: Device, url: str = "") -> None:
    """Make the device the first of a new vault, and start it; `url` leads to the server, too."""
    code = server.invite()
    device.run("init", "--server", url or server.url, "--invite", code, "--device", device.name)
    device.start()


def pair(offering: Device, joining: Device) -> None:
    """Pair as a script would: the code from one line of JSON."""
    process = subprocess.Popen(
        [*COMMAND, "pair", "--json"],
        env=os.environ | {"COZYSYNC_HOME": str(offering.home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    code = json.loads(process.stdout.readline())["code"]
    joining.run("join", code, "--device", joining.name)
    assert json.loads(process.stdout.readline()) == {"device": joining.name}
    assert process.wait(30) == 0
    process.stdout.close()


def settle(*devices: Device) -> None:
    """Bring devices into sync, one after another; raises `RuntimeError` when one says it is not."""
    for device in devices:
        outcome = device.settle()
        if not outcome["in_sync"]:
            raise RuntimeError(f"{device.name}: {outcome['reasons']}")
