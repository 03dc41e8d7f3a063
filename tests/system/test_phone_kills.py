"""kill -9 of a gateway and its server while a phone writes: whatever was answered is there."""

import json
import os
import random
import signal
import threading
import time
from contextlib import closing

import httpx
import pytest

from tests.system.world import PATIENCE_S, World

pytestmark = pytest.mark.system

KILLS = int(os.environ.get("COZYSYNC_TEST_KILLS", "1"))
SEED = int(os.environ.get("COZYSYNC_TEST_SEED", "1"))

FOLDERS = ("work", "Elsewhere")
"""One that the gateway's device keeps, and one that it does not."""


class Phone(threading.Thread):
    """Writes without a pause. `files` is what each may hold: one thing, if that was answered."""

    def __init__(self, url, auth, seed):
        super().__init__()
        self._client = httpx.Client(
            base_url=f"{url}/dav/files/", auth=auth, trust_env=False, timeout=60
        )
        self._random = random.Random(seed)
        self._enough = threading.Event()
        self.files = {}
        self.answered = 0
        self.troubles = set()

    def run(self):
        while not self._enough.wait(self._random.random() * 0.02):
            r = self._random
            path = f"{r.choice(FOLDERS)}/f{r.randrange(12)}"
            data = r.randbytes(r.choice([10, 3000, 300_000]))
            before = self.files.get(path, [None])
            self.files[path] = [*before, data]
            try:
                answer = self._client.put(path, content=data)
            except httpx.TransportError:
                continue
            if answer.is_success:
                self.files[path] = [data]
                self.answered += 1
            else:
                self.troubles.add(answer.status_code)

    def keep(self, path):
        """Write what nobody overwrites; it is answered."""
        data = random.Random(path).randbytes(300_000)
        assert self._client.put(path, content=data).is_success
        self.files[path] = [data]

    def until_answered(self, more):
        goal = self.answered + more
        give_up = time.monotonic() + PATIENCE_S
        while self.answered < goal:
            assert time.monotonic() < give_up, self.troubles
            time.sleep(0.01)

    def finish(self):
        self._enough.set()
        self.join()

    def read(self, path):
        answer = self._client.get(path)
        return answer.content if answer.is_success else None

    def make(self, path):
        assert self._client.request("MKCOL", path).status_code == 201

    def close(self):
        self._client.close()


def test_what_a_phone_was_answered_is_there_whoever_is_killed(tmp_path):
    chance = random.Random(SEED)
    with closing(World(tmp_path, "ann")) as world:
        (ann,) = world.devices
        world.bind()
        world.settle()
        told = json.loads(ann.run("gateway", "enable", "--listen", "127.0.0.1:0", "--json").stdout)
        port = told["url"].rpartition(":")[2]
        ann.client.post("/v1/gateway", {"listen": f"127.0.0.1:{port}"})
        made = json.loads(ann.run("phone", "add", "anna", "--json").stdout)
        with closing(Phone(told["url"], (made["name"], made["password"]), SEED)) as phone:
            phone.make("Elsewhere")
            phone.start()
            try:
                for n in range(KILLS):
                    phone.until_answered(8)
                    time.sleep(chance.random() * 0.1)
                    if n % 3 != 1:
                        world.server.end(signal.SIGKILL)
                        phone.until_answered(8)
                        phone.keep(f"Elsewhere/kept{n}")
                    if n % 3 != 2:
                        ann.kill()
                        ann.start()
                        ann.client.post("/v1/gateway", {"enabled": True})
                    if n % 3 != 1:
                        phone.until_answered(4)
                        world.server.start()
            finally:
                phone.finish()
            shown = world.settle()
            files = {f"work/{name.decode()}": value[0] for name, value in shown.items() if value}
            elsewhere = [path for path in phone.files if path.startswith("Elsewhere/")]
            files |= {path: phone.read(path) for path in elsewhere}
            for path, possible in phone.files.items():
                assert files.pop(path, None) in possible, path
            assert files == {}
            assert phone.troubles <= {500, 502, 503}
            assert list(ann.home.glob("spool/*")) == []
