"""The gateway in the daemon: on and off, with an engine and without, and by its settings."""

import ssl
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest
import trio

from cozysync.daemon.config import load
from cozysync.daemon.config_keys import Address
from cozysync.daemon.gateway import GatewayOff, GatewayPart
from cozysync.daemon.supervise import Supervisor
from cozysync.gateway.phones import BadPhone, PhonesDamaged
from cozysync.gateway.scope import Scope
from cozysync.gateway.serve import CannotListen
from cozysync.sync.home import Home
from cozysync.vault import BadCertificate, gateway_certificate
from tests.suites.memory_view import MemoryView


class Slot:
    """A slot whose engines come and go by hand."""

    def __init__(self):
        self._engine = None
        self._changed = trio.Event()

    def put(self, engine):
        self._engine = engine
        self._changed.set()
        self._changed = trio.Event()

    @property
    def is_up(self):
        return self._engine is not None

    def has(self, engine):
        return self._engine is engine

    async def up(self):
        while self._engine is None:
            await self._changed.wait()
        return self._engine

    async def gone(self, engine):
        while self._engine is engine:
            await self._changed.wait()


@pytest.fixture
def home(tmp_path):
    return Home.at(tmp_path)


@pytest.fixture
def off(home):
    return replace(load(home.config_file).gateway, listen=Address("127.0.0.1", 0))


@pytest.fixture
def on(off):
    return replace(off, enabled=True)


@pytest.fixture
def slot():
    return Slot()


@pytest.fixture
def supervisor():
    return Supervisor()


@pytest.fixture
async def part(home, off, slot, supervisor, nursery):
    @asynccontextmanager
    async def open_view(engine):
        if isinstance(engine, Exception):
            raise engine
        home.gateway.mkdir(exist_ok=True)
        yield MemoryView(home.gateway, folders=(engine,))

    part = GatewayPart(home, off, slot, supervisor, open_view)
    nursery.start_soon(part.run)
    slot.put("First")
    return part


async def folders(part, name, password, verify=True):
    """The folders that a phone sees."""
    async with httpx.AsyncClient(
        base_url=part.url(), auth=(name, password), verify=verify, trust_env=False
    ) as client:
        answer = await client.request("PROPFIND", "/dav/files/", headers={"depth": "1"})
        if answer.status_code != 207:
            return answer.status_code
        return [each for each in ("First", "Second") if f"/{each}/" in answer.text]


async def test_it_is_off_until_it_is_wanted(part, on, off):
    assert part.status() == {
        "enabled": False, "listening": False, "url": None, "certificate": None, "phones": [],
    }  # fmt: skip
    with pytest.raises(GatewayOff):
        part.add_phone("anna", Scope())
    await part.use(on)
    password = part.add_phone("anna", Scope())
    assert await folders(part, "anna", password) == ["First"]
    status = part.status()
    assert (status["enabled"], status["listening"], status["url"]) == (True, True, part.url())
    assert status["phones"][0]["name"] == "anna"
    assert status["phones"][0]["last_seen"] is not None
    url = part.url()
    await part.use(off)
    assert not part.status()["listening"]
    with pytest.raises(httpx.ConnectError):
        await httpx.AsyncClient(trust_env=False).get(url)
    await part.use(on)
    assert await folders(part, "anna", password) == ["First"]
    part.revoke_phone("anna")
    assert await folders(part, "anna", password) == 401
    with pytest.raises(BadPhone):
        part.revoke_phone("anna")


async def test_it_follows_the_engine(part, on, slot, supervisor):
    await part.use(on)
    password = part.add_phone("anna", Scope())
    assert await folders(part, "anna", password) == ["First"]
    slot.put(None)
    await until(lambda: not part.status()["listening"])
    await part.use(on)  # does not wait for an engine
    slot.put("Second")
    await until(lambda: part.status()["listening"])
    assert await folders(part, "anna", password) == ["Second"]
    assert supervisor.troubles == ()


async def test_an_address_that_cannot_be_had_is_told_and_tried_again(part, on, off, supervisor):
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    taken = replace(on, listen=Address("127.0.0.1", port))
    with pytest.raises(CannotListen):
        await part.use(taken)
    assert [each.part for each in supervisor.troubles] == ["gateway"]
    await listeners[0].aclose()
    await until(lambda: part.status()["listening"])
    assert supervisor.troubles == ()
    with pytest.raises(CannotListen):
        await part.use(replace(on, listen=Address("no.such.host.invalid", 1)))
    await part.use(off)
    assert supervisor.troubles == ()


async def test_what_is_wrong_with_the_files_is_told(part, on, home, supervisor):
    home.gateway.mkdir(exist_ok=True)
    (home.gateway / "phones.json").write_text("{")
    with pytest.raises(PhonesDamaged):
        await part.use(on)
    assert part.status()["phones"] == []
    assert "phone add" in supervisor.troubles[0].remedy
    (home.gateway / "phones.json").unlink()
    with pytest.raises(BadCertificate):
        await part.use(replace(on, certificate=home.root / "none", key=home.root / "none"))
    await part.use(on)
    assert supervisor.troubles == ()


async def test_with_a_certificate_it_speaks_tls(part, on, home):
    path = gateway_certificate(home.root / "own.pem", ["127.0.0.1"], 1.76e9)
    await part.use(replace(on, certificate=path, key=path))
    assert part.url().startswith("https://127.0.0.1:")
    assert len(part.status()["certificate"]) == 95
    password = part.add_phone("anna", Scope())
    context = ssl.create_default_context(cafile=path)
    context.check_hostname = True
    assert await folders(part, "anna", password, context) == ["First"]
    plain = part.url().replace("https", "http")
    with pytest.raises(httpx.HTTPError):
        await httpx.AsyncClient(trust_env=False).get(plain)


def test_more_than_this_machine_is_always_spoken_to_by_tls(home, on):
    for host, scheme in (
        ("127.0.0.1", "http"), ("localhost", "http"), ("0.0.0.0", "https"), ("::", "https"),
        ("192.0.2.1", "https"), ("name.test", "https"),
    ):  # fmt: skip
        alone = GatewayPart(home, replace(on, listen=Address(host, 7718)), None, None, None)
        assert alone.url().startswith(f"{scheme}://")
        settings = replace(on, listen=Address(host, 7718), hosts=("name.test",))
        part = GatewayPart(home, settings, None, None, None)
        proxied = "https://name.test"
        assert part.url() == (f"{proxied}:7718" if scheme == "https" else proxied)
        tls = part._tls()
        assert (tls is not None) == (scheme == "https")


async def until(true):
    with trio.fail_after(20):
        while not true():  # noqa: ASYNC110
            await trio.sleep(0.01)
