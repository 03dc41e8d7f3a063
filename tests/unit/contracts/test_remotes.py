"""The remote over HTTP, with the real application behind it, and the one in memory."""

import httpx
import pytest

from cozysync.sync.http_remote import HttpRemote
from cozysync_protocol import encode_entry
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
