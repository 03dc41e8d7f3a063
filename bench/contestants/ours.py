"""cozysync: two devices and a server, all real processes."""

import contextlib
import subprocess
from importlib.metadata import version
from pathlib import Path

from bench.contestants.base import Contestant
from bench.processes import Device, Server, begin_vault, pair, settle


class Cozysync(Contestant):
    """A at one device, B at another, and the server between them."""

    name = "cozysync"
    tool = "python3"
    package = "cozysync"
    live = True

    @classmethod
    def version(cls) -> str:
        return f"cozysync {version('cozysync')}"

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True)
        self._server = Server(root / "server")
        self._near = Device(root, "a")
        self._far = Device(root, "b")
        super().__init__(root)

    def open(self) -> None:
        self._server.start()
        begin_vault(self._server, self._near)
        pair(self._near, self._far)
        self._far.start()
        for device in (self._near, self._far):
            device.bind()
        self.deliver()

    def deliver(self) -> None:
        settle(self._near, self._far)

    def rescan(self) -> None:
        self._near.settle()

    def processes(self) -> list[int]:
        daemons = [device.pid for device in (self._near, self._far)]
        return [pid for pid in (*daemons, self._server.pid) if pid is not None]

    def store(self) -> Path:
        return self._server.data

    def close(self) -> None:
        for device in (self._near, self._far):
            with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
                device.stop()
            device.kill()
        self._server.end()
