"""A server that answers drop by drop, says nonsense, or nothing: given up in bounded time."""

import httpx
import pytest
import trio

from cozysync.sync.http_remote import HttpRemote
from cozysync.sync.remote import Refused, Unreachable
from cozysync_protocol import Challenge, ErrorCode, Position, Problem, Session
from tests.unit.protocol.logs import ANN, VAULT

# The HTTP library leaves a generator that it began to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

A_DAY = 86_400
PACK = bytes(32)


class Drip(httpx.AsyncByteStream):
    """Piece by piece, with a pause that is just allowed."""

    def __init__(self, piece, pause_s):
        self._piece, self._pause_s = piece, pause_s

    def __aiter__(self):
        return self

    async def __anext__(self):
        await trio.sleep(self._pause_s)
        return self._piece


def remote_of(answer, token="token"):
    """A remote whose server opens sessions honestly and then answers with `answer`."""

    async def handle(request):
        if request.url.path == "/v1/sessions":
            return httpx.Response(200, stream=httpx.ByteStream(Challenge(b"n" * 56).encode()))
        if request.url.path == "/v1/sessions/proof":
            return httpx.Response(200, stream=httpx.ByteStream(Session(token, 3600).encode()))
        return await answer(request)

    transport = httpx.MockTransport(handle)
    return HttpRemote("http://server", VAULT, ANN.id, ANN.sign, transport=transport)


async def never(_):
    await trio.sleep_forever()


async def drops(_):
    headers = {"cozysync-end": "5", "cozysync-head": "00" * 32}
    return httpx.Response(200, headers=headers, stream=Drip(b"\0", 29))


async def read_log(remote):
    return [batch async for batch in remote.log(Position(1), 50)]


ASKED = {
    "a pack": lambda remote: remote.get_pack(PACK, 0, 1 << 20),
    "the log": read_log,
    "an append": lambda remote: remote.append([b"entry"]),
    "an upload": lambda remote: remote.put_pack(PACK, bytes(1 << 20)),
    "a mailbox": lambda remote: remote.open_mailbox(),
    "a message": lambda remote: remote.collect(1, "offer", 0, 30),
}


@pytest.mark.parametrize("answer", [never, drops])
@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
async def test_no_server_keeps_a_device_waiting_for_ever(autojump_clock, ask, answer):
    remote = remote_of(answer)
    began = trio.current_time()
    with trio.fail_after(A_DAY), pytest.raises(Unreachable):
        await ask(remote)
    assert trio.current_time() - began < 3600
    await remote.close()


async def test_a_slow_line_is_waited_for(autojump_clock):
    async def slow(_):
        return httpx.Response(200, stream=Slow())

    class Slow(httpx.AsyncByteStream):
        left = 300

        def __aiter__(self):
            return self

        async def __anext__(self):
            await trio.sleep(1)
            self.left -= 1
            if self.left < 0:
                raise StopAsyncIteration
            return bytes(1100)

    remote = remote_of(slow)
    assert len(await remote.get_pack(PACK, 0, 1 << 20)) == 330_000
    await remote.close()


@pytest.mark.parametrize("token", ["é", "a\nb", "\0"])
async def test_a_token_that_no_header_can_carry_is_no_token(token):
    remote = remote_of(never, token)
    with pytest.raises(Unreachable):
        await remote.end()
    await remote.close()


@pytest.mark.parametrize(
    ("asked", "heeded"), [("7", 7), ("999999", 60), ("²", 0), ("-1", 0), ("tomorrow", 0)]
)
async def test_how_long_a_server_asks_to_be_left_alone(asked, heeded):
    async def busy(_):
        problem = Problem(ErrorCode.TOO_MANY, "too many")
        headers = {"retry-after": asked.encode("latin-1")}
        return httpx.Response(429, stream=httpx.ByteStream(problem.encode()), headers=headers)

    remote = remote_of(busy)
    with pytest.raises(Refused) as refused:
        await remote.end()
    assert refused.value.retry_after_s == heeded
    await remote.close()
