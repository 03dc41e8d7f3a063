"""Whether a log may begin at a snapshot: what a device says of it must be what was signed.

Only the entries between the beginning and now tell what each device wrote last; who is in the vault
is told by control entries, each signed by whom the ones before let in.
"""

from cozysync_protocol import (
    Begun,
    DeviceId,
    Entry,
    EntryKind,
    Epoch,
    LogState,
    NotAllowed,
    PublicKeys,
    VaultId,
    decode_entry,
    survey,
)


def check_beginning(vault: VaultId, begun: Begun) -> list[Entry]:
    """The control entries, decoded; raises a `ProtocolError` unless they bear out the state."""
    entries = [decode_entry(frame.entry) for frame in begun.controls]
    positions = [frame.position for frame in begun.controls]
    if positions != sorted(set(positions)) or positions[-1] > begun.state.position:
        raise NotAllowed("control entries that are not in order, or behind the beginning")
    read = LogState(vault)
    for entry in entries:
        if entry.header.kind is not EntryKind.CONTROL:
            raise NotAllowed("an entry that says nothing of who is in the vault")
        read = survey(read, entry)
    if _members(read) != _members(begun.state):
        raise NotAllowed("a state of the log that its control entries do not bear out")
    return entries


Members = tuple[VaultId, bytes, Epoch, dict[DeviceId, tuple[PublicKeys, bool]]]


def _members(state: LogState) -> Members:
    devices = {device: (each.keys, each.revoked) for device, each in state.devices.items()}
    return state.vault, state.root_signing, state.epoch, devices
