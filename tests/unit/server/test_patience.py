"""uvicorn as we run it, against peers that are slow, greedy, or many."""

import contextlib
import socket
import threading
import time

import pytest
import uvicorn

from cozysync.server import patience
from cozysync.server.patience import PatientProtocol

PATIENCE_S = 60
ASK = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = b"y" * (64 << 20 if scope["path"] == "/large" else 2)
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-length", str(len(body)).encode())]})  # fmt: skip
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def port(monkeypatch):
    monkeypatch.setattr(patience, "HEADERS_S", 0.5)
    monkeypatch.setattr(patience, "UNREAD_S", 0.5)
    monkeypatch.setattr(PatientProtocol, "most_connections", 20)
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(application, http=PatientProtocol, log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(PATIENCE_S)
    listener.close()


def connected(port):
    peer = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    peer.settimeout(PATIENCE_S)
    return contextlib.closing(peer)


def is_cut_off(peer):
    """Whether the other side ends it; what it says before does not count."""
    with contextlib.suppress(ConnectionError):
        while peer.recv(65536):
            pass
    return True


def is_served(peer):
    peer.sendall(ASK)
    return peer.recv(65536).startswith(b"HTTP/1.1 200")


def test_headers_that_come_drop_by_drop_are_not_waited_for(port):
    with connected(port) as peer:
        assert is_served(peer)
        dripped = 0
        with contextlib.suppress(ConnectionError):
            for drop in ASK[:-2] + b"x: " + b"y" * 10_000:
                peer.sendall(bytes([drop]))
                dripped += 1
                time.sleep(0.01)
        assert dripped < 9000
        assert is_cut_off(peer)


def test_who_says_nothing_is_not_waited_for(port):
    with connected(port) as peer:
        assert is_cut_off(peer)


def test_endless_headers_are_cut_off(port, monkeypatch):
    monkeypatch.setattr(patience, "HEADERS_S", 10 * PATIENCE_S)
    with connected(port) as peer:
        with contextlib.suppress(ConnectionError):
            peer.sendall(b"GET / HTTP/1.1\r\n")
            for n in range(100):
                peer.sendall(b"x-%d: %s\r\n" % (n, b"y" * 1000))
        assert is_cut_off(peer)


def test_who_does_not_read_the_answer_is_cut_off(port):
    with connected(port) as peer:
        peer.sendall(ASK.replace(b"/ ", b"/large ", 1))
        got = len(peer.recv(1000))
        # Not reading until the server has given up: then no more comes than was on its way.
        time.sleep(2)
        with contextlib.suppress(ConnectionError):
            while data := peer.recv(1 << 20):
                got += len(data)
        assert got < 64 << 20


def test_there_are_only_so_many_connections_and_those_that_are_there_go_on(port, monkeypatch):
    monkeypatch.setattr(patience, "HEADERS_S", 10 * PATIENCE_S)
    with contextlib.ExitStack() as peers:
        first = peers.enter_context(connected(port))
        assert is_served(first)
        others = [peers.enter_context(connected(port)) for _ in range(30)]
        assert is_cut_off(others[-1])
        assert is_served(first)


def test_requests_one_after_another_are_served_on_one_connection(port):
    with connected(port) as peer:
        for _ in range(5):
            assert is_served(peer)
            time.sleep(0.3)  # longer together than the headers of one may take
