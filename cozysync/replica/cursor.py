"""How far this replica has read and verified the vault's log."""

from cozysync.replica.database import DamagedDatabase, Database, Schema
from cozysync_protocol import LogState, Malformed

CURSOR_SCHEMA = Schema(
    "cursor",
    (
        """
        CREATE TABLE log_cursor (
            one INTEGER PRIMARY KEY CHECK (one = 1),
            position INTEGER NOT NULL,
            state BLOB NOT NULL
        );
        """,
    ),
)


class LogCursor:
    """The verified end of the log: position, head, devices, epoch.

    Saved in the transaction that applies the entries up to it, so that an entry is never
    skipped and its head is never forgotten.
    """

    def __init__(self, database: Database) -> None:
        self._path = database.path
        self._connection = database.connection

    def load(self) -> LogState | None:
        """The state last saved, or None on a device that has read nothing yet."""
        row = self._connection.execute("SELECT state FROM log_cursor").fetchone()
        if row is None:
            return None
        try:
            return LogState.decode(row[0])
        except Malformed as error:
            raise DamagedDatabase(self._path, f"the log cursor does not read: {error}") from error

    def save(self, state: LogState) -> None:
        """Remember the state after the last verified entry."""
        self._connection.execute(
            "INSERT OR REPLACE INTO log_cursor VALUES (1, ?, ?)", (state.position, state.encode())
        )
