"""The rules of the log: who may write what, and how everybody notices a lying server.

Think of two chains woven together. Each device's entries name the one before, so none can be
dropped, doubled or reordered. The server's positions are chained into *heads*, and every entry
carries the newest head that its author had verified; two devices that were shown different logs
find out as soon as either sees one entry of the other (fork consistency, as in SUNDR).

`admit` holds the rules that need no position: the server checks them before it takes an entry.
`advance` adds what a device checks when it reads the log back. Both are pure.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cozysync_protocol.codec import Reader, decode, encode
from cozysync_protocol.control import (
    Control,
    DeviceAdded,
    DeviceRenamed,
    DeviceRevoked,
    EpochStarted,
    PublicKeys,
    VaultCreated,
    decode_control,
    root_signed_part,
)
from cozysync_protocol.entry import (
    Entry,
    EntryKind,
    check_signature,
    encode_entry,
    entry_hash,
    verify_signature,
)
from cozysync_protocol.errors import (
    BadSignature,
    ChainBroken,
    ForkDetected,
    NotAllowed,
    RevokedDevice,
    UnknownDevice,
)
from cozysync_protocol.ids import (
    GENESIS_HEAD,
    NO_ENTRY,
    NO_EPOCH,
    NOWHERE,
    DeviceId,
    EntryHash,
    Epoch,
    HeadHash,
    Position,
    Sequence,
    VaultId,
)
from cozysync_protocol.limits import MAX_DEVICES, MAX_EPOCHS, MAX_SEALED_NAME

REMEMBERED_HEADS = 1024
"""Heads kept to compare with what other devices have seen. An author that was further behind
than this is compared by nothing but its own chain; few devices write so far behind."""

_MAX_STATE = 16 * 1024 * 1024
_FIELDS = 8


@dataclass(frozen=True, slots=True)
class DeviceState:
    """An enrolled device as the log shows it so far."""

    keys: PublicKeys
    sealed_name: bytes
    sequence: Sequence
    last: EntryHash
    seen: Position
    revoked: bool


@dataclass(frozen=True, slots=True)
class LogState:
    """All that has been verified of a log up to `position`.

    `epoch_due` says that a device was revoked, and that no epoch without it has begun since.
    """

    vault: VaultId
    root_signing: bytes = b""
    position: Position = NOWHERE
    head: HeadHash = GENESIS_HEAD
    epoch: Epoch = NO_EPOCH
    devices: Mapping[DeviceId, DeviceState] = field(default_factory=dict)
    heads: Mapping[Position, HeadHash] = field(default_factory=dict)
    epoch_due: bool = False

    def encode(self) -> bytes:
        """Bytes to keep locally; not part of the wire protocol."""
        return encode(
            [
                self.vault,
                self.root_signing,
                self.position,
                self.head,
                self.epoch,
                [
                    [
                        d.keys.signing,
                        d.keys.wrapping,
                        d.sealed_name,
                        d.sequence,
                        d.last,
                        d.seen,
                        d.revoked,
                    ]
                    for d in self.devices.values()
                ],
                [[position, head] for position, head in self.heads.items()],
                self.epoch_due,
            ]
        )

    @classmethod
    def decode(cls, data: bytes) -> "LogState":
        """The state in bytes that `encode` made; raises `Malformed`."""
        value = decode(data, max_bytes=_MAX_STATE)
        if isinstance(value, list) and len(value) == _FIELDS - 1:
            value = [*value, False]  # as written before anybody could revoke
        read = Reader(value, "log state", fields=_FIELDS)
        state = cls(
            vault=VaultId(read.exactly(16)),
            root_signing=read.blob(32),
            position=Position(read.integer()),
            head=HeadHash(read.exactly(32)),
            epoch=Epoch(read.integer(0, MAX_EPOCHS)),
        )
        devices: dict[DeviceId, DeviceState] = {}
        for value in read.array(MAX_DEVICES):
            each = Reader(value, "device state", fields=7)
            keys = PublicKeys(each.exactly(32), each.exactly(32))
            devices[keys.device] = DeviceState(
                keys=keys,
                sealed_name=each.blob(MAX_SEALED_NAME),
                sequence=Sequence(each.integer()),
                last=EntryHash(each.exactly(32)),
                seen=Position(each.integer()),
                revoked=bool(each.raw()),
            )
        heads: dict[Position, HeadHash] = {}
        for value in read.array(REMEMBERED_HEADS + 1):
            each = Reader(value, "head", fields=2)
            position = Position(each.integer())
            heads[position] = HeadHash(each.exactly(32))
        return replace(state, devices=devices, heads=heads, epoch_due=bool(read.raw()))


def next_head(head: HeadHash, entry: EntryHash) -> HeadHash:
    """The head after one more entry: SHA-256 of the head before and the entry's hash."""
    return HeadHash(hashlib.sha256(head + entry).digest())


def admit(state: LogState, entry: Entry) -> LogState:
    """The state once this entry has been taken; position and head are left to the caller.

    Raises `NotAllowed`, `UnknownDevice`, `RevokedDevice`, `BadSignature` or `ChainBroken`.
    """
    header = entry.header
    if header.vault != state.vault:
        raise NotAllowed("an entry of another vault")
    control = decode_control(entry.body) if header.kind is EntryKind.CONTROL else None
    keys = _author(state, entry, control)
    verify_signature(entry, keys.signing)
    before = state.devices.get(header.device)
    sequence, last = (before.sequence, before.last) if before else (Sequence(0), NO_ENTRY)
    if header.sequence != sequence + 1 or header.previous != last:
        raise ChainBroken(
            f"entry {header.sequence} of a device where {sequence + 1} is due, or after another one"
        )
    if header.epoch > state.epoch or (header.epoch == 0) != isinstance(control, VaultCreated):
        raise NotAllowed("an entry of an epoch that has not begun")
    state = _obey(state, header.device, control)
    devices = dict(state.devices)
    devices[header.device] = replace(
        devices[header.device],
        sequence=header.sequence,
        last=entry_hash(encode_entry(entry)),
        seen=max(header.seen_position, devices[header.device].seen),
    )
    return replace(state, devices=devices)


def advance(state: LogState, entry: Entry, *, position: Position, head: HeadHash) -> LogState:
    """The state after the entry that the server put at `position`, giving `head`.

    Raises what `admit` raises, and `ForkDetected` when the server's order does not continue what
    this device has verified, or when the entry's author had verified another history.
    """
    if position != state.position + 1:
        raise ForkDetected(f"position {position} where {state.position + 1} is due")
    header = entry.header
    if header.seen_position >= position:
        raise ForkDetected("an entry whose author had seen more than there is")
    known = _head_at(state, header.seen_position)
    if known is not None and known != header.seen_head:
        raise ForkDetected(
            f"another device was shown another history up to position {header.seen_position}"
        )
    admitted = admit(state, entry)
    expected = next_head(state.head, admitted.devices[header.device].last)
    if head != expected:
        raise ForkDetected(f"a head at position {position} that does not follow from the entries")
    heads = dict(state.heads)
    heads[position] = head
    heads.pop(Position(position - REMEMBERED_HEADS), None)
    return replace(admitted, position=position, head=head, heads=heads)


def survey(state: LogState, entry: Entry) -> LogState:
    """The state once this control entry has been read without those between it and the last.

    Author, right and signature are checked; sequence, position and head cannot be. It shows who
    is in a vault, and in which epoch, to a device that cannot read the log from its start.
    Raises what `admit` raises.
    """
    control = decode_control(entry.body)
    if entry.header.vault != state.vault:
        raise NotAllowed("an entry of another vault")
    verify_signature(entry, _author(state, entry, control).signing)
    return _obey(state, entry.header.device, control)


def hands_out_secrets(before: LogState, after: LogState) -> bool:
    """Whether the entry between two states began an epoch or let a device in.

    The secrets in a control entry that came too late to do so count for nobody.
    """
    return before.epoch != after.epoch or before.devices.keys() != after.devices.keys()


def _head_at(state: LogState, position: Position) -> HeadHash | None:
    if position == 0:
        return GENESIS_HEAD
    return state.heads.get(position)


def _author(state: LogState, entry: Entry, control: Control | None) -> PublicKeys:
    """The keys that must have signed, after checking the right to write this."""
    header = entry.header
    if isinstance(control, VaultCreated):
        if state.devices or control.vault != state.vault or control.keys.device != header.device:
            raise NotAllowed("a vault's creation out of place")
        _check_root(control.root_signing, state.vault, control.keys, control.root_signature)
        return control.keys
    if isinstance(control, DeviceAdded) and control.root_signature:
        if control.keys.device != header.device:
            raise NotAllowed("a recovered device must write its own enrolment")
        _check_root(state.root_signing, state.vault, control.keys, control.root_signature)
        return control.keys
    known = state.devices.get(header.device)
    if known is None:
        raise UnknownDevice("an entry by a device that is not enrolled")
    if known.revoked:
        raise RevokedDevice("an entry by a device that was revoked")
    return known.keys


def _check_root(root: bytes, vault: VaultId, keys: PublicKeys, signature: bytes) -> None:
    try:
        check_signature(root, signature, root_signed_part(vault, keys))
    except BadSignature as error:
        raise BadSignature("a device that the vault's root did not certify") from error


def _obey(state: LogState, author: DeviceId, control: Control | None) -> LogState:
    """What a control entry changes.

    Two devices may each write one without knowing of the other's. Whatever the first has made
    pointless or incomplete changes nothing, rather than being refused: its author has chained more
    entries to it already, and does it again if it still needs to.
    """
    match control:
        case VaultCreated():
            devices = {author: _enrolled(control.keys, control.sealed_name)}
            return replace(
                state, root_signing=control.root_signing, epoch=Epoch(1), devices=devices
            )
        case DeviceAdded():
            if control.keys.device in state.devices:
                raise NotAllowed("a device that is enrolled already")
            if len(state.devices) >= MAX_DEVICES:
                raise NotAllowed(f"more than {MAX_DEVICES} devices")
            if not {epoch for epoch, _ in control.wrapped}.issuperset(range(1, state.epoch + 1)):
                if control.root_signature:  # its author has written nothing else yet
                    raise NotAllowed("a device without the secret of an epoch that has begun")
                return state
            added = _enrolled(control.keys, control.sealed_name)
            return replace(state, devices={**state.devices, control.keys.device: added})
        case DeviceRevoked():
            known = state.devices.get(control.device)
            if known is None:
                raise NotAllowed("revoking a device that was never enrolled")
            if known.revoked:
                return state
            devices = {**state.devices, control.device: replace(known, revoked=True)}
            return replace(state, devices=devices, epoch_due=True)
        case DeviceRenamed():
            known = state.devices.get(control.device)
            if known is None:
                raise NotAllowed("renaming a device that was never enrolled")
            renamed = replace(known, sealed_name=control.sealed_name)
            return replace(state, devices={**state.devices, control.device: renamed})
        case EpochStarted():
            if control.epoch > state.epoch + 1:
                raise NotAllowed(f"epoch {control.epoch} where {state.epoch + 1} is due")
            enrolled = {device for device, each in state.devices.items() if not each.revoked}
            given = {device for device, _ in control.wrapped_for_devices}
            if control.epoch <= state.epoch or given != enrolled:
                return state
            return replace(state, epoch=control.epoch, epoch_due=False)
    return state


def _enrolled(keys: PublicKeys, sealed_name: bytes) -> DeviceState:
    return DeviceState(keys, sealed_name, Sequence(0), NO_ENTRY, Position(0), revoked=False)
