"""Sealing, over any bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cozysync.vault import (
    BadCode,
    BadPhrase,
    CannotOpen,
    DeviceKeys,
    MissingEpoch,
    RootKeys,
    SecretError,
    VaultKeys,
    new_phrase,
    parse_code,
)
from cozysync_protocol import (
    GENESIS_HEAD,
    NO_ENTRY,
    NOWHERE,
    DeviceId,
    Entry,
    EntryHeader,
    EntryKind,
    Epoch,
    Sequence,
    VaultId,
)

bounded = settings(max_examples=60, deadline=None)
secrets = st.binary(min_size=32, max_size=32)
vaults = st.binary(min_size=16, max_size=16).map(VaultId)
keyrings = st.builds(lambda vault, first: VaultKeys(vault, {Epoch(1): first}), vaults, secrets)
plaintexts = st.binary(max_size=5000) | st.integers(0, 70_000).map(bytes)


@bounded
@given(keyrings, plaintexts)
def test_a_chunk_opens_as_what_was_sealed(keys, plaintext):
    chunk = keys.chunk_id(plaintext)
    assert keys.open_chunk(keys.seal_chunk(chunk, plaintext), chunk) == plaintext


@bounded
@given(keyrings, plaintexts, st.binary(min_size=16, max_size=16), st.integers(1, 2**63 - 1))
def test_an_entry_opens_as_what_was_sealed(keys, plaintext, device, sequence):
    header = EntryHeader(
        keys.vault, DeviceId(device), Sequence(sequence), NO_ENTRY, NOWHERE, GENESIS_HEAD,
        Epoch(1), (), EntryKind.SEALED,
    )  # fmt: skip
    body = keys.seal_entry(header, plaintext)
    assert keys.open_entry(Entry(header, body, bytes(64))) == plaintext


@bounded
@given(keyrings, st.binary(max_size=300), st.data())
def test_a_change_anywhere_in_a_chunk_is_noticed(keys, plaintext, data):
    chunk = keys.chunk_id(plaintext)
    blob = bytearray(keys.seal_chunk(chunk, plaintext))
    blob[data.draw(st.integers(0, len(blob) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises((CannotOpen, MissingEpoch)):
        keys.open_chunk(bytes(blob), chunk)


@bounded
@given(keyrings, st.binary(max_size=200))
def test_arbitrary_bytes_open_as_nothing_and_fail_with_typed_errors(keys, blob):
    for attempt in (
        lambda: keys.open_chunk(blob, keys.chunk_id(b"")),
        lambda: keys.open_index(blob),
        lambda: keys.open_name(DeviceId(bytes(16)), blob),
        lambda: DeviceKeys(bytes(32), bytes(32)).unwrap(blob, b"info"),
    ):
        with pytest.raises(SecretError):
            attempt()


@bounded
@given(keyrings, st.text(min_size=1, max_size=60).filter(str.isprintable))
def test_any_name_that_can_be_shown_comes_back(keys, name):
    device = DeviceId(b"d" * 16)
    assert keys.open_name(device, keys.seal_name(device, name)) == name


@bounded
@given(secrets)
def test_a_phrase_made_of_any_entropy_is_read_back(entropy):
    phrase = new_phrase(lambda size: entropy[:size])
    assert RootKeys.from_phrase(phrase).vault == RootKeys(entropy).vault


@bounded
@given(st.text(max_size=60) | st.from_regex(r"[a-z.]{1,9}/[0-9]{1,7}(-[a-z]{3,8}){3}"))
def test_whatever_is_typed_as_a_code_is_a_code_or_a_mistake_to_mend(text):
    try:
        code = parse_code(text)
    except BadCode:
        return
    assert parse_code(str(code)) == code


@bounded
@given(st.text(max_size=60))
def test_no_short_text_is_a_recovery_phrase(text):
    with pytest.raises(BadPhrase):
        RootKeys.from_phrase(text)
