"""Snapshots, and the log that may begin at one.

A snapshot's pointer is checked for what can be checked without keys: a device of the vault signed
it, the log has that head at that position, and its packs are here.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from cozysync.server.failures import Refusal
from cozysync_protocol import (
    ErrorCode,
    LogState,
    PackId,
    Position,
    SnapshotPointer,
    VaultId,
    admit,
    decode_entry,
)

Transaction = Callable[[], AbstractContextManager[sqlite3.Connection]]


class Snapshots:
    """The pointers and the beginnings of logs in one store, whose transactions it uses."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        transaction: Transaction,
        state: Callable[[VaultId], LogState | None],
        missing_packs: Callable[[VaultId, Sequence[PackId]], list[PackId]],
    ) -> None:
        self._connection = connection
        self._transaction = transaction
        self._state = state
        self._missing_packs = missing_packs

    def start(self, vault: VaultId) -> int:
        """The position up to which sealed entries are gone."""
        row = self._connection.execute("SELECT start FROM vault WHERE id = ?", (vault,)).fetchone()
        return int(row[0]) if row is not None else 0

    def pointer(self, vault: VaultId) -> tuple[int, bytes]:
        """The version and pointer of the newest snapshot; (0, b"") when there is none."""
        row = self._connection.execute(
            "SELECT version, pointer FROM snapshot WHERE vault = ?", (vault,)
        ).fetchone()
        return (row[0], row[1]) if row is not None else (0, b"")

    def packs(self, vault: VaultId) -> tuple[PackId, ...]:
        """The packs of the newest snapshot."""
        _, pointer = self.pointer(vault)
        return SnapshotPointer.decode(pointer).packs if pointer else ()

    def put(self, vault: VaultId, expected: int, pointer: bytes) -> int:
        """Put a pointer in place of version `expected`; returns its version.

        Raises `Refusal` when another one came first, when its packs are not here, or when it
        does not say what the log says; `ProtocolError` for one that is not a device's.
        """
        new = SnapshotPointer.decode(pointer)
        with self._transaction() as connection:
            version, old = self.pointer(vault)
            if version != expected:
                raise Refusal(ErrorCode.CONFLICT, "another snapshot was set meanwhile")
            self._check(connection, vault, new)
            if old and SnapshotPointer.decode(old).position > new.position:
                raise Refusal(ErrorCode.CONFLICT, "a newer snapshot is here already")
            connection.execute(
                "INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?)", (vault, expected + 1, pointer)
            )
        return expected + 1

    def truncate(self, vault: VaultId, reached: int) -> None:
        """Drop the sealed entries below the snapshot when all have read up to `reached`."""
        _, pointer = self.pointer(vault)
        if not pointer:
            return
        position = SnapshotPointer.decode(pointer).position
        if not self.start(vault) < position <= reached:
            return
        with self._transaction() as connection:
            base = self._state_at(connection, vault, position)
            connection.execute(
                "DELETE FROM entry WHERE vault = ? AND position <= ? AND kind = 0",
                (vault, position),
            )
            connection.execute(
                "UPDATE vault SET start = ?, base = ? WHERE id = ?",
                (position, base.encode(), vault),
            )
        # A script: a single statement of this kind is stepped once, and frees one page.
        self._connection.executescript("PRAGMA incremental_vacuum;")

    def _state_at(
        self, connection: sqlite3.Connection, vault: VaultId, position: Position
    ) -> LogState:
        """What the log up to a position says, so that the rest can still be verified."""
        start, base = connection.execute(
            "SELECT start, base FROM vault WHERE id = ?", (vault,)
        ).fetchone()
        state = LogState.decode(base) if base else LogState(vault)
        for at, head, data in connection.execute(
            "SELECT position, head, body FROM entry WHERE vault = ? AND position > ?"
            " AND position <= ? ORDER BY position",
            (vault, start, position),
        ):
            state = replace(admit(state, decode_entry(data)), position=at, head=head)
        return state

    def _head_at(self, connection: sqlite3.Connection, pointer: SnapshotPointer) -> bytes | None:
        row = connection.execute(
            "SELECT head FROM entry WHERE vault = ? AND position = ?",
            (pointer.vault, pointer.position),
        ).fetchone()
        if row is not None:
            return bytes(row[0])
        start, base = connection.execute(
            "SELECT start, base FROM vault WHERE id = ?", (pointer.vault,)
        ).fetchone()
        # A log that was given back as it begins has no entry there.
        return LogState.decode(base).head if base and start == pointer.position else None

    def _check(
        self, connection: sqlite3.Connection, vault: VaultId, pointer: SnapshotPointer
    ) -> None:
        state = self._state(vault)
        signer = state.devices.get(pointer.device) if state is not None else None
        if state is None or signer is None or pointer.vault != vault:
            raise Refusal(ErrorCode.NOT_ALLOWED, "a snapshot of another vault or device")
        if signer.revoked:
            raise Refusal(ErrorCode.DEVICE_REVOKED, "this device was revoked")
        pointer.verify(signer.keys.signing)
        if self._head_at(connection, pointer) != pointer.head or pointer.epoch > state.epoch:
            raise Refusal(ErrorCode.FORK, "a snapshot of a state that this log never had")
        if missing := self._missing_packs(vault, pointer.packs):
            raise Refusal(ErrorCode.UNKNOWN_PACK, f"{len(missing)} packs of it are not here")
