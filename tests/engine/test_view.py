"""The view over a running engine: the contract, and what only an engine can show."""

import pytest

from cozysync.gateway.engine_view import view_of
from tests.suites.fleet import fleet
from tests.suites.view_contract import ViewContract


class TestEngineView(ViewContract):
    @pytest.fixture
    async def view(self, tmp_path, monkeypatch):
        monkeypatch.setattr("cozysync.gateway.index.SYNCHRONOUS", "OFF")
        async with fleet(tmp_path, "ann") as ours, view_of(ours.members[0].engine) as view:
            await view.make_directory("/Documents")
            yield view
