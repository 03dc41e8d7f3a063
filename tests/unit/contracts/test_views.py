"""The view in memory holds the contract that the real one does (tests/engine/test_gateway.py)."""

import pytest

from tests.suites.memory_view import MemoryView
from tests.suites.view_contract import ViewContract


class TestMemoryView(ViewContract):
    @pytest.fixture
    def view(self, tmp_path):
        return MemoryView(tmp_path)
