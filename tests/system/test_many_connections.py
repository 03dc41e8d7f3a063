"""Many devices at once at one real server: all are answered, none is forgotten, memory is bounded.

`COZYSYNC_TEST_CONNECTIONS` sets how many. Half of them are idle, half wait for news.
"""

import asyncio
import os
import resource
import time

import psutil
import pytest

from bench.processes import Server
from cozysync_protocol import (
    Append,
    Challenge,
    FrameReader,
    Session,
    SessionProof,
    SessionRequest,
    encode_entry,
    session_signed_part,
)
from tests.system.test_server_kills import BASE, Device
from tests.unit.protocol.logs import ANN, VAULT, Signer, added

pytestmark = pytest.mark.system

CONNECTIONS = int(os.environ.get("COZYSYNC_TEST_CONNECTIONS", "200"))
BYTES_EACH = 100_000
AT_ONCE = 16
"""Waiting readers that one device may have."""


def request(path, token):
    host = "host: server\r\n"
    return f"GET {path} HTTP/1.1\r\n{host}authorization: Bearer {token}\r\n\r\n".encode()


async def answered(reader):
    """Status, headers and body of one answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
    return int(head.split(" ")[1]), await reader.readexactly(length)


class Crowd:
    """Connections to one server, each of which has been answered once."""

    def __init__(self, url):
        self._host, self._port = url.removeprefix("http://").split(":")
        self.peers = []

    async def come(self, count):
        for at in range(0, count, 100):
            await asyncio.gather(*(self._connect() for _ in range(min(100, count - at))))

    async def _connect(self):
        reader, writer = await asyncio.open_connection(self._host, int(self._port))
        writer.write(request("/healthz", ""))
        assert (await answered(reader))[0] == 200
        self.peers.append((reader, writer))

    async def go(self):
        for _, writer in self.peers:
            writer.close()
        await asyncio.gather(*(w.wait_closed() for _, w in self.peers), return_exceptions=True)


async def play(server, device):
    crowd = Crowd(server.url)
    process = psutil.Process(server.pid)
    before = process.memory_info().rss
    await crowd.come(CONNECTIONS)
    loop = asyncio.get_running_loop()
    tokens = await loop.run_in_executor(None, device.enrol, -(-CONNECTIONS // 2 // AT_ONCE))
    waiting = crowd.peers[: CONNECTIONS // 2]
    for number, (_, writer) in enumerate(waiting):
        path = f"{BASE}/log?after={device.position}&wait=60"
        writer.write(request(path, tokens[number // AT_ONCE]))
    while True:
        metrics = (await loop.run_in_executor(None, device.ask, "/metrics")).text
        now = int(metrics.partition("\ncozysync_waiting_readers ")[2].split()[0])
        if now == len(waiting):
            break
        await asyncio.sleep(0.05)
    grown = process.memory_info().rss - before
    await loop.run_in_executor(None, device.append_one)
    answers = await asyncio.gather(*(answered(reader) for reader, _ in waiting))
    assert {status for status, _ in answers} == {200}
    assert all(len(FrameReader().feed(body)) == 1 for _, body in answers)
    for reader, writer in crowd.peers:  # everybody is still there
        writer.write(request("/healthz", ""))
        assert (await answered(reader))[0] == 200
    await crowd.go()
    return grown


class Steady(Device):
    """A device that does one thing at a time."""

    @property
    def position(self):
        return self._log.state.position

    def ask(self, path):
        return self._client.get(path)

    def enrol(self, count):
        """Tokens of so many other devices of the vault."""
        others = [Signer(number) for number in range(5, 5 + count)]
        for each in others:
            self._send(self._log.append(ANN, added(each)))
        return [self._token(each) for each in others]

    def append_one(self):
        self._send(self._log.append(ANN, body=b"news"))

    def _send(self, entry):
        sent = self._client.post(BASE + "/log", content=Append((encode_entry(entry),)).encode())
        assert sent.status_code == 200, sent.text

    def _token(self, who):
        nonce = Challenge.decode(self._post("", SessionRequest(VAULT, who.id).encode())).nonce
        signature = who.sign(session_signed_part(VAULT, who.id, nonce))
        proof = SessionProof(VAULT, who.id, nonce, signature).encode()
        return Session.decode(self._post("/proof", proof)).token

    def _post(self, path, content):
        while True:
            strangers = {"authorization": ""}
            sent = self._client.post("/v1/sessions" + path, content=content, headers=strangers)
            if sent.status_code != 429:
                return sent.content
            time.sleep(int(sent.headers["retry-after"]))


def test_a_crowd_is_served(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, CONNECTIONS + 500)), hard))
    server = Server(tmp_path / "server")
    server.start()
    device = Steady(server.url)
    try:
        device.found(server.invite())
        grown = asyncio.run(play(server, device))
        print(f"{CONNECTIONS} connections: {grown / CONNECTIONS:,.0f} bytes each")
        assert grown < CONNECTIONS * BYTES_EACH + (8 << 20)
    finally:
        device.close()
        server.end()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
