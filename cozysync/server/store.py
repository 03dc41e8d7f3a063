"""What the server remembers: vaults, their logs, snapshots and invitations, in SQLite.

Contract: every call is one transaction and durable when it returns. `append` takes all entries
or none, checks each with `cozysync_protocol.admit`, and answers an entry that is there already
with the position it got the first time. Calls block; the caller runs them in a thread, one at a
time.
"""

import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from cozysync.server.failures import Refusal
from cozysync.server.marks import Marks
from cozysync.server.returns import Returns, bad_invitation, digest_of
from cozysync.server.schema import open_database
from cozysync.server.snapshots import Snapshots
from cozysync_protocol import (
    INVITATION_SECONDS,
    DeviceAdded,
    DeviceId,
    Entry,
    EntryKind,
    ErrorCode,
    HeadHash,
    LogFrame,
    LogState,
    PackId,
    PacksDoomed,
    Position,
    ProtocolError,
    VaultId,
    admit,
    decode_control,
    decode_entry,
    next_head,
)

HasPacks = Callable[[VaultId, Sequence[PackId]], list[PackId]]
"""Which of these packs the vault lacks."""


Placed = list[tuple[Position, HeadHash]]
"""Position and head of each entry."""

Outcome = Placed | Refusal | ProtocolError


class Addition(NamedTuple):
    """Entries for one vault's log.

    `verified` is how far the log went for whoever adds them: where it does not go that far any
    more, it has to be given back first, or two histories would begin.
    """

    vault: VaultId
    entries: Sequence[bytes]
    verified: int = 0


class SqliteStore:
    """The store in one SQLite file."""

    def __init__(self, path: Path, missing_packs: HasPacks, now_s: Callable[[], float]) -> None:
        self._missing_packs = missing_packs
        self._now_s = now_s
        # A vault's verified state costs much to decode and changes only here.
        self._states: dict[VaultId, LogState] = {}
        # Written down now and then: a write for every read would cost more than it tells.
        self._readers: dict[tuple[VaultId, DeviceId], int] = {}
        self._unnoted: set[tuple[VaultId, DeviceId]] = set()
        self._connection = open_database(path, now_s)
        self.marks = Marks(self._connection)
        self.snapshots = Snapshots(self._connection, self.transaction, self._load, missing_packs)
        self.returns = Returns(self._connection, self, missing_packs, now_s)

    def close(self) -> None:
        """Close the file."""
        self.note_readers()
        self._connection.close()

    def secret(self, name: str) -> bytes:
        """32 random bytes, made once and kept."""
        with self.transaction() as connection:
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
        with self.transaction() as connection:
            connection.execute(
                "INSERT INTO invitation (code, expires) VALUES (?, ?)", (digest_of(code), expires)
            )
        return code

    def create_vault(self, invitation: str, entry: bytes) -> HeadHash:
        """Make the vault that this first entry creates; returns its head.

        Raises `Refusal` or `ProtocolError`. Repeating it with the same entry is harmless.
        """
        decoded = decode_entry(entry)
        vault = decoded.header.vault
        admit(LogState(vault), decoded)  # who is not its owner does not hear whether it exists
        with self.transaction() as connection:
            if self._load(vault) is not None:
                known = connection.execute(
                    "SELECT head, body FROM entry WHERE vault = ? AND position = 1", (vault,)
                ).fetchone()
                if known is not None and known[1] == entry:
                    return HeadHash(known[0])
                raise Refusal(ErrorCode.VAULT_EXISTS, "this vault exists already")
            used = connection.execute(
                "DELETE FROM invitation WHERE code = ? AND expires > ? AND vault IS NULL",
                (digest_of(invitation), int(self._now_s())),
            )
            if used.rowcount != 1:
                raise bad_invitation()
            state = self.take(connection, LogState(vault), entry)
            self._save(connection, state)
        self._states[vault] = state
        return state.head

    def state(self, vault: VaultId) -> LogState | None:
        """What is verified of a vault's log, or None."""
        return self._load(vault)

    def at_hand(self, vault: VaultId) -> LogState | None:
        """As `state`, if that can be said without a look at the database: then from any thread."""
        return self._states.get(vault)

    def append(self, vault: VaultId, entries: Sequence[bytes], verified: int = 0) -> Placed:
        """As `append_all` for one of them; raises `Refusal` or `ProtocolError`."""
        outcome = self.append_all([Addition(vault, entries, verified)])[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def append_all(self, additions: Iterable[Addition]) -> list[Outcome]:
        """Add to logs, in one transaction: to make it durable costs as much for one as for many.

        Of each addition all entries are taken or none, whatever becomes of the others. Raises
        `Refusal` when the disk is full: then nothing has been taken.
        """
        fresh: dict[VaultId, LogState] = {}
        outcomes: list[Outcome] = []
        with self.transaction() as connection:
            for each in additions:
                connection.execute("SAVEPOINT addition")
                try:
                    state = fresh.get(each.vault) or self._load(each.vault)
                    fresh[each.vault], places = self._added(connection, state, each)
                    outcomes.append(places)
                except (Refusal, ProtocolError) as error:
                    connection.execute("ROLLBACK TO addition")
                    outcomes.append(error)
                connection.execute("RELEASE addition")
            for state in fresh.values():
                self._save(connection, state)
        self._states.update(fresh)
        return outcomes

    def _added(
        self, connection: sqlite3.Connection, state: LogState | None, addition: Addition
    ) -> tuple[LogState, Placed]:
        if state is None:
            raise Refusal(ErrorCode.NOT_FOUND, "no such vault")
        if state.position < addition.verified:
            raise Refusal(ErrorCode.ROLLED_BACK, "the log ends before what you have verified")
        places: Placed = []
        for entry in addition.entries:
            known = self._known(connection, state, entry)
            if known is None:
                state = self.take(connection, state, entry)
                known = (state.position, state.head)
            places.append(known)
        return state, places

    def read(
        self, vault: VaultId, after: int, most: int, max_bytes: int, *, control: bool = False
    ) -> list[LogFrame]:
        """The entries after a position, at most so many and about so many bytes together.

        Raises `Refusal` when some of them are gone. Control entries alone are always there.
        """
        if not control and after < self.snapshots.start(vault):
            raise Refusal(
                ErrorCode.HORIZON, "the log is gone up to a snapshot; start from that one"
            )
        kind = "AND kind = 1" if control else ""
        frames: list[LogFrame] = []
        size = 0
        with closing(
            self._connection.execute(
                "SELECT position, head, body FROM entry WHERE vault = ? AND position > ?"  # noqa: S608
                f" {kind} ORDER BY position LIMIT ?",
                (vault, after, most),
            )
        ) as rows:
            for position, head, body in rows:
                frames.append(LogFrame(position, head, body))
                size += len(body)
                if size >= max_bytes:
                    break
        return frames

    def heard(self, state: LogState, device: DeviceId, position: int) -> bool:
        """Note that a device has read up to a position; whether that is further than before.

        It may be called from any thread.
        """
        if position > state.position:
            return False  # asked for the log's end
        before = self._readers.get((state.vault, device), -1)
        if position <= before:
            return False
        self._readers[state.vault, device] = position
        self._unnoted.add((state.vault, device))
        return True

    def check(self) -> None:
        """Raise what SQLite raises, or `Refusal`, when this cannot be read and written to."""
        with self.transaction() as connection:
            connection.execute("SELECT COUNT(*) FROM vault").fetchone()

    def used(self, vault: VaultId) -> int:
        """Bytes of all entries of a vault, and of the notes on packs that are gone."""
        query = "SELECT COALESCE(SUM(LENGTH(body)), 0) FROM entry WHERE vault = ?"
        entries = int(self._connection.execute(query, (vault,)).fetchone()[0])
        return entries + self.returns.noted_bytes(vault)

    def note_readers(self) -> None:
        """Write down what `heard` was told."""
        noted = list(self._unnoted)
        if not noted:
            return
        # Before it is written: who reads on meanwhile is noted once more.
        self._unnoted.difference_update(noted)
        try:
            with self.transaction():
                for each in noted:
                    self.marks.read(*each, self._readers[each])
        except BaseException:
            self._unnoted.update(noted)
            raise

    def note_contact(self, vault: VaultId, device: DeviceId) -> None:
        """Remember that this device speaks with the server just now."""
        with self.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO contact VALUES (?, ?, ?)",
                (vault, device, int(self._now_s())),
            )

    def forget_packs(self, vault: VaultId, packs: Sequence[PackId]) -> None:
        """Note that these packs have been deleted."""
        if packs:
            with self.transaction():
                self.marks.forget(vault, packs)

    def vaults(self) -> list[VaultId]:
        """All vaults."""
        return [VaultId(row[0]) for row in self._connection.execute("SELECT id FROM vault")]

    def _known(
        self, connection: sqlite3.Connection, state: LogState, entry: bytes
    ) -> tuple[Position, HeadHash] | None:
        header = decode_entry(entry).header
        row = connection.execute(
            "SELECT position, head, body FROM entry"
            " WHERE vault = ? AND device = ? AND sequence = ?",
            (state.vault, header.device, header.sequence),
        ).fetchone()
        author = state.devices.get(header.device)
        if row is None and author is not None and header.sequence <= author.sequence:
            raise Refusal(ErrorCode.HORIZON, "an entry that was taken, and is gone by now")
        if row is None:
            return None
        if row[2] != entry:
            raise Refusal(
                ErrorCode.CHAIN_BROKEN, "another entry of this device has this sequence already"
            )
        return Position(row[0]), HeadHash(row[1])

    def take(self, connection: sqlite3.Connection, state: LogState, entry: bytes) -> LogState:
        """The state after one more entry, which is stored; raises `Refusal` or `ProtocolError`."""
        decoded = decode_entry(entry)
        header = decoded.header
        if header.seen_position > state.position:
            raise Refusal(ErrorCode.ROLLED_BACK, "the entry's author has seen more than is here")
        admitted = admit(state, decoded)
        self._check_packs(state.vault, decoded)
        position = Position(state.position + 1)
        head = next_head(state.head, admitted.devices[header.device].last)
        self.place(connection, LogFrame(position, head, entry), decoded)
        return replace(admitted, position=position, head=head)

    def place(self, connection: sqlite3.Connection, frame: LogFrame, entry: Entry) -> None:
        """Store an entry, `frame` decoded, where it stands in the log."""
        header = entry.header
        where = header.vault, frame.position, header.device, header.sequence
        connection.execute(
            "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*where, frame.head, frame.entry, int(header.kind)),
        )
        self._note(frame.position, entry)

    def _check_packs(self, vault: VaultId, entry: Entry) -> None:
        """Refuse an entry that names what is not here or is doomed, or dooms what is in use."""
        packs = entry.header.packs
        missing = self.returns.not_lost(vault, self._missing_packs(vault, packs))
        gone = {*missing, *self.marks.doomed(vault, packs)}
        if gone:
            raise Refusal(ErrorCode.UNKNOWN_PACK, f"{len(gone)} packs of the entry are not here")
        doom = _doom(entry)
        if self.marks.named_after(vault, doom, entry.header.seen_position):
            raise Refusal(
                ErrorCode.PACK_IN_USE, "an entry that the device had not seen names such a pack"
            )

    def _note(self, position: Position, entry: Entry) -> None:
        header, vault = entry.header, entry.header.vault
        self.marks.name(vault, header.packs, position)
        self.marks.doom(vault, _doom(entry), position, self._now_s())
        self.marks.enrolled(vault, header.device, self._now_s())
        if header.kind is EntryKind.CONTROL:
            control = decode_control(entry.body)
            if isinstance(control, DeviceAdded):  # it holds the log until it has read it
                self.marks.enrolled(vault, control.keys.device, self._now_s())

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

    def keep(self, connection: sqlite3.Connection, state: LogState) -> None:
        """Store a state; inside a transaction that may still be undone."""
        self._save(connection, state)
        self._states.pop(state.vault, None)

    def _save(self, connection: sqlite3.Connection, state: LogState) -> None:
        connection.execute(
            "INSERT INTO vault (id, position, state) VALUES (?, ?, ?) ON CONFLICT DO UPDATE"
            " SET position = excluded.position, state = excluded.state",
            (state.vault, state.position, state.encode()),
        )

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything inside becomes durable, or nothing; raises `Refusal` when the disk is full."""
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


def _doom(entry: Entry) -> tuple[PackId, ...]:
    """The packs that an entry dooms."""
    if entry.header.kind is not EntryKind.CONTROL:
        return ()
    control = decode_control(entry.body)
    return control.packs if isinstance(control, PacksDoomed) else ()
