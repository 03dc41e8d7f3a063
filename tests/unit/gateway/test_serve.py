"""Slow, greedy and broken peers of the gateway: each ends, and takes nobody along."""

import ssl
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
import trio

from cozysync.gateway import serve as served
from cozysync.gateway.serve import CannotListen, Tls, serve
from cozysync.vault import gateway_certificate

GET = b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = 64 * 1024 * 1024


async def app(scope, receive, send):
    """Answers by the path; reads no body unless asked to."""
    if scope["path"] == "/fail":
        raise ValueError("on purpose")
    if scope["path"] == "/late":
        await trio.sleep(0.5)
    if scope["path"] == "/read":
        while (await receive()).get("more_body"):
            pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/large":
        for _ in range(LARGE // 2**20):
            await send({"type": "http.response.body", "body": bytes(2**20), "more_body": True})
    await send({"type": "http.response.body", "body": b"fine"})


@pytest.fixture
async def port(nursery):
    yield await nursery.start(partial(serve, app, "127.0.0.1", 0, None))
    nursery.cancel_scope.cancel()


@pytest.fixture
async def impatient(nursery, monkeypatch):
    """The port of one that waits for nobody."""
    monkeypatch.setattr(served, "IDLE_S", 0.3)
    yield await nursery.start(partial(serve, app, "127.0.0.1", 0, None))
    nursery.cancel_scope.cancel()


@asynccontextmanager
async def line(port):
    with trio.fail_after(30):
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            yield stream


async def everything(stream):
    """All that comes until the other side closes, or breaks off."""
    data = bytearray()
    try:
        while more := await stream.receive_some():
            data += more
    except trio.BrokenResourceError:
        pass
    return bytes(data)


async def is_fine(port):
    """Whether somebody else is answered, at last: a crowded machine may be too slow at first."""
    with trio.fail_after(60):
        while True:
            async with line(port) as stream:
                with suppress(trio.BrokenResourceError):
                    await stream.send_all(GET.replace(b"Host", b"Connection: close\r\nHost") % b"")
                if b"fine" in await everything(stream):
                    return True
            await trio.sleep(0.05)


async def test_a_request_is_answered_and_the_line_kept_for_a_while(port):
    async with line(port) as stream:
        for _ in range(3):
            await stream.send_all(GET % b"")
            data = b""
            while b"fine" not in data:
                data += await stream.receive_some()


@pytest.mark.parametrize("said", [b"", GET % b""], ids=["nothing", "something"])
async def test_a_line_on_which_nothing_is_said_is_closed(nursery, monkeypatch, said):
    monkeypatch.setattr(served, "IDLE_S", 0.2)
    port = await nursery.start(partial(serve, app, "127.0.0.1", 0, None))
    async with line(port) as stream:
        with suppress(trio.BrokenResourceError):
            await stream.send_all(said)
        await everything(stream)
    nursery.cancel_scope.cancel()


async def test_whoever_drips_headers_is_sent_away(nursery, monkeypatch):
    monkeypatch.setattr(served, "IDLE_S", 0.2)
    port = await nursery.start(partial(serve, app, "127.0.0.1", 0, None))
    async with line(port) as stream:
        with pytest.raises(trio.BrokenResourceError):  # noqa: PT012
            for byte in GET % (b"x" * 1000):
                await stream.send_all(bytes([byte]))
                await trio.sleep(0.01)
    nursery.cancel_scope.cancel()


async def test_whoever_does_not_read_is_sent_away(port, monkeypatch):
    monkeypatch.setattr(served, "UNREAD_S", 0.2)
    async with line(port) as stream:
        await stream.send_all(GET % b"large")
        await trio.sleep(1)
        assert len(await everything(stream)) < LARGE
    assert await is_fine(port)


async def test_whoever_sends_what_nobody_wants_reads_the_answer_and_is_sent_away(port, monkeypatch):
    monkeypatch.setattr(served, "UNWANTED_S", 0.2)
    monkeypatch.setattr(served, "MOST_EACH", 1)
    async with line(port) as stream:
        head = b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n"
        await stream.send_all(head)
        assert b"fine" in await stream.receive_some(10_000) + await stream.receive_some(10_000)
        with pytest.raises(trio.BrokenResourceError):  # noqa: PT012
            while True:
                await stream.send_all(bytes(2**20))
    assert await is_fine(port)


async def test_a_body_that_nobody_reads_holds_no_line(port, monkeypatch):
    """hypercorn keeps some pieces for the application, and waits for room among them."""
    monkeypatch.setattr(served, "UNWANTED_S", 0)
    monkeypatch.setattr(served, "MOST_EACH", 1)
    async with line(port) as stream:
        await stream.send_all(b"PUT /late HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n")
        with pytest.raises(trio.BrokenResourceError):  # noqa: PT012
            while True:
                await stream.send_all(bytes(2**20))
    assert await is_fine(port)


async def test_a_small_body_that_nobody_wants_costs_nothing(port):
    async with line(port) as stream:
        head = b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
        for _ in range(3):
            await stream.send_all(head + bytes(100_000))
            data = b""
            while b"fine" not in data:
                data += await stream.receive_some()


async def test_one_address_has_so_many_lines(port, monkeypatch):
    monkeypatch.setattr(served, "MOST_EACH", 2)
    async with line(port) as one, line(port) as two:
        for stream in (one, two):
            await stream.send_all(GET % b"")
            await stream.receive_some()
        async with line(port) as third:
            with suppress(trio.BrokenResourceError):
                await third.send_all(GET % b"")
            assert await everything(third) == b""
    assert await is_fine(port)


@pytest.mark.parametrize("when", ["before", "during", "after"])
async def test_whoever_has_gone_holds_no_place(port, monkeypatch, when):
    """hypercorn waits for the next request of somebody who has closed the line."""
    monkeypatch.setattr(served, "MOST_EACH", 1)
    async with line(port) as stream:
        if when != "before":
            await stream.send_all(GET % (b"late" if when == "during" else b""))
        data = b""
        while when == "after" and b"fine" not in data:
            data += await stream.receive_some()
    with trio.fail_after(served.IDLE_S - 5):
        assert await is_fine(port)
        assert await is_fine(port)


async def test_headers_without_end_are_refused(port):
    async with line(port) as stream:
        try:
            for _ in range(1000):
                await stream.send_all(b"GET / HTTP/1.1\r\nHost: x\r\nx: " + b"y" * 4096)
        except trio.BrokenResourceError:
            return
        assert b" 431 " in await everything(stream)


@pytest.mark.parametrize(
    "data",
    [
        b"\0" * 100, b"GET\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c: d\0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 50,
        b"GET /fail HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PUT /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
        b"Sec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    ],
    ids=range(11),
)  # fmt: skip
async def test_nonsense_ends_one_line_alone(impatient, data):
    async with line(impatient) as stream:
        with suppress(trio.BrokenResourceError):
            await stream.send_all(data)
        await everything(stream)
    assert await is_fine(impatient)


async def test_it_stops_though_somebody_does_not_read(monkeypatch):
    monkeypatch.setattr(served, "UNREAD_S", 1000)
    async with trio.open_nursery() as inner:
        port = await inner.start(partial(serve, app, "127.0.0.1", 0, None))
        async with line(port) as stream:
            await stream.send_all(GET % b"large")
            await stream.receive_some()
            with trio.fail_after(20):
                inner.cancel_scope.cancel()
                await trio.lowlevel.checkpoint_if_cancelled()


async def test_tls_is_spoken_and_nothing_else(nursery, tmp_path, monkeypatch):
    path = gateway_certificate(tmp_path / "c.pem", ["127.0.0.1"], 1.76e9)
    port = await nursery.start(partial(serve, app, "127.0.0.1", 0, Tls(path)))
    trusted = ssl.create_default_context(cafile=path)
    for _ in range(2):
        async with line(port) as stream:
            secure = trio.SSLStream(stream, trusted, server_hostname="127.0.0.1")
            await secure.send_all(GET % b"")
            assert b"200" in await secure.receive_some()
            assert secure.version() in ("TLSv1.2", "TLSv1.3")
        async with line(port) as stream:
            await stream.send_all(GET % b"")
            assert b"fine" not in await everything(stream)
    monkeypatch.setattr(served, "HANDSHAKE_S", 0.2)
    port = await nursery.start(partial(serve, app, "127.0.0.1", 0, Tls(path)))
    async with line(port) as stream:
        assert await everything(stream) == b""  # says nothing, and is not waited for
    nursery.cancel_scope.cancel()


async def test_an_address_that_cannot_be_had_is_said():
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    with pytest.raises(CannotListen, match=str(port)):
        await serve(app, "127.0.0.1", port, None)
    with pytest.raises(CannotListen):
        await serve(app, "no.such.host.invalid", 1, None)
    await listeners[0].aclose()
