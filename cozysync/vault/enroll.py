"""Who is in a vault: its creation, new devices, recovery, new epochs.

These functions make the control actions; the caller encodes, signs and appends them as entries
(`create_vault` alone returns a whole entry, for there is but one way to place it). They trust
the control actions they are given: only pass what `cozysync_protocol.advance` has admitted.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass

from cozysync.vault.device import DeviceKeys
from cozysync.vault.failures import NotEnrolled
from cozysync.vault.keyring import EPOCH_SECRET, FIRST_EPOCH, VaultKeys
from cozysync.vault.phrase import RootKeys
from cozysync.vault.seal import Entropy
from cozysync.vault.wrapping import device_info, root_info, wrap
from cozysync_protocol import (
    GENESIS_HEAD,
    NO_ENTRY,
    NO_EPOCH,
    NOWHERE,
    Control,
    DeviceAdded,
    Entry,
    EntryHeader,
    EntryKind,
    Epoch,
    EpochStarted,
    PublicKeys,
    Sequence,
    VaultCreated,
    VaultId,
    encode_control,
    sign_entry,
)


@dataclass(frozen=True, slots=True)
class CreatedVault:
    """A vault's first entry, to be sent to the server, and its keys."""

    entry: Entry
    keys: VaultKeys


@dataclass(frozen=True, slots=True)
class Recovered:
    """A device's own enrolment by the root, to be written as its first entry, and the keys."""

    control: DeviceAdded
    keys: VaultKeys


@dataclass(frozen=True, slots=True)
class NewEpoch:
    """The action that starts an epoch, and the keyring that holds it."""

    control: EpochStarted
    keys: VaultKeys


def create_vault(
    root: RootKeys, device: DeviceKeys, name: str, entropy: Entropy = os.urandom
) -> CreatedVault:
    """A new vault with `device`, called `name`, as its first member; raises `BadName`."""
    secret = entropy(EPOCH_SECRET)
    keys = VaultKeys(root.vault, {FIRST_EPOCH: secret}, entropy)
    created = VaultCreated(
        root_signing=root.signing_public,
        root_wrapping=root.wrapping_public,
        keys=device.public,
        sealed_name=keys.seal_name(device.id, name),
        wrapped_for_device=_for_device(root.vault, FIRST_EPOCH, secret, device.public),
        wrapped_for_root=_for_root(root.vault, FIRST_EPOCH, secret, root.wrapping_public),
        root_signature=root.certify(device.public),
    )
    header = EntryHeader(
        vault=root.vault,
        device=device.id,
        sequence=Sequence(1),
        previous=NO_ENTRY,
        seen_position=NOWHERE,
        seen_head=GENESIS_HEAD,
        epoch=NO_EPOCH,
        packs=(),
        kind=EntryKind.CONTROL,
    )
    return CreatedVault(sign_entry(header, encode_control(created), device.sign), keys)


def add_device(keys: VaultKeys, newcomer: PublicKeys, name: str) -> DeviceAdded:
    """The enrolment of a device by one that is in the vault, with every epoch's secret.

    Raises `BadName`, or `BadKey` for a newcomer whose wrapping key is unusable.
    """
    return DeviceAdded(
        keys=newcomer,
        sealed_name=keys.seal_name(newcomer.device, name),
        wrapped=tuple(
            (epoch, _for_device(keys.vault, epoch, keys.secret(epoch), newcomer))
            for epoch in keys.epochs
        ),
    )


def recover(
    root: RootKeys,
    device: DeviceKeys,
    name: str,
    controls: Iterable[Control],
    entropy: Entropy = os.urandom,
) -> Recovered:
    """The enrolment of a device by the recovery phrase, from the control actions of the log.

    Raises `NotEnrolled` when the log's vault is not the phrase's, `CannotOpen`, `BadName`.
    """
    keys = vault_keys_for_root(root, controls, entropy)
    added = add_device(keys, device.public, name)
    certified = DeviceAdded(
        added.keys, added.sealed_name, added.wrapped, root.certify(device.public)
    )
    return Recovered(certified, keys)


def start_epoch(
    keys: VaultKeys,
    remaining: Iterable[PublicKeys],
    root_wrapping: bytes,
    entropy: Entropy = os.urandom,
) -> NewEpoch:
    """A new epoch whose secret goes to the remaining devices and the root, and to nobody else.

    Follows a revocation; `remaining` are the devices that are not revoked, this one included.
    """
    epoch = Epoch(keys.current + 1)
    secret = entropy(EPOCH_SECRET)
    control = EpochStarted(
        epoch=epoch,
        wrapped_for_devices=tuple(
            (each.device, _for_device(keys.vault, epoch, secret, each)) for each in remaining
        ),
        wrapped_for_root=_for_root(keys.vault, epoch, secret, root_wrapping),
    )
    return NewEpoch(control, keys.with_epoch(epoch, secret))


def vault_keys_from_log(
    device: DeviceKeys, vault: VaultId, controls: Iterable[Control], entropy: Entropy = os.urandom
) -> VaultKeys:
    """The keys that a log's control actions, in order, hold for this device.

    Raises `NotEnrolled` when they hold none, and `CannotOpen` when a secret does not unwrap.
    """
    epochs: dict[Epoch, bytes] = {}
    for control in controls:
        epochs.update(secrets_for_device(device, vault, control))
    return VaultKeys(vault, epochs, entropy)


def secrets_for_device(device: DeviceKeys, vault: VaultId, control: Control) -> dict[Epoch, bytes]:
    """The epoch secrets that one control action hands to this device; mostly none."""
    match control:
        case VaultCreated() if control.keys == device.public:
            wrapped: Iterable[tuple[Epoch, bytes]] = [(FIRST_EPOCH, control.wrapped_for_device)]
        case DeviceAdded() if control.keys == device.public:
            wrapped = control.wrapped
        case EpochStarted():
            mine = [each for whose, each in control.wrapped_for_devices if whose == device.id]
            wrapped = [(control.epoch, each) for each in mine]
        case _:
            return {}
    return {
        epoch: device.unwrap(each, device_info(vault, epoch, device.id)) for epoch, each in wrapped
    }


def vault_keys_for_root(
    root: RootKeys, controls: Iterable[Control], entropy: Entropy = os.urandom
) -> VaultKeys:
    """The keys of every epoch, unwrapped by the recovery phrase alone.

    Raises `NotEnrolled` when the log's vault is not the phrase's, and `CannotOpen`.
    """
    epochs: dict[Epoch, bytes] = {}
    for control in controls:
        match control:
            case VaultCreated():
                if control.vault != root.vault:
                    raise NotEnrolled
                epoch = FIRST_EPOCH
            case EpochStarted():
                epoch = control.epoch
            case _:
                continue
        info = root_info(root.vault, epoch)
        epochs[epoch] = root.open_wrapped(control.wrapped_for_root, info)
    return VaultKeys(root.vault, epochs, entropy)


def _for_device(vault: VaultId, epoch: Epoch, secret: bytes, keys: PublicKeys) -> bytes:
    info = device_info(vault, epoch, keys.device)
    return wrap(secret, keys.wrapping, info, f"device {keys.device.hex()}")


def _for_root(vault: VaultId, epoch: Epoch, secret: bytes, root_wrapping: bytes) -> bytes:
    return wrap(secret, root_wrapping, root_info(vault, epoch), "the vault's root")
