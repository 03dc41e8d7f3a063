"""Bytes that are one flipped bit away from right ones."""

import os

# Every byte of every record when set; else all of the short ones and a sample of the long ones.
EVERY = bool(os.environ.get("COZYSYNC_TEST_EVERY_BYTE"))
# What was measured: how many were tried of each kind of record, and more. It is printed in the end,
# for whoever compares it with docs/THREATS.md.
FIGURES = {}


def flips(data, what, most=4000):
    """The data with one byte changed: for every byte or, of long data, for some and the ends."""
    places = range(len(data))
    if len(data) > most and not EVERY:
        places = [*range(200), *range(200, len(data) - 200, len(data) // most), *range(-200, 0)]
    for at in places:
        changed = bytearray(data)
        changed[at] ^= 1 << (at % 8)
        name = f"flipped bytes of {what}, tried"
        FIGURES[name] = FIGURES.get(name, 0) + 1
        yield bytes(changed)
