"""A log written by devices whose keys are fixed, for tests and vectors of the protocol."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cozysync_protocol import (
    NO_ENTRY,
    DeviceAdded,
    DeviceRevoked,
    EntryHeader,
    EntryKind,
    Epoch,
    EpochStarted,
    LogState,
    Position,
    PublicKeys,
    Sequence,
    VaultCreated,
    advance,
    encode_control,
    encode_entry,
    entry_hash,
    next_head,
    root_signed_part,
    sign_entry,
    vault_id_of,
)


class Signer:
    """A key pair made from one byte."""

    def __init__(self, seed):
        self._private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.public = self._private.public_key().public_bytes_raw()
        self.keys = PublicKeys(self.public, bytes([seed + 100]) * 32)
        self.id = self.keys.device

    def sign(self, text):
        return self._private.sign(text)


ROOT = Signer(1)
ANN = Signer(2)
BOB = Signer(3)
EVE = Signer(4)
VAULT = vault_id_of(ROOT.public, ROOT.keys.wrapping)


class Log:
    """An honest server's log, with what a device that reads it has verified."""

    def __init__(self):
        self.state = LogState(VAULT)
        self.entries = []
        self.append(ANN, created(), epoch=0)

    def entry(self, who, control=None, *, body=b"sealed", epoch=1, **changes):
        """The next entry of a device, signed after the changes."""
        known = self.state.devices.get(who.id)
        header = EntryHeader(
            vault=changes.get("vault", VAULT),
            device=who.id,
            sequence=Sequence(changes.get("sequence", (known.sequence if known else 0) + 1)),
            previous=changes.get("previous", known.last if known else NO_ENTRY),
            seen_position=Position(changes.get("seen_position", self.state.position)),
            seen_head=changes.get("seen_head", self.state.head),
            epoch=Epoch(epoch),
            packs=changes.get("packs", ()),
            kind=EntryKind.SEALED if control is None else EntryKind.CONTROL,
        )
        return sign_entry(header, body if control is None else encode_control(control), who.sign)

    def advanced(self, entry, *, position=None, head=None):
        """The state after this entry at the log's end."""
        encoded = encode_entry(entry)
        return advance(
            self.state,
            entry,
            position=position or Position(self.state.position + 1),
            head=head or next_head(self.state.head, entry_hash(encoded)),
        )

    def append(self, who, control=None, **changes):
        entry = self.entry(who, control, **changes)
        self.state = self.advanced(entry)
        self.entries.append(entry)
        return entry


def created(signer=ROOT):
    return VaultCreated(
        root_signing=ROOT.public,
        root_wrapping=ROOT.keys.wrapping,
        keys=ANN.keys,
        sealed_name=b"ann",
        wrapped_for_device=b"w" * 80,
        wrapped_for_root=b"r" * 80,
        root_signature=signer.sign(root_signed_part(VAULT, ANN.keys)),
    )


def added(who, signer=None):
    signature = signer.sign(root_signed_part(VAULT, who.keys)) if signer else b""
    return DeviceAdded(who.keys, b"name", ((Epoch(1), b"w" * 80),), signature)


def revoked(who):
    return DeviceRevoked(who.id)


def epoch(number, *devices):
    return EpochStarted(Epoch(number), tuple((each.id, b"w" * 80) for each in devices), b"r" * 80)
