"""Bytes that somebody hostile, or a dying disk, makes of a valid record."""

import os
import random

import msgpack

EXAMPLES = int(os.environ.get("COZYSYNC_TEST_FUZZ", "20"))
"""Examples of each decoder, endpoint and so on; raise it for a longer run."""

NASTY = [
    None, True, False, 0, 1, -1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1, -(2**63), 1.5,
    float("nan"), float("inf"), b"", b"\0", b"x" * 16, b"x" * 32, b"y" * 64, b"z" * 5000, "", "x",
    "²", "\0", "../x", "\ud7ff" * 70, "9" * 5000, [], [[]], [None] * 300, {}, {"a": 1},
    [[[[[[[[1]]]]]]]], msgpack.ExtType(5, b"x"),
]  # fmt: skip
"""Values that have broken decoders before."""


def decoded(data):
    """The MessagePack value in these bytes, None when there is none."""
    try:
        return msgpack.unpackb(data, strict_map_key=False)
    except ValueError:
        return None


def with_nasty_part(chance, value):
    """The value with one part of it replaced, dropped or doubled."""
    if not isinstance(value, list) or not value or chance.random() < 0.1:
        return chance.choice(NASTY)
    changed = list(value)
    at = chance.randrange(len(changed))
    deed = chance.random()
    if deed < 0.7:
        changed[at] = with_nasty_part(chance, changed[at])
    elif deed < 0.8:
        del changed[at]
    elif deed < 0.9:
        changed.insert(at, changed[at])
    else:
        changed[at], changed[-1] = changed[-1], changed[at]
    return changed


def with_nasty_bytes(chance, data, other):
    """The bytes with some of them flipped, cut, doubled, or from another record."""
    changed = bytearray(data)
    for _ in range(chance.choice([1, 1, 1, 2, 8])):
        at = chance.randrange(len(changed) + 1)
        end = min(at + chance.choice([1, 2, 4, 32, 1000]), len(changed))
        deed = chance.randrange(6)
        if deed == 0:
            changed[at:end] = bytes(each ^ 1 << chance.randrange(8) for each in changed[at:end])
        elif deed == 1:
            del changed[at:]
        elif deed == 2:
            del changed[at:end]
        elif deed == 3:
            changed[at:at] = changed[at:end]
        elif deed == 4:
            changed[at:end] = bytes([chance.choice([0, 0x7F, 0x80, 0xC6, 0xDD, 0xFF])]) * (end - at)
        else:
            start = chance.randrange(len(other) + 1)
            changed[at:end] = other[start : start + 64]
    return bytes(changed)


def mutated(seed, samples):
    """Any bytes, or one of the samples with something wrong in it."""
    chance = random.Random(seed)
    if chance.random() < 0.1:
        return chance.randbytes(chance.randrange(200))
    sample = chance.choice(samples)
    value = decoded(sample)
    if isinstance(value, list) and chance.random() < 0.6:
        for _ in range(chance.choice([1, 1, 2])):
            value = with_nasty_part(chance, value)
        try:
            return msgpack.packb(value)
        except (OverflowError, ValueError):
            return b"\xc1"
    return with_nasty_bytes(chance, sample, chance.choice(samples))
