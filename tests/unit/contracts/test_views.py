"""The view in memory holds the contract of a view."""

import pytest

from tests.suites.memory_view import MemoryView
from tests.suites.view_contract import ViewContract


class TestMemoryView(ViewContract):
    @pytest.fixture
    def view(self, tmp_path):
        return MemoryView(tmp_path)
