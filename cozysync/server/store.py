"""What the server remembers: vaults, their logs, snapshots and invitations, in SQLite.

Contract: every call is one transaction and durable when it returns. `append` takes all entries
or none, checks each with `cozysync_protocol.admit`, and answers an entry that is there already
with the position it got the first time. Calls block; the caller runs them in a thread, one at a
time.
"""

import hashlib
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from cozysync.server.failures import Refusal, ServerError
from cozysync_protocol import (
    INVITATION_SECONDS,
    ROOT_DEVICE,
    DeviceId,
    ErrorCode,
    HeadHash,
    LogFrame,
    LogState,
    PackId,
    Position,
    VaultId,
    admit,
    decode_entry,
    next_head,
)

_MIGRATIONS = (
    """
CREATE TABLE vault (id BLOB PRIMARY KEY, position INTEGER NOT NULL, state BLOB NOT NULL)
    WITHOUT ROWID;
CREATE TABLE entry (
    vault BLOB NOT NULL, position INTEGER NOT NULL, device BLOB NOT NULL, sequence INTEGER NOT NULL,
    head BLOB NOT NULL, body BLOB NOT NULL, PRIMARY KEY (vault, position)
);
CREATE UNIQUE INDEX entry_sequence ON entry (vault, device, sequence);
CREATE TABLE invitation (code BLOB PRIMARY KEY, expires INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE snapshot (vault BLOB PRIMARY KEY, version INTEGER NOT NULL, pointer BLOB NOT NULL)
    WITHOUT ROWID;
CREATE TABLE secret (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
""",
    """
CREATE TABLE lost_pack (vault BLOB NOT NULL, pack BLOB NOT NULL, PRIMARY KEY (vault, pack))
    WITHOUT ROWID;
CREATE TABLE contact (
    vault BLOB NOT NULL, device BLOB NOT NULL, seconds INTEGER NOT NULL,
    PRIMARY KEY (vault, device)
) WITHOUT ROWID;
""",
)

HasPacks = Callable[[VaultId, Sequence[PackId]], list[PackId]]
"""Which of these packs the vault lacks."""


class SqliteStore:
    """The store in one SQLite file."""

    def __init__(self, path: Path, missing_packs: HasPacks, now_s: Callable[[], float]) -> None:
        self._missing_packs = missing_packs
        self._now_s = now_s
        # A vault's verified state costs much to decode and changes only here.
        self._states: dict[VaultId, LogState] = {}
        self._connection = _open(path)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def secret(self, name: str) -> bytes:
        """32 random bytes, made once and kept."""
        with self._transaction() as connection:
            row = connection.execute("SELECT value FROM secret WHERE name = ?", (name,)).fetchone()
            if row is not None:
                return bytes(row[0])
            value = secrets.token_bytes(32)
            connection.execute("INSERT INTO secret VALUES (?, ?)", (name, value))
            return value

    def invite(self) -> str:
        """A new invitation: whoever holds it may make one vault, for some days."""
        code = secrets.token_urlsafe(15)
        expires = int(self._now_s()) + INVITATION_SECONDS
        with self._transaction() as connection:
            connection.execute("INSERT INTO invitation VALUES (?, ?)", (_digest(code), expires))
        return code

    def create_vault(self, invitation: str, entry: bytes) -> HeadHash:
        """Make the vault that this first entry creates; returns its head.

        Raises `Refusal` or `ProtocolError`. Repeating it with the same entry is harmless.
        """
        decoded = decode_entry(entry)
        vault = decoded.header.vault
        with self._transaction() as connection:
            if self._load(vault) is not None:
                known = connection.execute(
                    "SELECT head, body FROM entry WHERE vault = ? AND position = 1", (vault,)
                ).fetchone()
                if known is not None and known[1] == entry:
                    return HeadHash(known[0])
                raise Refusal(ErrorCode.VAULT_EXISTS, "this vault exists already")
            used = connection.execute(
                "DELETE FROM invitation WHERE code = ? AND expires > ?",
                (_digest(invitation), int(self._now_s())),
            )
            if used.rowcount != 1:
                raise Refusal(
                    ErrorCode.BAD_INVITATION, "the invitation is wrong, was used, or has expired"
                )
            state = self._take(connection, LogState(vault), entry)
            self._save(connection, state)
        self._states[vault] = state
        return state.head

    def state(self, vault: VaultId) -> LogState | None:
        """What is verified of a vault's log, or None."""
        return self._load(vault)

    def append(self, vault: VaultId, entries: Sequence[bytes]) -> list[tuple[Position, HeadHash]]:
        """Add entries, all or none; returns the position and head of each."""
        with self._transaction() as connection:
            state = self._load(vault)
            if state is None:
                raise Refusal(ErrorCode.NOT_FOUND, "no such vault")
            places: list[tuple[Position, HeadHash]] = []
            for entry in entries:
                known = self._known(connection, vault, entry)
                if known is None:
                    state = self._take(connection, state, entry)
                    known = (state.position, state.head)
                places.append(known)
            self._save(connection, state)
        self._states[vault] = state
        return places

    def read(self, vault: VaultId, after: int, most: int, max_bytes: int) -> list[LogFrame]:
        """The entries after a position, at most so many and about so many bytes together."""
        frames: list[LogFrame] = []
        size = 0
        with closing(
            self._connection.execute(
                "SELECT position, head, body FROM entry WHERE vault = ? AND position > ?"
                " ORDER BY position LIMIT ?",
                (vault, after, most),
            )
        ) as rows:
            for position, head, body in rows:
                frames.append(LogFrame(position, head, body))
                size += len(body)
                if size >= max_bytes:
                    break
        return frames

    def snapshot(self, vault: VaultId) -> tuple[int, bytes]:
        """The version and pointer of the newest snapshot; (0, b"") when there is none."""
        row = self._connection.execute(
            "SELECT version, pointer FROM snapshot WHERE vault = ?", (vault,)
        ).fetchone()
        return (row[0], row[1]) if row is not None else (0, b"")

    def set_snapshot(self, vault: VaultId, expected: int, pointer: bytes) -> int:
        """Put a pointer in place of version `expected`; raises `Refusal` when it moved on."""
        with self._transaction() as connection:
            if self.snapshot(vault)[0] != expected:
                raise Refusal(ErrorCode.CONFLICT, "another snapshot was set meanwhile")
            connection.execute(
                "INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?)", (vault, expected + 1, pointer)
            )
        return expected + 1

    def note_contact(self, vault: VaultId, device: DeviceId) -> None:
        """Remember that this device speaks with the server just now."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO contact VALUES (?, ?, ?)",
                (vault, device, int(self._now_s())),
            )

    def _known(
        self, connection: sqlite3.Connection, vault: VaultId, entry: bytes
    ) -> tuple[Position, HeadHash] | None:
        header = decode_entry(entry).header
        row = connection.execute(
            "SELECT position, head, body FROM entry"
            " WHERE vault = ? AND device = ? AND sequence = ?",
            (vault, header.device, header.sequence),
        ).fetchone()
        if row is None:
            return None
        if row[2] != entry:
            raise Refusal(
                ErrorCode.CHAIN_BROKEN, "another entry of this device has this sequence already"
            )
        return Position(row[0]), HeadHash(row[1])

    def _take(self, connection: sqlite3.Connection, state: LogState, entry: bytes) -> LogState:
        decoded = decode_entry(entry)
        header = decoded.header
        if header.seen_position > state.position:
            raise Refusal(ErrorCode.ROLLED_BACK, "the entry's author has seen more than is here")
        admitted = admit(state, decoded)
        if missing := self._missing_packs(state.vault, header.packs):
            raise Refusal(ErrorCode.UNKNOWN_PACK, f"{len(missing)} packs of the entry are not here")
        position = Position(state.position + 1)
        head = next_head(state.head, admitted.devices[header.device].last)
        connection.execute(
            "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)",
            (state.vault, position, header.device, header.sequence, head, entry),
        )
        return replace(admitted, position=position, head=head)

    def _load(self, vault: VaultId) -> LogState | None:
        known = self._states.get(vault)
        if known is None:
            row = self._connection.execute(
                "SELECT state FROM vault WHERE id = ?", (vault,)
            ).fetchone()
            if row is None:
                return None
            known = self._states[vault] = LogState.decode(row[0])
        return known

    def _save(self, connection: sqlite3.Connection, state: LogState) -> None:
        connection.execute(
            "INSERT OR REPLACE INTO vault VALUES (?, ?, ?)",
            (state.vault, state.position, state.encode()),
        )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if "full" in str(error):
                raise Refusal(ErrorCode.STORAGE_FULL, "the server's disk is full") from error
            raise
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def is_enrolled(state: LogState, device: DeviceId) -> bool:
    """Whether this device, or the root, may speak for the vault."""
    if device == ROOT_DEVICE:
        return True
    known = state.devices.get(device)
    return known is not None and not known.revoked


def signing_key(state: LogState, device: DeviceId) -> bytes | None:
    """With what this device, revoked or not, or the root signs; None for one never enrolled."""
    if device == ROOT_DEVICE:
        return state.root_signing
    known = state.devices.get(device)
    return known.keys.signing if known is not None else None


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()


def _open(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA busy_timeout=5000")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        for n, migration in enumerate(_MIGRATIONS[version:], version + 1):
            connection.executescript(
                f"BEGIN IMMEDIATE; {migration} PRAGMA user_version = {n}; COMMIT;"
            )
        if version > len(_MIGRATIONS):
            raise ServerError(
                f"{path} was written by a newer cozysync.", "Install that version on the server."
            )
    except sqlite3.DatabaseError as error:
        raise ServerError(
            f"The server's database {path} cannot be read: {error}.",
            "Restore it from a backup; devices send again what it lacks.",
        ) from error
    return connection
