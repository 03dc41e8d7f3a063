"""The format as it is on the wire does not change unnoticed, and means what SPEC.md says."""

import hashlib
import json
import math

import pytest

from tests.unit.protocol import vectors


@pytest.fixture(scope="module")
def known():
    return json.loads(vectors.VECTORS.read_text())


def test_what_is_made_today_is_what_was_written_down(known):
    assert vectors.make() == known


def test_ids_and_heads_by_hand(known):
    ids = {name: bytes.fromhex(value) for name, value in known["ids"].items()}
    vault = hashlib.sha256(b"cozysync vault" + ids["root_signing"] + ids["root_wrapping"])
    assert vault.digest()[:16] == ids["vault"]
    device = hashlib.sha256(b"cozysync device" + ids["signing"])
    assert device.digest()[:16] == ids["device"]
    head = bytes(32)
    for entry, expected in zip(known["log"]["entries"], known["log"]["heads"], strict=True):
        head = hashlib.sha256(head + hashlib.sha256(bytes.fromhex(entry)).digest()).digest()
        assert head.hex() == expected


def test_the_signed_part_by_hand(known):
    encoded = bytes.fromhex(known["entry"]["encoded"])
    body = b"sealed body"
    # What stands before the body in the encoded array is the header but for the array's length.
    fields = encoded[1 : encoded.index(b"\xc4" + bytes([len(body)]) + body)]
    text = hashlib.sha256(b"\x9a" + fields + hashlib.sha256(body).digest()).digest()
    assert (b"cozysync entry 1" + text).hex() == known["entry"]["signed_part"]


def test_what_is_given_back_by_hand(known):
    entry, head = known["entry"]["encoded"], known["log"]["heads"][-1]
    # Arrays of three, small integers, byte strings with their length in one byte, short text.
    frame = f"919304c420{head}c4{len(entry) // 2:02x}{entry}"
    assert known["given_back"]["by_a_device"] == "9305a0" + frame
    text = b"an invitation"
    named = f"{0xA0 + len(text):02x}{text.hex()}"
    assert known["given_back"]["by_invitation"] == "9305" + named + frame


def test_a_beginning_by_hand(known):
    state, entry = known["begun"]["state"], known["log"]["entries"][0]
    # The state is a byte string within, its length in two bytes, and so is that of the entry.
    text = b"an invitation"
    named = f"{0xA0 + len(text):02x}{text.hex()}"
    frame = f"919301c420{known['log']['heads'][0]}c5{len(entry) // 2:04x}{entry}"
    encoded = f"93{named}c5{len(state) // 2:04x}{state}{frame}"
    assert known["begun"]["encoded"] == encoded


def test_padded_sizes_by_the_formula(known):
    for size, padded in known["padded_size"].items():
        size = int(size)
        if size < 2:
            assert padded == size
            continue
        exponent = math.floor(math.log2(size))
        step = 2 ** (exponent - math.floor(math.log2(exponent)) - 1) if exponent else 1
        assert padded == math.ceil(size / step) * step
