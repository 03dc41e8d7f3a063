"""Row 12: whatever says that it is of another version, or sealed in another way, is refused.

There is one version of everything and one cipher, so that nobody can ask for a weaker one. Each
record here is right but for that; those that a device signs or seals are signed and sealed anew.
"""

import pytest

from cozysync.content import decode_recipe, pack_chunk, unpack_chunk
from cozysync.replica import Opening, decode_body
from cozysync.vault import CozyError, load_secrets
from cozysync_conflict import Write
from cozysync_protocol import (
    EntryKind,
    LogState,
    ProtocolError,
    SnapshotPointer,
    decode,
    decode_entry,
    encode,
    encode_entry,
    read_index,
)
from tests.attacks.test_06_snapshots import snapped  # noqa: F401

REFUSED = ProtocolError, CozyError
OTHERS = [0, 2, 3, 255]


def numbered(data, version, at=0):
    """An encoded array with another version in its place."""
    fields = decode(data, max_bytes=1 << 24)
    return encode([*fields[:at], version, *fields[at + 1 :]])


def plain_bodies(told):
    for frame in told.log:
        entry = decode_entry(frame.entry)
        if entry.header.kind is EntryKind.SEALED:
            yield told.created.keys.open_entry(entry)


@pytest.mark.parametrize("version", OTHERS)
def test_an_entry_or_what_is_sealed_in_it(told, version):
    for frame in told.log:
        assert encode_entry(decode_entry(numbered(frame.entry, 1))) == frame.entry
        with pytest.raises(REFUSED):
            decode_entry(numbered(frame.entry, version))
    tried = 0
    for body in plain_bodies(told):
        assert decode_body(body)
        for operation in decode_body(body).batch.operations:
            if isinstance(operation.action, Write):
                tried += 1
                detail = operation.action.content.detail
                assert decode_recipe(numbered(detail, 1))
                with pytest.raises(REFUSED):
                    decode_recipe(numbered(detail, version))
        if body[:1] == b"\0":
            with pytest.raises(REFUSED):
                decode_body(b"\0" + numbered(body[1:], version))
        for flag in {version, 2} - {0, 1}:
            with pytest.raises(REFUSED):
                decode_body(bytes([flag]) + body[1:])
    assert tried


def test_a_chunk_in_a_form_that_is_not_known():
    right = pack_chunk(b"text " * 1000)
    assert unpack_chunk(right) == b"text " * 1000
    for form in range(2, 256):
        with pytest.raises(REFUSED):
            unpack_chunk(bytes([form]) + right[1:])


def test_a_pack_of_another_version(told):
    keys = told.created.keys
    data = told.pack_files()[0].read_bytes()
    assert read_index(data, keys.open_index)
    for version in b"0", b"2":
        for other in (data[:7] + version + data[8:], data[:-1] + version):
            with pytest.raises(REFUSED):
                read_index(other, keys.open_index)


@pytest.mark.parametrize("version", OTHERS)
def test_a_pointer_to_a_snapshot_that_its_device_signed(snapped, version):  # noqa: F811
    encoded = snapped.pointer.encode()
    assert SnapshotPointer.decode(numbered(encoded, 1)) == snapped.pointer
    with pytest.raises(REFUSED):
        SnapshotPointer.decode(numbered(encoded, version))


def test_a_piece_of_a_snapshot(snapped):  # noqa: F811
    opening = Opening(LogState(snapped.vault), 7).encode()
    assert Opening.decode(numbered(opening, 1))
    for version in OTHERS:
        with pytest.raises(REFUSED):
            Opening.decode(numbered(opening, version))


def test_a_secrets_file(told, tmp_path):
    right = (told.root / "ann" / "secrets").read_bytes()
    for version in OTHERS:
        path = tmp_path / str(version)
        path.write_bytes(numbered(right, version, at=1))
        path.chmod(0o600)
        with pytest.raises(REFUSED):
            load_secrets(path)
