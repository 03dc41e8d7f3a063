"""The server as a device sees it.

Contract: every call is one exchange and is never repeated here; `Link.attempt` does that. All are
safe to repeat: an entry, pack or message that arrived before is taken as the same one.
"""

from collections.abc import AsyncGenerator, Sequence
from typing import NamedTuple, Protocol

from cozysync.vault.errors import CozyError, ExitCode
from cozysync_protocol import (
    NOWHERE,
    Appended,
    Begun,
    ErrorCode,
    HeadHash,
    LogFrame,
    PackId,
    Position,
    SnapshotPointer,
)


class Unreachable(CozyError):
    """The server did not answer, or not as a cozysync server does. Trying again may help."""

    exit_code = ExitCode.UNREACHABLE

    def __init__(self, url: str, why: str) -> None:
        super().__init__(
            f"The server {url} cannot be reached: {why}.",
            "Check the address and the network, and that the server runs; syncing goes on by "
            "itself once it answers.",
        )


class Refused(CozyError):
    """The server answered no. `retryable` says whether the same request may succeed later, and
    `retry_after_s` that it asked to be left alone for so long.
    """

    def __init__(self, code: ErrorCode, detail: str, retry_after_s: float = 0) -> None:
        said = _MESSAGES.get(code, "The server refused")
        super().__init__(f"{said}: {detail}.", _REMEDIES.get(code, _REMEDY))
        self.retry_after_s = retry_after_s
        self.code = code
        self.detail = detail

    @property
    def retryable(self) -> bool:
        """Whether waiting may mend it: a full disk, an overloaded or restarting server, or one
        that has gone back to before it knew this device, until another gives back what is missing.
        """
        return self.code in (
            ErrorCode.STORAGE_FULL,
            ErrorCode.VAULT_FULL,
            ErrorCode.UNAVAILABLE,
            ErrorCode.TOO_MANY,
            ErrorCode.TOO_SLOW,
            ErrorCode.INTERNAL,
            ErrorCode.NO_SESSION,
        )

    @property
    def needs_room(self) -> bool:
        """Whether a person must make room before it can succeed."""
        return self.code in _MESSAGES


_MESSAGES = {
    ErrorCode.STORAGE_FULL: "The server's disk is full",
    ErrorCode.VAULT_FULL: "The server's space for this vault is full",
}
_REMEDY = "Run cozysync status; the server's log says more."
_REMEDIES = {
    ErrorCode.BAD_INVITATION: "Ask for a new code: cozysync server invite on the server. If an "
    "attempt broke off after you were shown a recovery phrase, that one may lead into the vault "
    "already: cozysync recover.",
    ErrorCode.NO_SESSION: "The server does not know this device: is it the right server?",
    ErrorCode.DEVICE_REVOKED: "This device was revoked; pair it again from another device.",
    ErrorCode.STORAGE_FULL: "Free space on the server's disk; syncing goes on by itself.",
    ErrorCode.VAULT_FULL: "Ask the server's owner for more (cozysync server run --quota). Nothing "
    "is lost: what cannot be sent stays here, what others send still arrives, and syncing goes on "
    "by itself once there is room.",
    ErrorCode.NOT_FOUND: "The code may have expired: run cozysync pair again for a new one.",
}


class End(NamedTuple):
    """The log's last position, and the head there."""

    position: Position
    head: HeadHash


class Remote(Protocol):
    """One vault on one server."""

    url: str

    async def create_vault(self, invitation: str, entry: bytes) -> HeadHash:
        """Make the vault with its first entry."""

    async def append(self, entries: Sequence[bytes], verified: Position = NOWHERE) -> Appended:
        """Add entries to the log, all or none, unless it ends before what was verified of it."""

    async def give_back(
        self, goal: Position, frames: Sequence[LogFrame], invitation: str = ""
    ) -> Position:
        """Give back entries that the log has lost, on the way to `goal`; where it ends then."""

    async def begin(self, begun: Begun) -> None:
        """Let the log of a vault that the server does not have begin where a snapshot ends."""

    async def lose(self, packs: Sequence[PackId]) -> None:
        """Let the server know that packs (at most `MAX_PACK_LIST`) are gone for good."""

    def log(self, after: Position, wait_s: int) -> AsyncGenerator[Sequence[LogFrame], None]:
        """The entries after a position, waiting up to so many seconds for the first.

        Raises `RolledBack` when the log ends before that position.
        """

    async def controls(self) -> Sequence[LogFrame]:
        """All control entries of the log; they stay when the rest of it goes."""

    async def end(self) -> End:
        """Where the log ends."""

    async def snapshot(self) -> tuple[int, SnapshotPointer | None]:
        """The newest snapshot's pointer and its version; `(0, None)` when there is none."""

    async def set_snapshot(self, expected: int, pointer: SnapshotPointer) -> None:
        """Put a pointer in place of version `expected`."""

    async def missing_packs(self, packs: Sequence[PackId]) -> Sequence[PackId]:
        """Those of at most `MAX_PACK_LIST` packs that an entry may not name."""

    async def put_pack(self, pack: PackId, data: bytes) -> None:
        """Store a pack."""

    async def get_pack(self, pack: PackId, start: int, length: int) -> bytes:
        """Some bytes of a pack, fewer when it ends before."""

    async def open_mailbox(self) -> int:
        """A new mailbox's number."""

    async def leave(self, box: int, side: str, index: int, message: bytes) -> None:
        """Leave a message in a mailbox."""

    async def collect(self, box: int, side: str, index: int, wait_s: int) -> bytes | None:
        """A side's message in a mailbox, None when it did not come in time."""

    async def close_mailbox(self, box: int) -> None:
        """Throw a mailbox away."""

    async def close(self) -> None:
        """Let go of the line."""
