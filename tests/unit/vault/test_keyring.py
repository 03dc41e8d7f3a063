"""The keyring: what belongs to one place opens in no other."""

import os
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cozysync.vault import (
    CHUNK_OVERHEAD,
    BadName,
    CannotOpen,
    DeviceKeys,
    MissingEpoch,
    NotEnrolled,
    VaultKeys,
)
from cozysync_protocol import (
    GENESIS_HEAD,
    MAX_ENTRY_BODY,
    MAX_SEALED_NAME,
    NO_ENTRY,
    NOWHERE,
    DeviceId,
    Entry,
    EntryHash,
    EntryHeader,
    EntryKind,
    Epoch,
    PackId,
    Position,
    Sequence,
    VaultId,
)

SECRETS = {Epoch(1): b"1" * 32, Epoch(2): b"2" * 32}
DEVICE = DeviceId(b"d" * 16)


@pytest.fixture
def keys():
    return VaultKeys(VaultId(b"v" * 16), SECRETS)


@pytest.fixture
def header(keys):
    return EntryHeader(
        vault=keys.vault,
        device=DEVICE,
        sequence=Sequence(3),
        previous=NO_ENTRY,
        seen_position=NOWHERE,
        seen_head=GENESIS_HEAD,
        epoch=Epoch(2),
        packs=(PackId(b"p" * 32), PackId(b"q" * 32)),
        kind=EntryKind.SEALED,
    )


def sealed(keys, header, plaintext=b"a body"):
    return Entry(header, keys.seal_entry(header, plaintext), bytes(64))


@pytest.mark.parametrize("size", [0, 1, 1000, 32 * 1024 - 1, 32 * 1024, 100_000])
def test_a_chunk_of_any_size_opens_as_what_was_sealed(keys, size):
    plaintext = os.urandom(size)
    chunk = keys.chunk_id(plaintext)
    blob = keys.seal_chunk(chunk, plaintext)
    assert len(blob) == size + CHUNK_OVERHEAD
    assert keys.open_chunk(blob, chunk) == plaintext
    assert keys.open_chunk(memoryview(blob), chunk) == plaintext


@pytest.mark.parametrize("size", [10, 40_000])
def test_a_chunk_does_not_open_as_another_chunk_or_in_another_vault(keys, size):
    plaintext = os.urandom(size)
    chunk, other = keys.chunk_id(plaintext), keys.chunk_id(b"other")
    blob = keys.seal_chunk(chunk, plaintext)
    with pytest.raises(CannotOpen):
        keys.open_chunk(blob, other)
    with pytest.raises(CannotOpen):
        VaultKeys(VaultId(b"w" * 16), SECRETS).open_chunk(blob, chunk)


def test_a_chunk_relabelled_with_another_epoch_does_not_open(keys):
    chunk = keys.chunk_id(b"text")
    blob = bytes(keys.seal_chunk(chunk, b"text"))
    with pytest.raises(CannotOpen):
        keys.open_chunk(b"\0\0\0\1" + blob[4:], chunk)


def test_a_chunk_of_an_epoch_not_held_says_which(keys):
    chunk = keys.chunk_id(b"text")
    blob = keys.with_epoch(Epoch(3), b"3" * 32).seal_chunk(chunk, b"text")
    with pytest.raises(MissingEpoch, match="epoch 3") as caught:
        keys.open_chunk(blob, chunk)
    assert caught.value.epoch == 3
    assert caught.value.remedy


@pytest.mark.parametrize("length", range(CHUNK_OVERHEAD + 1))
def test_a_cut_chunk_is_refused_with_a_typed_error(keys, length):
    chunk = keys.chunk_id(b"text")
    blob = keys.seal_chunk(chunk, b"text")
    with pytest.raises(CannotOpen):
        keys.open_chunk(blob[:length], chunk)


def test_every_flipped_byte_of_every_sealed_thing_is_refused(keys, header):
    chunk = keys.chunk_id(b"text")
    entry = sealed(keys, header)
    things = [
        (bytes(keys.seal_chunk(chunk, b"text")), lambda blob: keys.open_chunk(blob, chunk)),
        (entry.body, lambda blob: keys.open_entry(replace(entry, body=blob))),
        (keys.seal_index(b"index"), keys.open_index),
        (keys.seal_name(DEVICE, "desk"), lambda blob: keys.open_name(DEVICE, blob)),
    ]
    for blob, unseal in things:
        unseal(blob)
        for at in range(len(blob)):
            for flip in (1, 0x80, 0xFF):
                changed = bytearray(blob)
                changed[at] ^= flip
                with pytest.raises((CannotOpen, MissingEpoch)):
                    unseal(bytes(changed))


@pytest.mark.parametrize(
    "change",
    [
        {"vault": VaultId(b"w" * 16)},
        {"device": DeviceId(b"e" * 16)},
        {"sequence": Sequence(4)},
        {"previous": EntryHash(b"h" * 32)},
        {"seen_position": Position(1)},
        {"epoch": Epoch(1)},
        {"packs": (PackId(b"q" * 32), PackId(b"p" * 32))},
        {"packs": (PackId(b"p" * 32),)},
        {"kind": EntryKind.CONTROL},
        {"version": 2},
    ],
)
def test_an_entry_body_opens_under_no_other_header(keys, header, change):
    entry = sealed(keys, header)
    assert keys.open_entry(entry) == b"a body"
    with pytest.raises(CannotOpen):
        keys.open_entry(replace(entry, header=replace(header, **change)))


def test_an_entry_body_does_not_open_in_another_vault(keys, header):
    entry = sealed(keys, header)
    with pytest.raises(CannotOpen):
        VaultKeys(VaultId(b"w" * 16), SECRETS).open_entry(entry)


def test_an_entry_of_an_epoch_not_held_is_neither_sealed_nor_opened(keys, header):
    later = replace(header, epoch=Epoch(3))
    with pytest.raises(MissingEpoch):
        keys.seal_entry(later, b"")
    with pytest.raises(MissingEpoch):
        keys.open_entry(Entry(later, bytes(64), bytes(64)))


def test_bodies_of_similar_sizes_are_sealed_to_one_size(keys, header):
    sizes = {len(keys.seal_entry(header, bytes(size))) for size in range(1000, 1020)}
    assert len(sizes) == 1


def test_the_largest_body_that_is_written_fits_an_entry(keys, header):
    largest = MAX_ENTRY_BODY - MAX_ENTRY_BODY // 8  # cozysync.replica.body_limits
    assert len(keys.seal_entry(header, bytes(largest))) <= MAX_ENTRY_BODY


def test_a_name_opens_for_its_own_device_only(keys):
    blob = keys.seal_name(DEVICE, "Büro, oben")
    assert keys.open_name(DEVICE, blob) == "Büro, oben"
    with pytest.raises(CannotOpen):
        keys.open_name(DeviceId(b"e" * 16), blob)


def test_the_longest_name_fits_and_short_names_look_alike(keys):
    assert len(keys.seal_name(DEVICE, "n" * 255)) <= MAX_SEALED_NAME
    assert len(keys.seal_name(DEVICE, "pc-one")) == len(keys.seal_name(DEVICE, "pc-two"))


@pytest.mark.parametrize("name", ["", "n" * 256, "é" * 128, "two\nlines", "\x1b[31m", "\ud800"])
def test_a_name_that_cannot_be_shown_is_refused(keys, name):
    with pytest.raises(BadName):
        keys.seal_name(DEVICE, name)


def test_ids_stay_the_same_in_a_new_epoch_and_differ_between_vaults(keys):
    later = keys.with_epoch(Epoch(3), b"3" * 32)
    stranger = VaultKeys(keys.vault, {Epoch(1): b"x" * 32})
    for name in (VaultKeys.node_hash, VaultKeys.chunk_id):
        assert name(keys, b"data") == name(later, b"data")
        assert name(keys, b"data") != name(stranger, b"data")
    chunks = [keys.chunk_id(b"data")]
    assert keys.content_digest(chunks) == later.content_digest(chunks)
    assert keys.content_digest(chunks) != stranger.content_digest(chunks)


def test_node_chunk_and_digest_hashes_of_the_same_bytes_differ(keys):
    chunk = keys.chunk_id(b"data")
    assert len({keys.node_hash(chunk), keys.chunk_id(chunk), keys.content_digest([chunk])}) == 3


def test_the_order_and_number_of_chunks_make_the_digest(keys):
    a, b = keys.chunk_id(b"a"), keys.chunk_id(b"b")
    lists = [[], [a], [a, a], [a, b], [b, a], [a, b, a]]
    assert len({keys.content_digest(each) for each in lists}) == len(lists)


def test_new_things_are_sealed_under_the_newest_epoch_and_old_ones_still_open(keys):
    chunk = keys.chunk_id(b"text")
    old = keys.seal_chunk(chunk, b"text")
    later = keys.with_epoch(Epoch(3), b"3" * 32)
    assert later.current == 3
    assert bytes(later.seal_chunk(chunk, b"text"))[:4] == b"\0\0\0\3"
    assert later.open_chunk(old, chunk) == b"text"


def test_a_keyring_without_the_first_epoch_or_with_a_short_secret_is_refused():
    with pytest.raises(NotEnrolled):
        VaultKeys(VaultId(b"v" * 16), {Epoch(2): b"2" * 32})
    with pytest.raises(CannotOpen):
        VaultKeys(VaultId(b"v" * 16), {Epoch(1): b"short"})


def test_no_secret_is_shown_by_keyrings_and_device_keys(keys):
    device = DeviceKeys.generate()
    shown = f"{keys!r} {keys} {device!r} {device} {[keys, device]}"
    for secret in (*SECRETS.values(), *device.private_bytes()):
        for form in (secret.hex(), repr(secret), secret.decode("latin-1")):
            assert form not in shown


class Recorder:
    """AES-GCM that writes down which key was used with which nonce."""

    def __init__(self):
        self.used = []

    def __call__(self, key):
        recorder, cipher = self, AESGCM(key)

        class Recorded:
            def encrypt(self, nonce, plaintext, context):
                recorder.used.append((key, nonce))
                return cipher.encrypt(nonce, plaintext, context)

            def encrypt_into(self, nonce, plaintext, context, buffer):
                recorder.used.append((key, nonce))
                return cipher.encrypt_into(nonce, plaintext, context, buffer)

        return Recorded()


@pytest.fixture
def recorder(monkeypatch):
    recorder = Recorder()
    monkeypatch.setattr("cozysync.vault.keyring.AESGCM", recorder)
    monkeypatch.setattr("cozysync.vault.seal.AESGCM", recorder)
    return recorder


def seal_much(keys, header):
    for number in range(50):
        data = b"%d" % number
        keys.seal_chunk(keys.chunk_id(data), data)
        keys.seal_chunk(keys.chunk_id(data), data + bytes(40_000))
        keys.seal_entry(replace(header, sequence=Sequence(number + 1)), data)
        keys.seal_index(data)
        keys.seal_name(DEVICE, "desk")


def test_a_cloned_disk_that_seals_everything_again_repeats_no_key_with_a_nonce(recorder, header):
    for _ in range(4):
        seal_much(VaultKeys(header.vault, SECRETS), header)
    assert len(recorder.used) == 4 * 5 * 50
    assert len(set(recorder.used)) == len(recorder.used)


def test_even_with_a_stuck_source_of_nonces_different_things_share_no_key(recorder, header):
    keys = VaultKeys(header.vault, SECRETS, entropy=bytes)
    for number in range(200):
        data = b"%d" % number
        keys.seal_chunk(keys.chunk_id(data), data)
        keys.seal_entry(replace(header, sequence=Sequence(number + 1)), data)
    assert len({key for key, _ in recorder.used}) == 400
