"""Rows 1, 2, 5, 7, 8, 9 and 12: a log that is not what the devices wrote.

Each is shown to a device that begins to read; `test_alarm` is about devices
that had read before.
"""

from dataclasses import replace

import pytest
import trio

from cozysync.sync.alarm import AlarmKind
from cozysync.vault import DeviceKeys, RootKeys, create_vault, new_phrase
from cozysync_protocol import (
    NO_ENTRY,
    DeviceAdded,
    DeviceRevoked,
    EntryHeader,
    EntryKind,
    Epoch,
    LogFrame,
    Position,
    Sequence,
    decode_control,
    decode_entry,
    encode_control,
    encode_entry,
    entry_hash,
    next_head,
    sign_entry,
)
from tests.attacks.hostile import newcomer

EVE = DeviceKeys.generate()
OTHER_ROOT = RootKeys.from_phrase(new_phrase())
OTHER = create_vault(OTHER_ROOT, EVE, "eve")


def rehead(entries):
    """Frames as a server that knows the rules would make them of these entries."""
    frames, head = [], bytes(32)
    for n, entry in enumerate(entries, 1):
        head = next_head(head, entry_hash(entry))
        frames.append(LogFrame(Position(n), head, entry))
    return frames


def changed(entries, n, **fields):
    """The entries with some fields of one of them changed, and not signed anew."""
    entry = decode_entry(entries[n])
    header = {name: fields.pop(name) for name in list(fields) if name != "body"}
    new = replace(entry, header=replace(entry.header, **header), **fields)
    return [*entries[:n], encode_entry(new), *entries[n + 1 :]]


def enrolment(entries):
    return [n for n, entry in enumerate(entries) if not is_sealed(entry)][1]


def with_keys(entries, n, **fields):
    """The entries with a control entry's keys swapped."""
    control = decode_control(decode_entry(entries[n]).body)
    return changed(entries, n, body=encode_control(replace(control, **fields)))


def by_eve(told, entries, control, *, position=None, sequence=1, previous=NO_ENTRY):
    """The entries with one more, well-formed and signed by a device of the server's own."""
    frames = rehead(entries)
    header = EntryHeader(
        vault=told.vault,
        device=EVE.id,
        sequence=Sequence(sequence),
        previous=previous,
        seen_position=frames[-1].position,
        seen_head=frames[-1].head,
        epoch=Epoch(1),
        packs=(),
        kind=EntryKind.SEALED if control is None else EntryKind.CONTROL,
    )
    body = b"x" * 64 if control is None else encode_control(control)
    return [*entries, encode_entry(sign_entry(header, body, EVE.sign))]


def in_anns_name(told, entries, control):
    """The entries with one more that ann might have written, but for the signature."""
    ann = told.keys[0].id
    own = [entry for entry in entries if decode_entry(entry).header.device == ann]
    forged = decode_entry(by_eve(told, entries, control)[-1])
    header = replace(
        forged.header,
        device=ann,
        sequence=Sequence(decode_entry(own[-1]).header.sequence + 1),
        previous=entry_hash(own[-1]),
    )
    return [*entries, encode_entry(sign_entry(header, forged.body, EVE.sign))]


def added(signature=b""):
    return DeviceAdded(EVE.public, b"name", ((Epoch(1), b"w" * 80),), signature)


def is_sealed(entry):
    return decode_entry(entry).header.kind is EntryKind.SEALED


def swapped_bodies(entries):
    first, second = [n for n, entry in enumerate(entries) if is_sealed(entry)][:2]
    one, other = (decode_entry(entries[n]).body for n in (first, second))
    return changed(changed(entries, first, body=other), second, body=one)


def replayed(entries, n):
    return [*entries, entries[n]]


def of_another_vault(told, entries):
    return [*entries, encode_entry(OTHER.entry)]


def swapped(entries, one, other):
    entries = list(entries)
    entries[one], entries[other] = entries[other], entries[one]
    return entries


WRONG_KEY = bytes(EVE.public.signing)
# name: (row, what the server makes of the entries, the alarm)
TAMPERED = {
    "the root's key swapped": (1, lambda t, e: with_keys(e, 0, root_signing=WRONG_KEY)),
    "the root's wrapping key swapped": (1, lambda t, e: with_keys(e, 0, root_wrapping=WRONG_KEY)),
    "the first device's key swapped": (1, lambda t, e: with_keys(e, 0, keys=EVE.public)),
    "the whole creation swapped": (1, lambda t, e: [encode_entry(OTHER.entry), *e[1:]]),
    "an added device's key swapped": (1, lambda t, e: with_keys(e, enrolment(e), keys=EVE.public)),
    "a device added by itself": (2, lambda t, e: by_eve(t, e, added())),
    "a device with a certificate of its own": (
        2,
        lambda t, e: by_eve(t, e, added(EVE.sign(b"x" * 64))),
    ),
    "a device added in the name of another": (2, lambda t, e: in_anns_name(t, e, added())),
    "a device revoked in the name of another": (
        2,
        lambda t, e: in_anns_name(t, e, DeviceRevoked(t.keys[1].id)),
    ),
    "an entry by nobody": (2, lambda t, e: by_eve(t, e, None)),
    "two bodies swapped": (5, lambda t, e: swapped_bodies(e)),
    "an entry twice": (7, lambda t, e: replayed(e, 2)),
    "a control entry twice": (7, lambda t, e: replayed(e, enrolment(e))),
    "the delete twice": (11, lambda t, e: replayed(e, len(e) - 1)),
    "an entry of another vault": (7, lambda t, e: of_another_vault(t, e)),
    "an entry under another device": (7, lambda t, e: changed(e, 2, device=t.keys[1].id)),
    "an entry under another sequence": (7, lambda t, e: changed(e, 2, sequence=Sequence(9))),
    "an entry under another epoch": (7, lambda t, e: changed(e, 2, epoch=Epoch(2))),
    "an entry under another vault's id": (7, lambda t, e: changed(e, 2, vault=OTHER.keys.vault)),
    "an entry that refers to no packs": (7, lambda t, e: without_packs(e)),
    "an entry left out": (9, lambda t, e: [*e[:2], *e[3:]]),
    "two entries reordered": (9, lambda t, e: swapped(e, 2, 3)),
    "an entry of version 0": (12, lambda t, e: other_version(e, 0)),
    "an entry of version 2": (12, lambda t, e: other_version(e, 2)),
}


def without_packs(entries):
    n = next(n for n, entry in enumerate(entries) if decode_entry(entry).header.packs)
    return changed(entries, n, packs=())


def other_version(entries, version):
    # The version is the array's first element: one byte behind the array's header.
    assert entries[2][1] == 1
    return [*entries[:2], entries[2][:1] + bytes([version]) + entries[2][2:], *entries[3:]]


@pytest.mark.parametrize("name", TAMPERED)
async def test_a_log_that_was_tampered_with_is_refused_whole(told, tmp_path, name):
    _, tamper = TAMPERED[name]
    entries = tamper(told, [frame.entry for frame in told.log])
    async with newcomer(told, tmp_path) as (_, bob):
        frames = rehead(entries)
        bob.wire.on_log(lambda _: list(frames), end=len(frames))
        await bob.start()
        with trio.fail_after(20):
            await bob.engine.alarms.until(standing=True)
        assert bob.alarm.kind.is_evidence
        assert bob.hands.texts() == {}
        assert bob.engine.replica.cursor.load() is None
        assert not (await bob.engine.settle()).in_sync
        bob.wire.honest()
        await bob.engine.alarms.end()
        await bob.settle()
        assert bob.hands.texts() == told.tree


HEADS = {
    "a head that was made up": lambda f: [
        *f[:-1],
        LogFrame(f[-1].position, bytes(32), f[-1].entry),
    ],
    "positions that skip": lambda f: [*f[:2], *f[3:]],
    "positions that repeat": lambda f: [*f[:2], f[1], *f[2:]],
    "positions from the end": lambda f: f[::-1],
}


@pytest.mark.parametrize("name", HEADS)
async def test_heads_and_positions_that_do_not_follow_are_a_fork(told, tmp_path, name):
    async with newcomer(told, tmp_path) as (_, bob):
        bob.wire.on_log(lambda frames: HEADS[name](frames) if frames else [], end=len(told.log))
        await bob.start()
        with trio.fail_after(20):
            await bob.engine.alarms.until(standing=True)
        assert bob.alarm.kind is AlarmKind.FORK
        assert bob.hands.texts() == {}
