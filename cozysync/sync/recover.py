"""Becoming part of a vault by its recovery phrase alone: no other device is needed.

The root of the phrase opens a session of its own, reads the log, unwraps every epoch's secret and
certifies the new device, whose first entry is its own enrolment. The caller holds the home's lock.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from cozysync.sync.device_names import free_name
from cozysync.sync.enrol import begin, finish
from cozysync.sync.home import Home
from cozysync.sync.log_reader import read_controls
from cozysync.sync.pin import Pin
from cozysync.sync.remote import Refused, Remote
from cozysync.sync.seams import Seams
from cozysync.vault import (
    CozyError,
    DeviceKeys,
    ExitCode,
    RootKeys,
    Secrets,
    VaultKeys,
    recover,
    vault_keys_for_root,
)
from cozysync_protocol import (
    NO_ENTRY,
    Control,
    Entry,
    EntryHeader,
    EntryKind,
    ErrorCode,
    LogState,
    Position,
    Sequence,
    encode_control,
    encode_entry,
    sign_entry,
)

# Another device may start an epoch between reading and enrolling, at most so often.
_TRIES = 5


class NoSuchVault(CozyError):
    """The server has no vault whose root this phrase is."""

    exit_code = ExitCode.USAGE

    def __init__(self, url: str) -> None:
        super().__init__(
            f"The server {url} has no vault that this recovery phrase belongs to.",
            "Is it the right server, and is it the phrase of this vault and not of another?",
        )


@dataclass(frozen=True, slots=True)
class Recovered:
    """What the new device is called, and the names of those that were in the vault before it."""

    name: str
    others: tuple[str, ...]


async def recover_vault(
    home: Home, remote: Remote, root: RootKeys, name: str, seams: Seams
) -> Recovered:
    """Enrol this device by the root; `remote` speaks for the root and is left open.

    Raises `InVaultAlready`, `NoSuchVault`, `WrongLog`, `Unreachable`, `Refused` or `BadName`. A
    kill before the end leaves at most a device in the list that nobody is.
    """
    begin(home)
    device = DeviceKeys.generate(seams.entropy)
    for tries_left in reversed(range(_TRIES)):
        try:
            first, keys, found, pin = await _enrol(remote, root, device, name, seams)
        except Refused as error:
            if error.code is ErrorCode.NO_SESSION:
                raise NoSuchVault(remote.url) from None
            if error.code is not ErrorCode.NOT_ALLOWED or not tries_left:
                raise
        else:
            break
    finish(home, Secrets(device, keys, root.wrapping_public), first, pin)
    return found


async def _enrol(
    remote: Remote, root: RootKeys, device: DeviceKeys, name: str, seams: Seams
) -> tuple[tuple[Entry, Position], VaultKeys, Recovered, Pin]:
    def unlock(controls: Iterable[Control]) -> VaultKeys:
        return vault_keys_for_root(root, controls, seams.entropy)

    state, controls = await read_controls(remote, root.vault, unlock)
    keys = unlock(controls)
    known = {
        keys.open_name(device, each.sealed_name): not each.revoked
        for device, each in state.devices.items()
    }
    own = free_name(name, set(known))
    recovered = recover(root, device, own, controls, seams.entropy)
    entry = _first_entry(state, device, encode_control(recovered.control))
    appended = await remote.append([encode_entry(entry)])
    position, _ = appended.positions[0]
    others = tuple(name for name, enrolled in known.items() if enrolled)
    return (entry, position), keys, Recovered(own, others), Pin.at(state)


def _first_entry(state: LogState, device: DeviceKeys, body: bytes) -> Entry:
    header = EntryHeader(
        vault=state.vault,
        device=device.id,
        sequence=Sequence(1),
        previous=NO_ENTRY,
        seen_position=state.position,
        seen_head=state.head,
        epoch=state.epoch,
        packs=(),
        kind=EntryKind.CONTROL,
    )
    return sign_entry(header, body, device.sign)
