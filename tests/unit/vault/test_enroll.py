"""Enrolment, checked by the same rules that a log's readers apply."""

from dataclasses import replace

import pytest

from cozysync.vault import (
    BadKey,
    BadName,
    CannotOpen,
    DeviceKeys,
    MissingEpoch,
    NotEnrolled,
    RootKeys,
    VaultKeys,
    add_device,
    create_vault,
    new_phrase,
    recover,
    start_epoch,
    vault_keys_from_log,
)
from cozysync_protocol import (
    NO_ENTRY,
    BadSignature,
    DeviceRevoked,
    EntryHeader,
    EntryKind,
    Epoch,
    LogState,
    NotAllowed,
    Position,
    PublicKeys,
    Sequence,
    VaultId,
    advance,
    decode_control,
    encode_control,
    encode_entry,
    entry_hash,
    next_head,
    sign_entry,
)


class Log:
    """A verified log of control entries."""

    def __init__(self, phrase=None):
        self.root = RootKeys.from_phrase(phrase or new_phrase())
        self.desk = DeviceKeys.generate()
        created = create_vault(self.root, self.desk, "desk")
        self.keys = created.keys
        self.state = LogState(self.root.vault)
        self.controls = []
        self.take(created.entry)

    def take(self, entry):
        position = Position(self.state.position + 1)
        head = next_head(self.state.head, entry_hash(encode_entry(entry)))
        self.state = advance(self.state, entry, position=position, head=head)
        self.controls.append(decode_control(entry.body))

    def write(self, author, control):
        known = self.state.devices.get(author.id)
        header = EntryHeader(
            vault=self.state.vault,
            device=author.id,
            sequence=Sequence(known.sequence + 1 if known else 1),
            previous=known.last if known else NO_ENTRY,
            seen_position=self.state.position,
            seen_head=self.state.head,
            epoch=self.state.epoch,
            packs=(),
            kind=EntryKind.CONTROL,
        )
        self.take(sign_entry(header, encode_control(control), author.sign))

    def keys_of(self, device):
        return vault_keys_from_log(device, self.root.vault, self.controls)


@pytest.fixture
def log():
    return Log()


def secrets(keys: VaultKeys):
    return {epoch: keys.secret(epoch) for epoch in keys.epochs}


def test_the_first_entry_is_admitted_and_gives_the_first_device_its_keys(log):
    assert log.state.epoch == 1
    assert secrets(log.keys_of(log.desk)) == secrets(log.keys)
    sealed_name = log.state.devices[log.desk.id].sealed_name
    assert log.keys.open_name(log.desk.id, sealed_name) == "desk"


def test_an_added_device_reads_every_epoch(log):
    log.write(log.desk, start_epoch(log.keys, [log.desk.public], log.root.wrapping_public).control)
    keys = log.keys_of(log.desk)
    phone = DeviceKeys.generate()
    log.write(log.desk, add_device(keys, phone.public, "phone"))
    assert keys.epochs == (1, 2)
    assert secrets(log.keys_of(phone)) == secrets(keys)
    assert keys.open_name(phone.id, log.state.devices[phone.id].sealed_name) == "phone"


def test_a_device_that_was_never_added_gets_no_key(log):
    with pytest.raises(NotEnrolled):
        log.keys_of(DeviceKeys.generate())


def test_a_revoked_device_reads_nothing_of_the_next_epoch(log):
    phone = DeviceKeys.generate()
    log.write(log.desk, add_device(log.keys, phone.public, "phone"))
    log.write(log.desk, DeviceRevoked(phone.id))
    fresh = start_epoch(log.keys, [log.desk.public], log.root.wrapping_public)
    log.write(log.desk, fresh.control)
    stolen = log.keys_of(phone)
    assert stolen.epochs == (1,)
    assert secrets(log.keys_of(log.desk)) == secrets(fresh.keys)
    chunk = fresh.keys.chunk_id(b"later")
    with pytest.raises(MissingEpoch):
        stolen.open_chunk(fresh.keys.seal_chunk(chunk, b"later"), chunk)
    # Nor does its old secret open it under the old epoch's number.
    blob = bytes(fresh.keys.seal_chunk(chunk, b"later"))
    with pytest.raises(CannotOpen):
        stolen.open_chunk(b"\0\0\0\1" + blob[4:], chunk)


def test_the_phrase_recovers_every_epoch_onto_a_new_device():
    phrase = new_phrase()
    log = Log(phrase)
    log.write(log.desk, start_epoch(log.keys, [log.desk.public], log.root.wrapping_public).control)
    fresh = DeviceKeys.generate()
    recovered = recover(RootKeys.from_phrase(phrase), fresh, "new desk", log.controls)
    log.write(fresh, recovered.control)
    assert secrets(recovered.keys) == secrets(log.keys_of(log.desk)) == secrets(log.keys_of(fresh))
    assert not log.state.devices[fresh.id].revoked


def test_another_phrase_recovers_nothing(log):
    with pytest.raises(NotEnrolled):
        recover(RootKeys.from_phrase(new_phrase()), DeviceKeys.generate(), "desk", log.controls)


def test_a_recovery_that_another_root_signed_is_not_admitted(log):
    fresh = DeviceKeys.generate()
    recovered = recover(log.root, fresh, "desk", log.controls)
    forged = RootKeys.from_phrase(new_phrase()).certify(fresh.public)
    with pytest.raises(BadSignature):
        log.write(fresh, replace(recovered.control, root_signature=forged))


def test_a_root_certificate_of_one_device_admits_no_other(log):
    fresh, thief = DeviceKeys.generate(), DeviceKeys.generate()
    recovered = recover(log.root, fresh, "desk", log.controls)
    with pytest.raises(NotAllowed):
        log.write(thief, recovered.control)
    with pytest.raises(BadSignature):
        log.write(thief, replace(recovered.control, keys=thief.public))


def test_a_creation_with_another_roots_keys_is_not_admitted(log):
    other = create_vault(RootKeys.from_phrase(new_phrase()), log.desk, "desk").entry
    with pytest.raises(NotAllowed):
        Log.take(_empty(log), other)


def _empty(log):
    empty = object.__new__(Log)
    empty.state, empty.controls = LogState(log.root.vault), []
    return empty


def test_a_wrapped_secret_moved_to_another_epoch_device_or_vault_does_not_unwrap(log):
    created = log.controls[0]
    phone = DeviceKeys.generate()
    added = add_device(log.keys, phone.public, "phone")
    moved = replace(added, wrapped=((Epoch(2), added.wrapped[0][1]),))
    with pytest.raises(CannotOpen):
        vault_keys_from_log(phone, log.root.vault, [moved])
    with pytest.raises(CannotOpen):
        vault_keys_from_log(phone, VaultId(b"w" * 16), [added])
    swapped = replace(created, wrapped_for_device=added.wrapped[0][1])
    with pytest.raises(CannotOpen):
        vault_keys_from_log(log.desk, log.root.vault, [swapped])
    swapped = replace(created, wrapped_for_root=created.wrapped_for_device)
    with pytest.raises(CannotOpen):
        recover(log.root, phone, "phone", [swapped])


def test_every_flipped_byte_of_a_wrapped_secret_is_refused(log):
    created = log.controls[0]
    for at in range(len(created.wrapped_for_device)):
        changed = bytearray(created.wrapped_for_device)
        changed[at] ^= 0x80  # X25519 itself ignores the highest bit of a public key
        with pytest.raises(CannotOpen):
            vault_keys_from_log(
                log.desk, log.root.vault, [replace(created, wrapped_for_device=bytes(changed))]
            )


@pytest.mark.parametrize("wrapping", [bytes(32), b"\1" + bytes(31)])
def test_a_wrapping_key_that_would_reveal_the_secret_is_refused(log, wrapping):
    with pytest.raises(BadKey):
        add_device(log.keys, PublicKeys(DeviceKeys.generate().public.signing, wrapping), "evil")


def test_a_name_that_cannot_be_shown_creates_no_vault(log):
    with pytest.raises(BadName):
        create_vault(log.root, log.desk, "two\nlines")


def test_no_name_and_no_secret_stands_in_an_entry_in_clear(log):
    entry = create_vault(log.root, log.desk, "a-very-secret-name").entry
    assert b"a-very-secret-name" not in encode_entry(entry)
    phone = DeviceKeys.generate()
    body = encode_control(add_device(log.keys, phone.public, "a-very-secret-name"))
    for secret in (b"a-very-secret-name", log.keys.secret(Epoch(1)), *phone.private_bytes()):
        assert secret not in body
