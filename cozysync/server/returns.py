"""Taking back what this server has lost: entries at their places, a beginning, lost packs.

Entries that a device gives back verify by themselves, and their heads say what came before each;
so nothing depends on who gives them. An invitation stands in for a session where the log does not
know (any more) who gives.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from cozysync.server.beginning import check_beginning
from cozysync.server.failures import Refusal
from cozysync_protocol import (
    GENESIS_HEAD,
    Begun,
    Entry,
    ErrorCode,
    LogFrame,
    LogState,
    PackId,
    Position,
    VaultId,
    admit,
    decode_entry,
    entry_hash,
    next_head,
)

LOST_PACK_BYTES = 64
"""What the note on a pack that is gone takes on the disk, about."""


class TakingStore(Protocol):
    """What this needs of the store."""

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """Everything inside, or nothing."""

    def state(self, vault: VaultId) -> LogState | None:
        """What is verified of a vault's log, or None."""

    def take(self, connection: sqlite3.Connection, state: LogState, entry: bytes) -> LogState:
        """The state after one more entry, which is stored."""

    def place(self, connection: sqlite3.Connection, frame: LogFrame, entry: Entry) -> None:
        """Store an entry where it stands in the log."""

    def keep(self, connection: sqlite3.Connection, state: LogState) -> None:
        """Store a state."""


class Returns:
    """Takes back, and notes what is gone for good.

    An entry that names a pack which is neither here nor noted as lost is refused.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        store: TakingStore,
        missing_packs: Callable[[VaultId, Sequence[PackId]], list[PackId]],
        now_s: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._store = store
        self._missing_packs = missing_packs
        self._now_s = now_s

    def take_back(
        self,
        vault: VaultId,
        frames: Sequence[LogFrame],
        invitation: str | None = None,
        room: Callable[[int], None] = lambda size: None,
    ) -> Position:
        """Take entries that this server has lost, each at the position and head that it had.

        All or none; what is here already changes nothing. Packs that they name and that are gone
        are noted as lost. An invitation serves for this one vault until it expires. `room` is told
        how many bytes would be added, of whoever may give at all, and raises when there is none.
        Returns the log's end. Raises `ProtocolError` or `Refusal`: `FORK` where the log has gone on
        otherwise, `CONFLICT` where something before is missing.
        """
        with self._store.transaction() as connection:
            if invitation is not None:
                self._claim(connection, invitation, vault, frames[0])
            state = self._store.state(vault) or LogState(vault)
            room(sum(len(each.entry) for each in frames if each.position > state.position))
            for frame in frames:
                if frame.position > state.position + 1:
                    raise Refusal(
                        ErrorCode.CONFLICT, f"the log ends at position {state.position} here"
                    )
                if frame.position <= state.position:
                    self._compare(connection, vault, frame)
                    continue
                self._note(vault, decode_entry(frame.entry).header.packs)
                state = self._store.take(connection, state, frame.entry)
                if state.head != frame.head:
                    raise _forked(frame)
            self._store.keep(connection, state)
        return state.position

    def begin(
        self, vault: VaultId, begun: Begun, room: Callable[[int], None] = lambda size: None
    ) -> None:
        """Let the log of a vault that is not here begin where a device says.

        Doing it again is harmless. Raises `ProtocolError` or `Refusal`: `VAULT_EXISTS` where a log
        of this vault is here already.
        """
        state = begun.state
        with self._store.transaction() as connection:
            self._claim(connection, begun.invitation, vault, begun.controls[0])
            entries = check_beginning(vault, begun)
            if self._store.state(vault) is not None:
                if self._begins(vault) == (state.position, state.encode()):
                    return
                raise Refusal(ErrorCode.VAULT_EXISTS, "a log of this vault is here already")
            room(sum(len(frame.entry) for frame in begun.controls))
            self._store.keep(connection, state)
            for frame, entry in zip(begun.controls, entries, strict=True):
                self._store.place(connection, frame, entry)
            connection.execute(
                "UPDATE vault SET start = ?, base = ? WHERE id = ?",
                (state.position, state.encode(), vault),
            )

    def _begins(self, vault: VaultId) -> tuple[int, bytes]:
        row = self._connection.execute("SELECT start, base FROM vault WHERE id = ?", (vault,))
        start, base = row.fetchone()
        return start, base or b""

    def lose(self, vault: VaultId, packs: Sequence[PackId]) -> None:
        """Note those of these packs that are not here as gone for good."""
        with self._store.transaction():
            self._note(vault, packs)

    def noted_bytes(self, vault: VaultId) -> int:
        """What the notes on packs that are gone take."""
        query = "SELECT COUNT(*) FROM lost_pack WHERE vault = ?"
        return LOST_PACK_BYTES * int(self._connection.execute(query, (vault,)).fetchone()[0])

    def not_lost(self, vault: VaultId, packs: Sequence[PackId]) -> list[PackId]:
        """Those of the packs that are not known to be lost."""
        query = "SELECT 1 FROM lost_pack WHERE vault = ? AND pack = ?"
        return [
            pack
            for pack in packs
            if self._connection.execute(query, (vault, pack)).fetchone() is None
        ]

    def _note(self, vault: VaultId, packs: Sequence[PackId]) -> None:
        self._connection.executemany(
            "INSERT OR IGNORE INTO lost_pack VALUES (?, ?)",
            [(vault, pack) for pack in self._missing_packs(vault, packs)],
        )

    def _compare(self, connection: sqlite3.Connection, vault: VaultId, frame: LogFrame) -> None:
        row = connection.execute(
            "SELECT head FROM entry WHERE vault = ? AND position = ?", (vault, frame.position)
        ).fetchone()
        if row is not None and row[0] != frame.head:
            raise _forked(frame)

    def _claim(
        self, connection: sqlite3.Connection, invitation: str, vault: VaultId, first: LogFrame
    ) -> None:
        """Let an invitation serve for a vault, of which whoever holds it knows the first entry.

        Whoever does not hears nothing that depends on what is here of that vault.
        """
        code = digest_of(invitation)
        row = connection.execute(
            "SELECT vault FROM invitation WHERE code = ? AND expires > ?",
            (code, int(self._now_s())),
        ).fetchone()
        if row is None or row[0] not in (None, vault):
            raise bad_invitation()
        if row[0] is None:
            _check_first(vault, first)
            connection.execute("UPDATE invitation SET vault = ? WHERE code = ?", (vault, code))


def _check_first(vault: VaultId, frame: LogFrame) -> None:
    entry = decode_entry(frame.entry)
    if frame.position != 1 or frame.head != next_head(GENESIS_HEAD, entry_hash(frame.entry)):
        raise Refusal(ErrorCode.CONFLICT, "a log is given back from its first entry on")
    admit(LogState(vault), entry)


def digest_of(invitation: str) -> bytes:
    """How an invitation is kept: whoever reads the database cannot use it."""
    return hashlib.sha256(invitation.encode()).digest()


def bad_invitation() -> Refusal:
    """The answer to an invitation that is none."""
    return Refusal(ErrorCode.BAD_INVITATION, "the invitation is wrong, was used, or has expired")


def _forked(frame: LogFrame) -> Refusal:
    return Refusal(ErrorCode.FORK, f"the log has another history at position {frame.position} here")
