"""From an error to an alarm: which misdeed of the server was met, and what a person can do.

Pure. *Evidence* (a log that contradicts itself, or what was verified before) stays an alarm through
every restart, until a person has looked at it; a refusal may pass with the next try.
"""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum

from cozysync.sync.remote import Refused
from cozysync.vault import CannotOpen, MissingEpoch
from cozysync_protocol import (
    BadSignature,
    ChainBroken,
    ErrorCode,
    ForkDetected,
    NotAllowed,
    ProtocolError,
    RevokedDevice,
    RolledBack,
    UnknownDevice,
)


class AlarmKind(StrEnum):
    """What the server did, or seems to have done. See docs/ALARMS.md."""

    FORK = "fork"
    ROLLBACK = "rollback"
    REPLAY = "replay"
    UNKNOWN_DEVICE = "unknown-device"
    FORGERY = "forgery"
    LOCKED_OUT = "locked-out"
    REVOKED = "revoked"
    REFUSED = "refused"

    @property
    def is_evidence(self) -> bool:
        """Whether only a person may end the alarm."""
        return self not in (AlarmKind.LOCKED_OUT, AlarmKind.REVOKED, AlarmKind.REFUSED)


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm. `what` is the error's text, `position` the log's end that was verified before,
    `since` seconds since 1970.
    """

    kind: AlarmKind
    what: str
    position: int
    since: float

    @property
    def reason(self) -> str:
        """A sentence for a person, with what was kept."""
        return (
            f"{_REASONS[self.kind]} ({self.what}). Nothing was taken from it since position "
            f"{self.position}; your files and unsent changes are kept."
        )

    @property
    def remedy(self) -> str:
        """What to do next."""
        return _REMEDIES.get(self.kind, _EVIDENCE)

    def encode(self) -> bytes:
        """Bytes to keep in the replica."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def decode(cls, data: bytes) -> "Alarm":
        """The alarm in bytes that `encode` made."""
        fields = json.loads(data)
        return cls(**fields | {"kind": AlarmKind(fields["kind"])})


def kind_of_error(error: Exception) -> AlarmKind | None:
    """Of which kind of alarm an error is; None when it says nothing of the server."""
    match error:
        case RolledBack() | Refused(code=ErrorCode.ROLLED_BACK):
            return AlarmKind.ROLLBACK
        case ForkDetected():
            return AlarmKind.FORK
        case ChainBroken() | Refused(code=ErrorCode.CHAIN_BROKEN):
            return AlarmKind.REPLAY
        case UnknownDevice() | RevokedDevice() | NotAllowed():
            return AlarmKind.UNKNOWN_DEVICE
        case BadSignature() | ProtocolError() | CannotOpen():
            return AlarmKind.FORGERY
        case MissingEpoch():
            return AlarmKind.LOCKED_OUT
        case Refused(code=ErrorCode.DEVICE_REVOKED):
            return AlarmKind.REVOKED
        case Refused():
            return AlarmKind.REFUSED
    return None


_REASONS = {
    AlarmKind.FORK: "The server showed two different histories of the vault",
    AlarmKind.ROLLBACK: "The server has gone back to an older state of the vault",
    AlarmKind.REPLAY: "The server doubled, dropped or reordered entries of a device",
    AlarmKind.UNKNOWN_DEVICE: "The server's log holds an entry of a device that may not write",
    AlarmKind.FORGERY: "The server's log holds an entry that does not verify",
    AlarmKind.LOCKED_OUT: "The vault goes on under a secret that this device was not given",
    AlarmKind.REVOKED: "The server says that this device was revoked, and takes and gives nothing "
    "any more",
    AlarmKind.REFUSED: "The server refuses this device",
}
_EVIDENCE = (
    "Ask whoever runs the server whether it was restored from a backup; docs/ALARMS.md says what "
    "each case means. When it is mended: cozysync alarm --try-again."
)
_REMEDIES = {
    AlarmKind.FORK: "Ask whoever runs the server whether it was restored from a backup. If so, let "
    "this device take up the server's history: cozysync rejoin. If not, do not trust the server; "
    "docs/ALARMS.md says more.",
    AlarmKind.LOCKED_OUT: "If this device was revoked, pair it again from another device. "
    "Otherwise: cozysync alarm --try-again.",
    AlarmKind.REVOKED: "See on another device whether it is so: cozysync devices list --all. To "
    "bring this one in again: cozysync leave, then cozysync join with a code of cozysync pair on "
    "another device, then cozysync folder add; what you changed here comes along. If the server "
    "was wrong: cozysync alarm --try-again.",
    AlarmKind.REFUSED: "Check that it is the right server, and its log; then: cozysync alarm "
    "--try-again.",
}
