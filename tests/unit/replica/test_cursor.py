import pytest

from cozysync.replica import CURSOR_SCHEMA, DamagedDatabase, Database, LogCursor
from cozysync_protocol import HeadHash, LogState, Position, VaultId

VAULT = VaultId(b"v" * 16)


def test_the_last_verified_state_is_remembered() -> None:
    cursor = LogCursor(Database.in_memory([CURSOR_SCHEMA]))
    assert cursor.load() is None
    cursor.save(LogState(VAULT))
    later = LogState(VAULT, position=Position(7), head=HeadHash(b"h" * 32))
    cursor.save(later)
    assert cursor.load() == later


def test_a_cursor_that_does_not_read_is_damage() -> None:
    database = Database.in_memory([CURSOR_SCHEMA])
    LogCursor(database).save(LogState(VAULT))
    database.connection.execute("UPDATE log_cursor SET state = x'00'")
    with pytest.raises(DamagedDatabase, match="log cursor"):
        LogCursor(database).load()


def test_what_a_transaction_took_back_was_not_verified() -> None:
    database = Database.in_memory([CURSOR_SCHEMA])
    cursor = LogCursor(database)
    cursor.save(LogState(VAULT))

    def fail() -> None:
        with database.transaction():
            cursor.save(LogState(VAULT, position=Position(7)))
            raise OSError

    with pytest.raises(OSError):
        fail()
    assert cursor.load() == LogState(VAULT)


def test_a_state_at_hand_is_no_reason_to_overlook_damage() -> None:
    database = Database.in_memory([CURSOR_SCHEMA])
    cursor = LogCursor(database)
    cursor.save(LogState(VAULT))
    database.connection.execute("UPDATE log_cursor SET state = x'00'")
    with pytest.raises(DamagedDatabase, match="log cursor"):
        cursor.load()
