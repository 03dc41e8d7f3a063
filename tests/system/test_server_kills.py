"""kill -9 of a server under load: what it acknowledged it holds, whole, and it goes on."""

import hashlib
import os
import random
import signal
import threading
import time

import httpx
import pytest

from bench.processes import Server
from cozysync_protocol import (
    Append,
    Challenge,
    CreateVault,
    FrameReader,
    Session,
    SessionProof,
    SessionRequest,
    decode_entry,
    encode_entry,
    entry_hash,
    next_head,
    session_signed_part,
)
from tests.unit.protocol.logs import ANN, VAULT, Log

pytestmark = pytest.mark.system

KILLS = int(os.environ.get("COZYSYNC_TEST_KILLS", "4"))
SEED = int(os.environ.get("COZYSYNC_TEST_SEED", "1"))
BASE = f"/v1/vaults/{VAULT.hex()}"


class Device(threading.Thread):
    """Uploads packs and appends entries that name them, as fast as it is answered."""

    def __init__(self, url):
        super().__init__()
        self.packs, self.entries = {}, []
        self.error = None
        self._log = Log()
        self._chance = random.Random(SEED)
        self._enough = threading.Event()
        self._client = httpx.Client(base_url=url, trust_env=False, timeout=30)

    def found(self, invitation):
        first = encode_entry(self._log.entries[0])
        self._client.post("/v1/vaults", content=CreateVault(invitation, first).encode())
        asked = self._client.post("/v1/sessions", content=SessionRequest(VAULT, ANN.id).encode())
        nonce = Challenge.decode(asked.content).nonce
        signature = ANN.sign(session_signed_part(VAULT, ANN.id, nonce))
        proof = SessionProof(VAULT, ANN.id, nonce, signature).encode()
        token = Session.decode(self._client.post("/v1/sessions/proof", content=proof).content).token
        self._client.headers["authorization"] = f"Bearer {token}"
        self.entries.append(first)

    def run(self):
        try:
            while not self._enough.is_set():
                self._deed()
        except Exception as error:
            self.error = error

    def finish(self):
        self._enough.set()
        self.join()

    def get(self, path):
        answer = self._client.get(BASE + path)
        assert answer.status_code == 200, answer.text
        return answer

    def _deed(self):
        data = self._chance.randbytes(self._chance.choice([100, 50_000, 3_000_000]))
        pack = hashlib.sha256(data).digest()
        self._until_taken("PUT", f"/packs/{pack.hex()}", data)
        self.packs[pack] = data
        entry = self._log.entry(ANN, packs=(pack,), body=data[:500])
        encoded = encode_entry(entry)
        self._until_taken("POST", "/log", Append((encoded,)).encode())
        self._log.state = self._log.advanced(entry)
        self.entries.append(encoded)

    def _until_taken(self, method, path, content):
        while True:
            try:
                answer = self._client.request(method, BASE + path, content=content)
            except httpx.HTTPError:
                if self._enough.wait(0.02):
                    raise
                continue
            assert answer.status_code in (200, 204), answer.text
            return

    def close(self):
        self._client.close()


def read_log(device):
    found = []
    while True:
        answer = device.get(f"/log?after={len(found)}")
        found += FrameReader().feed(answer.content)
        if len(found) == int(answer.headers["cozysync-end"]):
            return found


def test_what_a_killed_server_acknowledged_it_holds(tmp_path):
    chance = random.Random(SEED)
    server = Server(tmp_path / "server")
    server.start()
    device = Device(server.url)
    try:
        device.found(server.invite())
        device.start()
        for _ in range(KILLS):
            time.sleep(chance.random() * 0.4)
            server.end(signal.SIGKILL)
            server.start()
            assert device.error is None
        time.sleep(0.2)
        device.finish()
        assert device.error is None
        frames = read_log(device)
        assert [frame.entry for frame in frames] == device.entries
        head = bytes(32)
        for frame in frames:
            head = next_head(head, entry_hash(frame.entry))
            assert frame.head == head
            for pack in decode_entry(frame.entry).header.packs:
                assert device.get(f"/packs/{pack.hex()}").content == device.packs[pack]
        assert len(device.packs) > KILLS
        assert not list((tmp_path / "server" / "packs").rglob(".*.part"))
    finally:
        if device.is_alive():
            device.finish()
        device.close()
        server.end()
