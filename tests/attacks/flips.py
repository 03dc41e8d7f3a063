"""Bytes that are one flipped bit away from right ones."""

import os

# Every byte of every record when set; else all of the short ones and a sample of the long ones.
EVERY = bool(os.environ.get("COZYSYNC_TEST_EVERY_BYTE"))
# How many were tried of each kind of record, for who runs all of them: see docs/THREATS.md.
TRIED = {}


def flips(data, what, most=4000):
    """The data with one byte changed: for every byte or, of long data, for some and the ends."""
    places = range(len(data))
    if len(data) > most and not EVERY:
        places = [*range(200), *range(200, len(data) - 200, len(data) // most), *range(-200, 0)]
    for at in places:
        changed = bytearray(data)
        changed[at] ^= 1 << (at % 8)
        TRIED[what] = TRIED.get(what, 0) + 1
        yield bytes(changed)
