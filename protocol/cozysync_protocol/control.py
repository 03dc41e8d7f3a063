"""Control entries: what the server must understand, because it obeys them.

They stand in the same signed chain as everything else, so the server cannot make one up. Names
in them are sealed; keys in them are public or wrapped.
"""

from dataclasses import dataclass

from cozysync_protocol.codec import Reader, decode, encode
from cozysync_protocol.errors import Malformed
from cozysync_protocol.ids import DeviceId, Epoch, PackId, VaultId, device_id_of, vault_id_of
from cozysync_protocol.limits import (
    MAX_CONTROL_BODY,
    MAX_DEVICES,
    MAX_DOOMED,
    MAX_EPOCHS,
    MAX_SEALED_NAME,
    MAX_WRAPPED_KEY,
)

_ROOT_LABEL = b"cozysync root certificate 1"


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """A device's public keys: Ed25519 `signing` and X25519 `wrapping`, 32 bytes each."""

    signing: bytes
    wrapping: bytes

    @property
    def device(self) -> DeviceId:
        """The id of the device that holds these keys."""
        return device_id_of(self.signing)


@dataclass(frozen=True, slots=True)
class VaultCreated:
    """The first entry of every log, by the first device, certified by the root.

    Epoch 1 begins here; its secret is wrapped for the device and for the root.
    """

    root_signing: bytes
    root_wrapping: bytes
    keys: PublicKeys
    sealed_name: bytes
    wrapped_for_device: bytes
    wrapped_for_root: bytes
    root_signature: bytes

    @property
    def vault(self) -> VaultId:
        """The id of the vault that these root keys make."""
        return vault_id_of(self.root_signing, self.root_wrapping)


@dataclass(frozen=True, slots=True)
class DeviceAdded:
    """A new device, with every epoch's secret wrapped for it.

    Written by an enrolled device (`root_signature` empty), or by the new device itself with the
    root's signature: that is recovery from the phrase.
    """

    keys: PublicKeys
    sealed_name: bytes
    wrapped: tuple[tuple[Epoch, bytes], ...]
    root_signature: bytes = b""


@dataclass(frozen=True, slots=True)
class DeviceRevoked:
    """From here on the device may not write; a new epoch follows."""

    device: DeviceId


@dataclass(frozen=True, slots=True)
class DeviceRenamed:
    """The device has another name from here on, sealed as in its enrolment."""

    device: DeviceId
    sealed_name: bytes


@dataclass(frozen=True, slots=True)
class EpochStarted:
    """A new epoch, its secret wrapped for every device that remains and for the root."""

    epoch: Epoch
    wrapped_for_devices: tuple[tuple[DeviceId, bytes], ...]
    wrapped_for_root: bytes


@dataclass(frozen=True, slots=True)
class PacksDoomed:
    """From here on no entry may name these packs; the server deletes them when all have read it."""

    packs: tuple[PackId, ...]


Control = VaultCreated | DeviceAdded | DeviceRevoked | EpochStarted | PacksDoomed | DeviceRenamed


def root_signed_part(vault: VaultId, keys: PublicKeys) -> bytes:
    """What the root signs to certify a device of its vault."""
    return _ROOT_LABEL + vault + keys.signing + keys.wrapping


def encode_control(control: Control) -> bytes:
    """The canonical body of a control entry."""
    match control:
        case VaultCreated():
            return encode(
                [
                    0,
                    control.root_signing,
                    control.root_wrapping,
                    control.keys.signing,
                    control.keys.wrapping,
                    control.sealed_name,
                    control.wrapped_for_device,
                    control.wrapped_for_root,
                    control.root_signature,
                ]
            )
        case DeviceAdded():
            return encode(
                [
                    1,
                    control.keys.signing,
                    control.keys.wrapping,
                    control.sealed_name,
                    [list(pair) for pair in control.wrapped],
                    control.root_signature,
                ]
            )
        case DeviceRevoked():
            return encode([2, control.device])
        case EpochStarted():
            pairs = [list(pair) for pair in control.wrapped_for_devices]
            return encode([3, control.epoch, pairs, control.wrapped_for_root])
        case PacksDoomed():
            return encode([4, list(control.packs)])
        case DeviceRenamed():
            return encode([5, control.device, control.sealed_name])


def decode_control(body: bytes) -> Control:
    """The control action in an entry's body; raises `Malformed`."""
    value = decode(body, max_bytes=MAX_CONTROL_BODY)
    if not isinstance(value, list) or not value:
        raise Malformed("control: not an array")
    match value[0]:
        case 0:
            return _vault_created(value)
        case 1:
            return _device_added(value)
        case 2:
            read = Reader(value, "device revoked", fields=2)
            read.raw()
            return DeviceRevoked(DeviceId(read.exactly(16)))
        case 3:
            return _epoch_started(value)
        case 4:
            read = Reader(value, "packs doomed", fields=2)
            read.raw()
            return PacksDoomed(tuple(PackId(pack) for pack in read.blobs(32, MAX_DOOMED)))
        case 5:
            read = Reader(value, "device renamed", fields=3)
            read.raw()
            return DeviceRenamed(DeviceId(read.exactly(16)), read.blob(MAX_SEALED_NAME))
    raise Malformed("control: an unknown kind")


def _keys(read: Reader) -> PublicKeys:
    return PublicKeys(signing=read.exactly(32), wrapping=read.exactly(32))


def _vault_created(value: object) -> VaultCreated:
    read = Reader(value, "vault created", fields=9)
    read.raw()
    return VaultCreated(
        root_signing=read.exactly(32),
        root_wrapping=read.exactly(32),
        keys=_keys(read),
        sealed_name=read.blob(MAX_SEALED_NAME),
        wrapped_for_device=read.blob(MAX_WRAPPED_KEY),
        wrapped_for_root=read.blob(MAX_WRAPPED_KEY),
        root_signature=read.exactly(64),
    )


def _device_added(value: object) -> DeviceAdded:
    read = Reader(value, "device added", fields=6)
    read.raw()
    keys = _keys(read)
    sealed_name = read.blob(MAX_SEALED_NAME)
    wrapped: list[tuple[Epoch, bytes]] = []
    for pair in read.array(MAX_EPOCHS):
        each = Reader(pair, "wrapped secret", fields=2)
        wrapped.append((Epoch(each.integer(1, MAX_EPOCHS)), each.blob(MAX_WRAPPED_KEY)))
    signature = read.blob(64)
    if len(signature) not in (0, 64):
        raise Malformed("device added: a signature of a wrong size")
    return DeviceAdded(keys, sealed_name, tuple(wrapped), signature)


def _epoch_started(value: object) -> EpochStarted:
    read = Reader(value, "epoch started", fields=4)
    read.raw()
    epoch = Epoch(read.integer(2, MAX_EPOCHS))
    wrapped: list[tuple[DeviceId, bytes]] = []
    for pair in read.array(MAX_DEVICES):
        each = Reader(pair, "wrapped secret", fields=2)
        wrapped.append((DeviceId(each.exactly(16)), each.blob(MAX_WRAPPED_KEY)))
    return EpochStarted(epoch, tuple(wrapped), read.blob(MAX_WRAPPED_KEY))
