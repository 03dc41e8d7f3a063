import sqlite3

import pytest

from cozysync.replica import OUTBOX_SCHEMA, Database, Outbox
from cozysync_protocol import Position, Sequence


@pytest.fixture
def outbox() -> Outbox:
    outbox = Outbox(Database.in_memory([OUTBOX_SCHEMA]))
    for sequence in range(1, 6):
        outbox.add(Sequence(sequence), b"entry %d" % sequence)
    return outbox


def sequences(outbox: Outbox, limit: int = 100, max_bytes: int | None = None) -> list[int]:
    return [sequence for sequence, _ in outbox.pending(limit, max_bytes)]


def test_entries_wait_in_order_until_acknowledged(outbox: Outbox) -> None:
    assert outbox.pending(2) == [(1, b"entry 1"), (2, b"entry 2")]
    outbox.acknowledge(Sequence(1), Position(10))
    assert sequences(outbox) == [2, 3, 4, 5]
    assert outbox.count() == 4


def test_a_page_ends_before_it_grows_too_large_but_never_empty(outbox: Outbox) -> None:
    assert sequences(outbox, max_bytes=20) == [1, 2]
    assert sequences(outbox, max_bytes=1) == [1]


def test_what_a_server_lost_is_pending_again(outbox: Outbox) -> None:
    for sequence in (1, 2, 3):
        outbox.acknowledge(Sequence(sequence), Position(10 * sequence))
    assert outbox.reopen(Position(10)) == [2, 3]
    assert sequences(outbox) == [2, 3, 4, 5]
    assert outbox.pending(1) == [(2, b"entry 2")]


def test_what_a_log_does_not_show_where_it_was_taken_is_pending_again(outbox: Outbox) -> None:
    for sequence in (1, 2, 3):
        outbox.acknowledge(Sequence(sequence), Position(10 * sequence))
    assert outbox.reopen_missing(Position(29), Sequence(1)) == [2]
    assert sequences(outbox) == [2, 4, 5]


def test_the_last_entry_is_known_whether_sent_or_not(outbox: Outbox) -> None:
    for sequence in range(1, 6):
        outbox.acknowledge(Sequence(sequence), Position(sequence))
    assert outbox.last() == (5, b"entry 5")
    assert Outbox(Database.in_memory([OUTBOX_SCHEMA])).last() is None


def test_a_sequence_is_never_used_twice(outbox: Outbox) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        outbox.add(Sequence(5), b"another")
