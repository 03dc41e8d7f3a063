"""The database when the power goes and when the disk fails under it."""

import resource
import shutil
import sqlite3
from contextlib import contextmanager

import pytest

from cozysync.server import SqliteStore
from cozysync.server.failures import Refusal
from cozysync_protocol import ErrorCode, decode_entry, encode_entry
from tests.unit.protocol.logs import ANN, VAULT, Log

NOW = 1_800_000_000.0


def opened(path):
    return SqliteStore(path, lambda _vault, _packs: [], lambda: NOW)


@pytest.fixture
def store(tmp_path):
    store = opened(tmp_path / "server.db")
    yield store
    store.close()


@pytest.fixture
def log(store):
    log = Log()
    store.create_vault(store.invite(), encode_entry(log.entries[0]))
    return log


def held(store):
    return [decode_entry(frame.entry) for frame in store.read(VAULT, 0, 10**6, 1 << 30)]


def copied(database, target, wal=None):
    target.mkdir()
    shutil.copy(database, target / database.name)
    log = database.with_name(database.name + "-wal").read_bytes() if wal is None else wal
    (target / (database.name + "-wal")).write_bytes(log)
    return target / database.name


def test_what_was_acknowledged_survives_a_cut_in_what_came_after(store, log, tmp_path):
    database = tmp_path / "server.db"
    wal = database.with_name("server.db-wal")
    for n in range(3):
        before, acknowledged = wal.read_bytes(), len(log.entries)
        store.append(VAULT, [encode_entry(log.append(ANN, body=b"x" * 3000))])
        after = wal.read_bytes()
        assert after.startswith(before), "the test believes in a log that only grows"
        for at in range(len(before), len(after) + 1, 397):
            torn = after[:at] + bytes((len(after) - at) * (at % 2))
            again = opened(copied(database, tmp_path / f"{n}-{at}", torn))
            found = held(again)
            again.close()
            assert found in (log.entries[:acknowledged], log.entries[: acknowledged + 1])


@contextmanager
def no_file_beyond(size):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_disk_that_fails_at_any_byte_damages_nothing_and_the_store_goes_on(store, log, tmp_path):
    wal = tmp_path / "server.db-wal"
    failures = 0
    for room in range(0, 9000, 500):
        before = held(store)
        entry = encode_entry(log.entry(ANN, body=b"y" * 2000))
        with no_file_beyond(wal.stat().st_size + room):
            try:
                store.append(VAULT, [entry])
            except (sqlite3.OperationalError, Refusal):
                failures += 1
                assert held(store) == before
        store.append(VAULT, [entry])
        log.state = log.advanced(decode_entry(entry))
        log.entries.append(decode_entry(entry))
        assert held(store) == log.entries
    assert failures >= 3
    again = opened(copied(tmp_path / "server.db", tmp_path / "copy"))
    assert held(again) == log.entries
    again.close()


def test_a_full_disk_is_told_as_such(store, log):
    store._connection.execute("PRAGMA max_page_count = 1")
    size = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count = {size}")
    with pytest.raises(Refusal) as refused:
        store.append(VAULT, [encode_entry(log.entry(ANN, body=b"z" * 100_000))])
    assert refused.value.problem.code is ErrorCode.STORAGE_FULL
    store._connection.execute("PRAGMA max_page_count = 100000")
    store.append(VAULT, [encode_entry(log.entry(ANN, body=b"z" * 100_000))])
