"""Passwords that are quick to check; how slow they are is another test's."""

import pytest

from cozysync.vault import app_password


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch):
    monkeypatch.setattr(app_password, "MEMORY_KIB", 8)
    monkeypatch.setattr(app_password, "PASSES", 1)
