"""The entries that this device authored: first waiting to be sent, then kept.

An entry is put here in the transaction that made its operations, before anything is sent: a
device that dies between the two sends the same bytes again, and the server answers with the
position it gave the first time. Acknowledged entries stay, because a server that was restored
from an old backup has lost some of them and must be given them back.
"""

from collections.abc import Iterable

from cozysync.replica.database import Database, Schema
from cozysync_protocol import PackId, Position, Sequence, decode_entry

OUTBOX_SCHEMA = Schema(
    "outbox",
    (
        """
        CREATE TABLE outbox (
            sequence INTEGER PRIMARY KEY,
            entry BLOB NOT NULL,
            position INTEGER
        );
        CREATE INDEX outbox_pending ON outbox (sequence) WHERE position IS NULL;
        """,
    ),
)


class Outbox:
    """The outbox of one replica. Changes belong into the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._connection = database.connection

    def add(self, sequence: Sequence, entry: bytes) -> None:
        """Put in the encoded entry with that device sequence.

        Raises `sqlite3.IntegrityError` when the sequence was used before: two entries of one
        number would look like a forgery to everyone else.
        """
        self._connection.execute(
            "INSERT INTO outbox (sequence, entry) VALUES (?, ?)", (sequence, entry)
        )

    def pending(self, limit: int, max_bytes: int | None = None) -> list[tuple[Sequence, bytes]]:
        """The next entries to send, oldest first: at most `limit`, and `max_bytes` together.

        The first one always comes, however large it is.
        """
        found: list[tuple[Sequence, bytes]] = []
        size = 0
        for sequence, entry in self._connection.execute(
            "SELECT sequence, entry FROM outbox WHERE position IS NULL ORDER BY sequence LIMIT ?",
            (limit,),
        ):
            size += len(entry)
            if found and max_bytes is not None and size > max_bytes:
                break
            found.append((Sequence(sequence), entry))
        return found

    def packs(self) -> set[PackId]:
        """The packs that entries name which wait to be sent."""
        rows = self._connection.execute("SELECT entry FROM outbox WHERE position IS NULL")
        return packs_of(row[0] for row in rows)

    def acknowledge(self, sequence: Sequence, position: Position) -> None:
        """Note that the server gave the entry this position. Repeating it does no harm."""
        self._connection.execute(
            "UPDATE outbox SET position = ? WHERE sequence = ?", (position, sequence)
        )

    def take_back(self, sequence: Sequence) -> None:
        """Forget unsent entries from a sequence on: others take their numbers.

        Only for what the server has refused: nobody else has seen it, or ever will.
        """
        self._connection.execute(
            "DELETE FROM outbox WHERE position IS NULL AND sequence >= ?", (sequence,)
        )

    def reopen(self, after: Position) -> list[Sequence]:
        """Make entries that stood behind a position pending again; returns which.

        For a server that has lost what came after `after`.
        """
        return self._reopen("position > ?", after)

    def reopen_missing(self, position: Position, there: Sequence) -> list[Sequence]:
        """Make entries behind sequence `there` pending again, if they stood up to a position.

        For a server that shows the log up to `position` without them. Returns which.
        """
        return self._reopen("sequence > ? AND position <= ?", there, position)

    def _reopen(self, which: str, *values: int) -> list[Sequence]:
        query = f"UPDATE outbox SET position = NULL WHERE {which} RETURNING sequence"  # noqa: S608
        return [Sequence(row[0]) for row in self._connection.execute(query, values).fetchall()]

    def reached(self) -> Position:
        """The last position that the server gave to an entry of this device; 0 for none."""
        row = self._connection.execute("SELECT MAX(position) FROM outbox").fetchone()
        return Position(row[0] or 0)

    def last(self) -> tuple[Sequence, bytes] | None:
        """The newest entry of this device, sent or not: what its next one must follow."""
        row = self._connection.execute(
            "SELECT sequence, entry FROM outbox ORDER BY sequence DESC LIMIT 1"
        ).fetchone()
        return (Sequence(row[0]), row[1]) if row is not None else None

    def after(self, sequence: Sequence) -> list[tuple[Sequence, bytes]]:
        """The entries behind a sequence, sent or not, oldest first."""
        rows = self._connection.execute(
            "SELECT sequence, entry FROM outbox WHERE sequence > ? ORDER BY sequence", (sequence,)
        )
        return [(Sequence(number), entry) for number, entry in rows]

    def acknowledge_up_to(self, sequence: Sequence, position: Position) -> None:
        """Note that everything up to a sequence stands in the log, at `position` or before."""
        self._connection.execute(
            "UPDATE outbox SET position = ? WHERE position IS NULL AND sequence <= ?",
            (position, sequence),
        )

    def newest_position(self) -> int:
        """The last position of an entry of this device that is known; 0 when none is."""
        row = self._connection.execute("SELECT MAX(position) FROM outbox").fetchone()
        return int(row[0] or 0)

    def count(self) -> int:
        """How many entries wait to be sent."""
        row = self._connection.execute(
            "SELECT COUNT(*) FROM outbox WHERE position IS NULL"
        ).fetchone()
        return int(row[0])


def packs_of(entries: Iterable[bytes]) -> set[PackId]:
    """The packs that these entries name."""
    return {pack for entry in entries for pack in decode_entry(entry).header.packs}
