"""Rows 13 and 20 on the line: whatever a server answers, the cost is bounded, the error clear."""

import gzip
import zlib

import httpx
import pytest
import trio

from cozysync.sync.http_remote import HttpRemote
from cozysync.sync.remote import Refused, Unreachable
from cozysync_protocol import ErrorCode, PackId, Problem
from tests.attacks.hostile import newcomer

# What the HTTP library leaves of a stream that is given up.
LEFT_HALF_READ = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
PACK = PackId(b"p" * 32)
CALLS = {
    "end": lambda remote: remote.end(),
    "log": lambda remote: anext(remote.log(0, 0)),
    "get_pack": lambda remote: remote.get_pack(PACK, 0, 100),
    "append": lambda remote: remote.append([b"x"]),
    "missing_packs": lambda remote: remote.missing_packs([PACK]),
    "open_mailbox": lambda remote: remote.open_mailbox(),
    "collect": lambda remote: remote.collect(1, "offer", 0, 0),
    "create_vault": lambda remote: remote.create_vault("code", b"x"),
}


class Endless(httpx.AsyncByteStream):
    """An answer without an end; counts what was taken of it."""

    def __init__(self):
        self.taken = 0

    async def __aiter__(self):
        while True:
            self.taken += 1 << 20
            yield bytes(1 << 20)


class Said(httpx.AsyncBaseTransport):
    """A server that says one thing, whatever it is asked."""

    def __init__(self, status, headers, stream):
        self._said = status, headers, stream

    async def handle_async_request(self, request):
        status, headers, stream = self._said
        if isinstance(stream, bytes):
            stream = httpx.ByteStream(stream)
        raw = {name: value.encode("latin-1") for name, value in headers.items()}
        return httpx.Response(status, headers=raw, stream=stream)


def saying(told, status, headers, stream):
    remote = HttpRemote(
        "http://server", told.vault, told.keys[1].id, told.keys[1].sign,
        transport=Said(status, headers, stream),
    )  # fmt: skip
    remote._token = "a session"
    return remote


BOMB = gzip.compress(bytes(32 << 20))
TWICE = zlib.compress(BOMB)
ANSWERS = {
    "a bomb": (200, {"content-encoding": "gzip", "cozysync-end": "1"}, BOMB),
    "another bomb": (
        200,
        {"content-encoding": "deflate", "cozysync-end": "1"},
        zlib.compress(BOMB),
    ),
    "a redirection": (302, {"location": "http://elsewhere/"}, b""),
    "a redirection without a place": (304, {}, b""),
    "nothing that was asked": (200, {"cozysync-end": "²"}, b"\xc1" * 200),
    "an end without a bound": (200, {"cozysync-end": "9" * 5000}, b"\xc1" * 200),
    "an end below nothing": (200, {"cozysync-end": "-1"}, b"\xc1" * 200),
    "a date that never was": (
        500,
        {"date": "Mon, 99 Jan 99999 99:99:99 +9999"},
        b"this is no problem report",
    ),
    "half a frame": (200, {"cozysync-end": "1"}, b"\0\0\0\x40"),
    "a frame of 4 GiB": (200, {"cozysync-end": "1"}, b"\xff\xff\xff\xff"),
    "a deep report": (500, {}, b"[" * 60_000),
}


@LEFT_HALF_READ
@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("call", CALLS)
async def test_whatever_is_answered_the_error_is_a_clear_one(told, name, call):
    remote = saying(told, *ANSWERS[name])
    try:
        if name in LEGAL.get(call, ()):
            await CALLS[call](remote)
            return
        with pytest.raises((Unreachable, Refused)) as caught:
            await CALLS[call](remote)
        assert caught.value.remedy
    finally:
        await remote.close()


# Bytes that only who opens them can judge.
LEGAL = {
    "get_pack": ("half a frame", "a frame of 4 GiB"),
    "collect": ("nothing that was asked", "an end without a bound", "an end below nothing",
                "half a frame", "a frame of 4 GiB"),
}  # fmt: skip


@LEFT_HALF_READ
@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("call", ["log", "get_pack", "append", "collect"])
async def test_an_answer_without_an_end_is_left(told, call, status):
    endless = Endless()
    remote = saying(told, status, {"cozysync-end": "1"}, endless)
    try:
        with pytest.raises(Unreachable):
            await CALLS[call](remote)
    finally:
        await remote.close()
    assert endless.taken < 20 << 20


async def test_a_refusal_cannot_steer_a_terminal(told):
    text = "\x1b[2J\x1b]0;evil\x07" + "x" * 5000
    problem = Problem(ErrorCode.NOT_ALLOWED, text).encode()
    remote = saying(told, 403, {}, problem)
    with pytest.raises(Refused) as caught:
        await remote.end()
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 600
    await remote.close()


async def test_entries_that_are_promised_and_held_back_keep_nobody_busy(told, tmp_path):
    async with newcomer(told, tmp_path) as (_, bob):
        asked = 0

        def promise(answer):
            nonlocal asked
            if answer.path.endswith("/log"):
                asked += 1
                answer.body, answer.headers["cozysync-end"] = b"", "1000000"

        bob.wire.tamperers.append(promise)
        await bob.start()
        outcome = None
        with trio.move_on_after(1):
            outcome = await bob.engine.settle()
        assert outcome is None
        assert asked < 60
        bob.wire.honest()
        with trio.fail_after(30):
            await bob.settle()
        assert bob.hands.texts() == told.tree


async def test_a_server_that_never_waits_keeps_nobody_busy(told, tmp_path):
    async with newcomer(told, tmp_path) as (_, bob):
        await bob.start()
        await bob.settle()
        asked = 0

        def count(answer):
            nonlocal asked
            asked += answer.query.get("wait", "0") != "0"

        bob.wire.never_waits = True
        bob.wire.tamperers.append(count)
        bob.hands.write("more", "wakes whoever waits")
        await bob.settle()
        await trio.sleep(1.5)
        assert 0 < asked < 20
