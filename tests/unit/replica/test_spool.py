"""Packs that wait for the server, as files."""

import os
from pathlib import Path

import pytest

from cozysync.replica import Spool

PACK, OTHER = b"\1" * 32, b"\2" * 32


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool")


def test_a_pack_is_kept_until_it_is_let_go(tmp_path, spool):
    assert not spool
    assert spool.read(PACK) is None
    spool.put(PACK, b"0123456789")
    assert PACK in spool
    assert len(spool) == 1
    assert spool.read(PACK) == b"0123456789"
    assert spool.read(PACK, 3, 4) == b"3456"
    again = Spool(tmp_path / "spool")
    assert PACK in again
    again.discard([PACK, OTHER])
    assert PACK not in again
    assert spool.read(PACK) is None  # gone under the reader
    assert list((tmp_path / "spool").iterdir()) == []


def test_nobody_else_may_look(tmp_path, spool):
    spool.put(PACK, b"sealed")
    assert (tmp_path / "spool").stat().st_mode & 0o077 == 0


def test_it_is_durable_when_it_is_told_so(tmp_path, spool, monkeypatch):
    """The bytes before the name, the name before the answer, the directory before all."""
    done, fsync, replace = [], os.fsync, Path.replace

    def synced(handle):
        done.append(("sync", os.readlink(f"/proc/self/fd/{handle}").removeprefix(str(tmp_path))))
        fsync(handle)

    def named(path, target):
        done.append(("name", str(target).removeprefix(str(tmp_path))))
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", named)
    spool.put(PACK, b"sealed")
    name = f"/spool/{PACK.hex()}"
    assert done == [
        ("sync", ""),
        ("sync", f"{name}.part"),
        ("name", name),
        ("sync", "/spool"),
    ]


def test_a_disk_that_fails_leaves_nothing(tmp_path, spool, monkeypatch):
    def fails(_):
        raise OSError(28, "No space left on device")

    spool.put(OTHER, b"before")
    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="No space"):
        spool.put(PACK, b"sealed")
    assert PACK not in spool
    assert [path.name for path in (tmp_path / "spool").iterdir()] == [OTHER.hex()]


def test_what_nobody_asks_for_goes_at_the_start(tmp_path, spool):
    spool.put(PACK, b"wanted")
    spool.put(OTHER, b"by nobody")
    (tmp_path / "spool" / f"{'3' * 64}.part").write_bytes(b"broken off")
    (tmp_path / "spool" / ".directory").write_bytes(b"somebody else's")
    again = Spool(tmp_path / "spool")
    again.keep_only([PACK, b"\4" * 32])
    assert {path.name for path in (tmp_path / "spool").iterdir()} == {PACK.hex(), ".directory"}
    assert again.read(PACK) == b"wanted"
