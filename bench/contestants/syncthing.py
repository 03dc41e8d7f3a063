"""Syncthing: device to device, and through a device that may not read."""

import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx

from bench.contestants.base import PATIENCE_S, Contestant

FOLDER = "bench"
# Syncthing gathers changes for this long before it looks at them; one second is the least.
WATCH_DELAY_S = 1
POLL_S = 0.02


class _Instance:
    """One syncthing process with its own home and one folder."""

    def __init__(self, root: Path, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self._home = root / f"home-{name}"
        self._gui, self._sync = _free_port(), _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{self._gui}",
            headers={"X-API-Key": "bench"},
            timeout=PATIENCE_S,
            trust_env=False,
        )
        self.id = ""

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self._sync}"

    def start(self) -> None:
        generate = ["syncthing", "generate", "--home", str(self._home), "--no-default-folder"]
        subprocess.run([*generate, "--skip-port-probing"], check=True, capture_output=True)
        # Without its monitor, so that the process is the one that works.
        self._process = subprocess.Popen(
            [
                *("syncthing", "serve", "--home", str(self._home), "--no-browser", "--no-restart"),
                *(f"--gui-address=127.0.0.1:{self._gui}", "--gui-apikey=bench"),
                *("--no-default-folder", "--skip-port-probing"),
            ],
            env=os.environ | {"STNOUPGRADE": "1", "STMONITORED": "yes"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        give_up = time.monotonic() + 60
        while not self.id:
            try:
                self.id = self.get("system/status")["myID"]
            except httpx.HTTPError:
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.1)
        self.send(
            "PATCH",
            "config/options",
            {
                "listenAddresses": [self.address],
                "globalAnnounceEnabled": False,
                "localAnnounceEnabled": False,
                "relaysEnabled": False,
                "natEnabled": False,
                "urAccepted": -1,
                "crashReportingEnabled": False,
                "setLowPriority": False,
            },
        )

    def share(self, others: dict["_Instance", str], *, kind: str = "sendreceive") -> None:
        """Know the others, and share the folder with them; a password makes one untrusted."""
        for other in others:
            device = {"deviceID": other.id, "name": other.name, "addresses": [other.address]}
            self.send("PUT", f"config/devices/{other.id}", device)
        shared = [
            {"deviceID": other.id, "encryptionPassword": password}
            for other, password in others.items()
        ]
        self.send(
            "PUT",
            f"config/folders/{FOLDER}",
            {
                "id": FOLDER,
                "label": FOLDER,
                "path": str(self.folder),
                "type": kind,
                "devices": shared,
                "fsWatcherEnabled": True,
                "fsWatcherDelayS": WATCH_DELAY_S,
            },
        )

    def scan(self) -> None:
        """Look through the folder; returns when that is done."""
        self.send("POST", f"db/scan?folder={FOLDER}")

    def known(self) -> tuple[int, ...]:
        """What there is in the whole folder, as far as this one has heard."""
        found = self.get(f"db/status?folder={FOLDER}")
        return tuple(found[f"global{key}"] for key in ("Files", "Directories", "Deleted", "Bytes"))

    def has_all(self) -> bool:
        """Whether everything that it has heard of is in place."""
        found = self.get(f"db/status?folder={FOLDER}")
        return bool(found["state"] == "idle" and found["needTotalItems"] == 0)

    def get(self, path: str) -> Any:
        answer = self._http.get(f"/rest/{path}")
        answer.raise_for_status()
        return answer.json()

    def send(self, method: str, path: str, body: object = None) -> None:
        self._http.request(method, f"/rest/{path}", json=body).raise_for_status()

    def end(self) -> None:
        self._http.close()
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)


class SyncthingDirect(Contestant):
    """Two devices that both read everything, connected to each other."""

    name = "syncthing, direct"
    tool = "syncthing"
    package = "syncthing"
    live = True

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._chain = self._instances()

    @classmethod
    def version(cls) -> str:
        return super().version().partition(" (")[0]

    def open(self) -> None:
        for each in self._chain:
            each.start()
        self._connect()
        give_up = time.monotonic() + 60
        while not all(self._is_connected(*pair) for pair in self._pairs()):
            if time.monotonic() > give_up:
                raise RuntimeError("the instances do not find each other")
            time.sleep(0.1)
        self.deliver()

    def deliver(self) -> None:
        self.rescan()
        give_up = time.monotonic() + PATIENCE_S
        while not self._is_delivered():
            if time.monotonic() > give_up:
                raise RuntimeError("it does not come to rest")
            time.sleep(POLL_S)

    def rescan(self) -> None:
        self._chain[0].scan()

    def processes(self) -> list[int]:
        return [each.pid for each in self._chain]

    def close(self) -> None:
        for each in self._chain:
            each.end()

    def _instances(self) -> list[_Instance]:
        return [_Instance(self.root, "a", self.a), _Instance(self.root, "b", self.b)]

    def _connect(self) -> None:
        near, far = self._chain
        near.share({far: ""})
        far.share({near: ""})

    def _pairs(self) -> list[tuple[_Instance, _Instance]]:
        return list(zip(self._chain, self._chain[1:], strict=False))

    def _is_connected(self, near: _Instance, far: _Instance) -> bool:
        found: dict[str, Any] = near.get("system/connections")["connections"]
        return bool(found.get(far.id, {}).get("connected", False))

    def _is_delivered(self) -> bool:
        # «completion» is of no use here: it says 100 of who has not answered yet.
        near, far = self._chain[0], self._chain[-1]
        return far.known() == near.known() and far.has_all()


class SyncthingUntrusted(SyncthingDirect):
    """Two devices that meet only through a third, which holds encrypted files."""

    name = "syncthing, untrusted server"

    def store(self) -> Path:
        return self.root / "server"

    def _instances(self) -> list[_Instance]:
        self.store().mkdir()
        near, far = super()._instances()
        return [near, _Instance(self.root, "s", self.store()), far]

    def _connect(self) -> None:
        near, server, far = self._chain
        near.share({server: "bench"})
        far.share({server: "bench"})
        server.share({near: "", far: ""}, kind="receiveencrypted")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
