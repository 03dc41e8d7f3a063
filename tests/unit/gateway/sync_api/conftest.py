"""A gateway with the JSON interface alone, over a view in memory."""

import pytest

from cozysync.gateway.scope import Scope
from cozysync.gateway.sync_api import PREFIX, sync_door
from tests.suites.memory_view import MemoryView
from tests.suites.phones import GatewayInTest


@pytest.fixture
async def view(tmp_path):
    staging = tmp_path / "staging"
    staging.mkdir()
    return MemoryView(staging, folders=("Documents", "Photos", "Secret"))


@pytest.fixture
async def gateway(view, tmp_path):
    return GatewayInTest(view, [sync_door(view.staging)], tmp_path)


@pytest.fixture
async def phone(gateway):
    async with gateway.phone() as client:
        client.base_url = client.base_url.join(PREFIX + "/")
        yield client


@pytest.fixture
async def reader(gateway):
    scope = Scope(("Documents",), read_only=True)
    async with gateway.phone("reader", scope) as client:
        client.base_url = client.base_url.join(PREFIX + "/")
        yield client
