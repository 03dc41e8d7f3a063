"""Whatever is asked of server or daemon: an answer or a typed problem, and nothing changed."""

import json
import random
from urllib.parse import quote

import httpx
import msgpack
import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cozysync.daemon.config import load
from cozysync.daemon.control import create_control
from cozysync.daemon.gateway import GatewayPart
from cozysync.daemon.pairings import Pairings
from cozysync.sync.home import Home
from cozysync_protocol import HTTP_STATUS, ErrorCode
from tests.suites.fleet import fleet
from tests.suites.mutations import EXAMPLES, decoded, with_nasty_bytes, with_nasty_part
from tests.suites.requests import CONTROL, PACK, SERVER
from tests.suites.served import served

AT_ONCE = 20
QUIET = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
TEXTS = ["", "0", "1", "-1", "²", "٣", "9" * 30, "9" * 5000, "0x1", "1e3", " 1", "1 ", "+1", "1_0",
         "a" * 64, "A" * 64, "é", "%00", "..", "bytes=0-", "bytes=-5", "bytes=5-1", "bytes=0-²",
         "bytes=0-0,2-3", "items=0-1", '"0"', '"²"', "*", "nan", "inf"]  # fmt: skip
NAMES = ["authorization", "content-length", "range", "if-match", "content-type", "expect",
         "accept-encoding", "content-encoding", "host", "x-forwarded-for"]  # fmt: skip


def hostile(chance, example, good):
    """The valid request with one or two things wrong."""
    values, query, headers = dict(example.values), dict(example.query), good | example.headers
    body = chance.choice(example.bodies)
    for _ in range(chance.choice([1, 1, 2])):
        deed = chance.randrange(6)
        if deed == 0 and values:
            values[chance.choice(list(values))] = chance.choice(TEXTS)
        elif deed == 1:
            query[chance.choice([*query, "after", "wait", "x"])] = chance.choice(TEXTS)
        elif deed == 2:
            headers[chance.choice(NAMES)] = chance.choice(TEXTS)
        elif deed == 3:
            headers["authorization"] = chance.choice(
                ["", "Bearer", "Bearer x", "Bearer " + "00" * 72, "Basic eDp5", "Bearer é"]
            )
        else:
            body = hostile_body(chance, body)
    path = example.path
    for name, value in values.items():
        path = path.replace("{" + name + "}", quote(value, safe=""))
    return path, query, headers, body


def hostile_body(chance, body):
    value = decoded(body)
    if isinstance(value, list) and chance.random() < 0.7:
        try:
            return msgpack.packb(with_nasty_part(chance, value))
        except (OverflowError, ValueError):
            return b"\xc1"
    fields = _fields(body)
    if fields and chance.random() < 0.8:
        nasty = [None, True, -1, 1e308, float("inf"), float("nan"), "", "\0", "x\ud800", "/" * 9000,
                 [], {}, "²", 2**80, "..", "both", "undo", "0", "-1", "current"]  # fmt: skip
        fields[chance.choice([*fields, "anyway"])] = chance.choice(nasty)
        return json.dumps(fields).encode()
    return chance.choice([
        b"", b"x" * 70_000, b"[" * 5000, b'{"a":' * 5000, b"\xff" * 20, b"null", b"[]",
        with_nasty_bytes(chance, body, PACK),
    ])  # fmt: skip


def _fields(body):
    try:
        return json.loads(body) if body.startswith(b"{") else None
    except (ValueError, RecursionError):
        return None


class Body(httpx.AsyncByteStream):
    """A body that nobody need read to its end."""

    def __init__(self, data):
        self._pieces = [data] if data else []

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self._pieces:
            raise StopAsyncIteration
        return self._pieces.pop()


async def send(client, method, path, query, headers, body):
    try:
        named = {"content-length": str(len(body))} | headers
        sent = {name: value.encode("latin-1", "replace") for name, value in named.items()}
        request = client.build_request(method, path, params=query, headers=sent)
        request.stream = Body(body)
        return await client.send(request)
    except (httpx.InvalidURL, httpx.LocalProtocolError):
        return None


@pytest.mark.parametrize("example", SERVER, ids=lambda each: f"{each.method} {each.path}")
@settings(max_examples=max(1, EXAMPLES // AT_ONCE), deadline=None, suppress_health_check=QUIET)
@given(seed=st.integers(0, 2**64))
def test_the_server_refuses_with_a_code_and_changes_nothing(example, seed):
    chance = random.Random(seed)

    async def attack():
        async with served() as here:
            await here.put_pack(PACK)
            await here.client.post("/v1/mailbox", headers=here.headers())
            for _ in range(AT_ONCE):
                before = here.held()
                request = hostile(chance, example, here.headers())
                answer = await send(here.client, example.method, *request)
                if answer is None or answer.status_code < 300:
                    continue
                told = answer.json()
                code = ErrorCode(told["code"])
                assert code is not ErrorCode.INTERNAL, (request, told)
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.status_code == told["status"] == HTTP_STATUS[code]
                assert here.held() == before, request
            answer = await here.append(here.log.entry(next(iter(here.tokens))))
            assert answer.status_code in (200, 409)  # the server goes on

    trio.run(attack)


class Slot:
    """The engine of one device of a fleet, as the daemon hands it out."""

    def __init__(self, engine):
        self._engine = engine

    def require(self):
        return self._engine

    def status(self):
        return self._engine.status().to_json()


class QuietGateway(GatewayPart):
    """Listens nowhere, whatever hostile address it is given."""

    async def use(self, settings):
        self._settings = settings


@pytest.mark.parametrize("example", CONTROL, ids=lambda each: f"{each.method} {each.path}")
@settings(max_examples=max(1, EXAMPLES // AT_ONCE), deadline=None, suppress_health_check=QUIET)
@given(seed=st.integers(0, 2**64))
def test_the_daemon_refuses_with_a_remedy(example, seed, tmp_path_factory):
    chance = random.Random(seed)

    async def attack():
        async with (
            fleet(tmp_path_factory.mktemp("control"), "ann") as one,
            trio.open_nursery() as nursery,
        ):
            ann = one.members[0]
            ann.hands.write("file", "text")
            await ann.settle()
            slot, home = Slot(ann.engine), Home.at(tmp_path_factory.mktemp("home"))
            gateway = QuietGateway(home, load(home.config_file).gateway, slot, None, None)
            app = create_control(slot, Pairings(nursery), gateway, home.config_file, lambda: None)
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://daemon") as client:
                for _ in range(AT_ONCE):
                    request = hostile(chance, example, {})
                    answer = await send(client, example.method, *request)
                    if answer is None or answer.status_code < 300:
                        continue
                    told = answer.json()
                    assert told["detail"], request
                    assert told["remedy"], request
                    assert "unexpectedly" not in told["detail"], (request, told)
            nursery.cancel_scope.cancel()

    trio.run(attack)
