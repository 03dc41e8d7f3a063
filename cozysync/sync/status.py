"""What `cozysync status` says: values only, and their JSON form.

The JSON grows and never shrinks; scripts lean on it (see docs/CLI.md).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cozysync.sync.alarm import Alarm

CLOCK_TOLERANCE_S = 600
"""A clock that is wrong by less deserves no word."""


class State(StrEnum):
    """The one word for a device or a folder."""

    IN_SYNC = "in_sync"
    SYNCING = "syncing"
    PAUSED = "paused"
    OFFLINE = "offline"
    ATTENTION = "attention"


@dataclass(frozen=True, slots=True)
class Blocked:
    """One thing that is not in sync: its path, one reason and one remedy."""

    path: str
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Amount:
    """So many files and so many bytes of them."""

    files: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class FolderStatus:
    """One bound folder. `files` and `bytes` count what is in place on this device."""

    path: str
    name: str
    state: State
    files: int
    bytes: int
    to_send: Amount
    to_receive: Amount
    watching: str
    blocked: tuple[Blocked, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """The server as last seen; `position` is the last log position this device verified."""

    url: str
    reachable: bool
    position: int
    last_contact: float | None
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """A device that is, or was, in the vault.

    `last_written` is when it last changed a file, in seconds since 1970 by its own clock, and None
    when this device has heard of no change of it (it may have begun with a snapshot of later).
    `position` is how far it had read the log when it last wrote an entry; for this device, how far
    it has now. When a device was last connected, only the server knows.
    """

    name: str
    id: str
    last_written: float | None
    position: int
    this: bool
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """Everything about one device at one moment; `keys` is what locks the secrets file."""

    state: State
    device: str
    server: ServerStatus
    folders: tuple[FolderStatus, ...]
    conflicts: int
    devices: tuple[DeviceStatus, ...]
    attention: tuple[Blocked, ...]
    outbox: int
    memory: int
    version: str
    alarm: Alarm | None = None
    keys: str = ""

    def to_json(self) -> dict[str, Any]:
        """The documented JSON object, of plain values."""
        plain = _plain(self)
        plain["connectors"] = []
        plain["gateway"] = None
        return plain  # type: ignore[no-any-return]


def clock_trouble(error_s: float) -> Blocked | None:
    """What to tell of a clock that is so much ahead of the server's; None for a small error.

    It stops nothing: the order of edits does not depend on clocks being right.
    """
    if abs(error_s) < CLOCK_TOLERANCE_S:
        return None
    hours = abs(error_s) / 3600
    much = f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:.1f} hours"
    side = "ahead of" if error_s > 0 else "behind"
    return Blocked(
        "",
        f"The clock of this computer is {much} {side} the server's.",
        "Set the date and the time of the one that is wrong. Syncing goes on; dates in the log "
        "and in the names of conflict copies may be wrong.",
    )


def stranger_trouble(is_stranger: bool) -> Blocked | None:
    """What to tell when the server answers and does not know this device."""
    if not is_stranger:
        return None
    return Blocked(
        "",
        "The server does not know this device.",
        "If it was restored from a backup, this passes when another device has given back what is "
        "missing. If it has lost everything, let a device give it back: cozysync give --invite "
        "CODE, with a code from cozysync server invite. Else see whether it is the right server.",
    )


def not_begun(path: str, name: str, *, paused: bool) -> FolderStatus:
    """A folder that is bound, and not looked at (yet)."""
    state, none = State.PAUSED if paused else State.SYNCING, Amount()
    return FolderStatus(path, name, state, 0, 0, none, none, watching="not yet")


def overall(
    folders: tuple[FolderStatus, ...], *, reachable: bool, alarm: bool, busy: bool
) -> State:
    """The one word for a device: what a person must act on comes first."""
    states = {folder.state for folder in folders}
    if alarm or State.ATTENTION in states:
        return State.ATTENTION
    if not reachable:
        return State.OFFLINE
    if busy or State.SYNCING in states:
        return State.SYNCING
    if states == {State.PAUSED}:
        return State.PAUSED
    return State.IN_SYNC


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, StrEnum):
        return str(value)
    if hasattr(value, "__slots__"):
        return {name: _plain(getattr(value, name)) for name in value.__slots__}
    return value
