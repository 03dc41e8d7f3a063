"""Names and contents that must be seen nowhere but on devices."""

import random

CANARIES = {
    "canary-name-heron": "canary-content-ibis " * 20,
    "canary-name-stork": "canary-content-crane " + random.Random(7).randbytes(200_000).hex(),
    "canary-name-egret": "canary-content-bittern " * 500,
}
# "work" itself is too common a word to look for.
MARKS = [b"canary-name", b"canary-content", b"letters"]


def marks_in(data):
    """The canaries that show in some bytes, in any plain form."""
    return [mark for mark in MARKS if mark in data]
