"""The server's store in SQLite; another one gets a class of its own here."""

import pytest

from cozysync.server import SqliteStore
from cozysync_protocol import encode_entry
from tests.suites.contracts import StoreContract
from tests.unit.protocol.logs import Log


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def log(self):
        return Log()

    @pytest.fixture
    def stores(self, tmp_path):
        opened = []

        def open_store():
            for each in opened:
                each.close()
            none = SqliteStore(tmp_path / "server.db", lambda _v, _p: [], lambda: 1_800_000_000.0)
            opened.append(none)
            return none

        yield open_store
        opened[-1].close()

    @pytest.fixture
    def store(self, stores, log):
        store = stores()
        store.create_vault(store.invite(), encode_entry(log.entries[0]))
        return store

    @pytest.fixture
    def reopen(self, stores):
        return stores
