"""Known answers: what is written today must open in ten years, and elsewhere."""

import base64
import hashlib
import json

import pytest
from cryptography import x509

from cozysync.vault import DeviceKeys, Label, RootKeys, VaultKeys
from cozysync.vault.wrapping import device_info, root_info
from cozysync_protocol import ChunkId, DeviceId, Entry, Epoch, VaultId
from tests.unit.vault import by_hand, vectors


@pytest.fixture(scope="module")
def known():
    return json.loads(vectors.VECTORS.read_text())


def test_everything_derived_sealed_and_said_is_as_it_was_pinned(known):
    assert vectors.make() == known


def test_every_label_has_a_vector_and_a_text_of_its_own(known):
    assert set(known["derive"]) == {label.name for label in Label}
    texts = [label.value for label in Label]
    assert len(set(texts)) == len(texts)
    assert all(b"\0" not in text for text in texts)


def test_derived_keys_are_keyed_blake3_of_label_zero_and_context(known):
    for each in known["derive"].values():
        key, context = bytes.fromhex(each["key"]), bytes.fromhex(each["context"])
        expected = by_hand.derived(key, each["label"].encode(), context)
        assert each["derived"] == expected.hex()


def test_no_two_labels_give_one_key(known):
    derived = [each["derived"] for each in known["derive"].values()]
    assert len(set(derived)) == len(derived)


def test_the_phrase_gives_the_root_keys(known):
    pinned = known["root"]
    root = RootKeys.from_phrase(pinned["phrase"])
    assert root.signing_public.hex() == pinned["signing_public"]
    assert root.wrapping_public.hex() == pinned["wrapping_public"]
    assert root.vault.hex() == pinned["vault"]


def test_a_chunk_is_sealed_as_the_format_says(known):
    vault = bytes.fromhex(known["root"]["vault"])
    secret = bytes.fromhex(known["epochs"]["2"])
    chunk = bytes.fromhex(known["ids"]["chunk_id"])
    keys_key = by_hand.derived(secret, b"cozysync 1 chunk keys", vault)
    context = b"cozysync 1 sealed chunk\0" + vault + chunk
    plaintext = bytes.fromhex(known["ids"]["plaintext"])
    key = by_hand.blake3(chunk, key=keys_key).digest()
    sealed = by_hand.aes_gcm(key, bytes(range(12)), plaintext, context)
    assert known["sealed"]["chunk"] == (b"\0\0\0\2" + sealed).hex()


def test_an_entry_is_sealed_as_the_format_says(known):
    vault = bytes.fromhex(known["root"]["vault"])
    secret = bytes.fromhex(known["epochs"]["2"])
    place = bytes.fromhex(known["device"]["device"]) + (7).to_bytes(8, "big")
    keys_key = by_hand.derived(secret, b"cozysync 1 entry keys", vault)
    key = by_hand.blake3(place, key=keys_key).digest()
    plaintext = bytes.fromhex(known["ids"]["plaintext"])
    padded = len(plaintext).to_bytes(4, "big") + plaintext + b"\0"
    header = bytes.fromhex(known["sealed"]["entry_associated_data"])
    context = b"cozysync 1 sealed entry\0" + header
    sealed = by_hand.aes_gcm(key, bytes(range(12)), padded, context)
    assert known["sealed"]["entry_body"] == sealed.hex()


def test_what_was_pinned_opens(known):
    sealed = {name: value for name, value in known["sealed"].items() if name != "name"}
    sealed = {name: bytes.fromhex(value) for name, value in sealed.items()}
    vault = VaultId(bytes.fromhex(known["root"]["vault"]))
    epochs = {Epoch(int(n)): bytes.fromhex(s) for n, s in known["epochs"].items()}
    keys = VaultKeys(vault, epochs)
    plaintext = bytes.fromhex(known["ids"]["plaintext"])
    chunk = ChunkId(bytes.fromhex(known["ids"]["chunk_id"]))
    pinned = known["device"]
    device = DeviceKeys(
        bytes.fromhex(pinned["signing_private"]), bytes.fromhex(pinned["wrapping_private"])
    )
    entry = Entry(vectors.header(keys, device), sealed["entry_body"], bytes(64))
    assert keys.open_chunk(sealed["chunk"], chunk) == plaintext
    assert keys.open_entry(entry) == plaintext
    assert keys.open_index(sealed["index"]) == plaintext
    assert keys.open_name(DeviceId(device.id), sealed["name_sealed"]) == known["sealed"]["name"]


def test_a_servers_key_is_the_hash_of_its_public_key_alone(known):
    pinned = known["server"]
    public = x509.load_der_x509_certificate(bytes.fromhex(pinned["certificate"])).public_key()
    prefix = bytes.fromhex("302a300506032b6570032100")  # RFC 8410: Ed25519
    expected = hashlib.sha256(prefix + public.public_bytes_raw()).digest()
    assert pinned["fingerprint"] == expected.hex()
    assert base64.urlsafe_b64decode(pinned["key"] + "=") == expected


def test_secrets_wrapped_by_the_letter_of_rfc_9180_unwrap(known):
    pinned = known["wrapped"]
    root = RootKeys.from_phrase(known["root"]["phrase"])
    private = known["device"]
    device = DeviceKeys(
        bytes.fromhex(private["signing_private"]), bytes.fromhex(private["wrapping_private"])
    )
    for_device = device.unwrap(
        bytes.fromhex(pinned["epoch_1_for_device"]), device_info(root.vault, Epoch(1), device.id)
    )
    for_root = root.open_wrapped(
        bytes.fromhex(pinned["epoch_2_for_root"]), root_info(root.vault, Epoch(2))
    )
    assert for_device.hex() == known["epochs"]["1"]
    assert for_root.hex() == known["epochs"]["2"]
