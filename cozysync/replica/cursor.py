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
        self._known: tuple[bytes, LogState] | None = None  # the state last read, by its bytes

    def load(self) -> LogState | None:
        """The state last saved, or None on a device that has read nothing yet."""
        row = self._connection.execute("SELECT state FROM log_cursor").fetchone()
        if row is None:
            return None
        # Asked for with every request, and a state of a thousand heads is long to decode.
        known = self._known
        if known is None or known[0] != row[0]:
            self._known = known = row[0], self._decoded(row[0])
        return known[1]

    def save(self, state: LogState) -> None:
        """Remember the state after the last verified entry."""
        data = state.encode()
        self._connection.execute(
            "INSERT OR REPLACE INTO log_cursor VALUES (1, ?, ?)", (state.position, data)
        )
        self._known = data, state

    def _decoded(self, data: bytes) -> LogState:
        try:
            return LogState.decode(data)
        except Malformed as error:
            raise DamagedDatabase(self._path, f"the log cursor does not read: {error}") from error
