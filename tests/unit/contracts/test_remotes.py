"""The remote over HTTP, with the real application behind it, and the one in memory."""

import httpx
import pytest

from cozysync.sync.http_remote import HttpRemote
from cozysync.sync.remote import Unreachable
from cozysync_protocol import Info, encode_entry
from tests.suites.contracts import RemoteContract
from tests.suites.memory_server import MemoryRemote, MemoryServer
from tests.suites.served import served
from tests.unit.protocol.logs import ANN, VAULT, Log


class TestHttpRemote(RemoteContract):
    @pytest.fixture
    async def here(self):
        async with served() as here:
            yield here

    @pytest.fixture
    async def remote(self, here):
        transport = httpx.ASGITransport(here.app)
        remote = HttpRemote("http://server", VAULT, ANN.id, ANN.sign, transport=transport)
        yield remote
        await remote.close()

    @pytest.fixture
    def log(self, here):
        return here.log


class TestMemoryRemote(RemoteContract):
    @pytest.fixture
    def log(self):
        return Log()

    @pytest.fixture
    def remote(self, log):
        server = MemoryServer(VAULT)
        server.append(encode_entry(log.entries[0]))
        return MemoryRemote(server, ANN.id)


async def test_a_server_below_a_path_is_asked_below_it():
    asked = []

    async def handle(request):
        asked.append(str(request.url))
        answer = Info(1, 1, 1 << 20, 1 << 20, 0).encode()
        return httpx.Response(200, stream=httpx.ByteStream(answer))

    remote = HttpRemote("https://server/cozy/", transport=httpx.MockTransport(handle))
    await remote.info()
    await remote.close()
    assert asked == ["https://server/cozy/v1/info"]


@pytest.mark.parametrize("url", ["", "server", "http://server:port", "ftp://server", "http://"])
async def test_what_is_no_address_is_told_as_such(url):
    remote = HttpRemote(url)
    with pytest.raises(Unreachable, match="that is no address"):
        await remote.info()
    await remote.close()
