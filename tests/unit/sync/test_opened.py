"""What an enrolled device that turned hostile cannot claim in an entry of its own."""

import pytest

from cozysync.replica import SealedBody, encode_body
from cozysync.sync.opened import body_of
from cozysync.vault import DeviceKeys, RootKeys, create_vault, new_phrase
from cozysync_conflict import Batch, VersionVector
from cozysync_protocol import (
    NO_ENTRY,
    ChunkId,
    ChunkLocation,
    EntryHeader,
    EntryKind,
    Epoch,
    HeadHash,
    Malformed,
    PackId,
    Position,
    Sequence,
    sign_entry,
)

EVE, ANN = DeviceKeys.generate(), DeviceKeys.generate()
KEYS = create_vault(RootKeys.from_phrase(new_phrase()), EVE, "eve").keys
PACK, OTHER = PackId(b"p" * 32), PackId(b"o" * 32)


def entry(device, *, named=(), told=()):
    """An entry that eve signs, with operations of a device and places in packs."""
    header = EntryHeader(
        vault=KEYS.vault,
        device=EVE.id,
        sequence=Sequence(2),
        previous=NO_ENTRY,
        seen_position=Position(0),
        seen_head=HeadHash(bytes(32)),
        epoch=Epoch(1),
        packs=tuple(named),
        kind=EntryKind.SEALED,
    )
    places = tuple(ChunkLocation(ChunkId(b"c" * 32), pack, 0, 100) for pack in told)
    body = SealedBody(Batch(device.id, VersionVector(), ()), places)
    return sign_entry(header, KEYS.seal_entry(header, encode_body(body)), EVE.sign)


def test_an_honest_body_opens():
    body = body_of(KEYS, entry(EVE, named=[PACK, OTHER], told=[PACK]))
    assert body.batch.device == EVE.id
    assert body.chunks[0].pack == PACK


def test_nobody_acts_in_the_name_of_another():
    with pytest.raises(Malformed, match="another device"):
        body_of(KEYS, entry(ANN))


def test_nobody_tells_of_chunks_in_packs_that_the_entry_does_not_hold():
    with pytest.raises(Malformed, match="does not name"):
        body_of(KEYS, entry(EVE, named=[OTHER], told=[PACK]))
