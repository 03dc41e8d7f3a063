"""A trio loop that takes the same turns whenever it starts from the same seed.

All knowledge of trio's inside that this needs stands here; `test_repeatable.py` pins it.
Trio shuffles the tasks that are ready, so that nobody relies on their order. With its private
switch it shuffles from a known order by a random generator that can be seeded. Time is trio's
own mock clock, which leaps to the next deadline when everybody waits. No thread may be used.
"""

import os
import platform
import sys

import trio
from trio._core import _run as trio_inside
from trio.testing import MockClock

HASH_SEED = "PYTHONHASHSEED"


def run(seed, work):
    """The result of the async function `work`, played from this seed."""
    before = trio_inside._ALLOW_DETERMINISTIC_SCHEDULING
    trio_inside._ALLOW_DETERMINISTIC_SCHEDULING = True
    trio_inside._r.seed(seed)
    try:
        return trio.run(work, clock=MockClock(autojump_threshold=0))
    finally:
        trio_inside._ALLOW_DETERMINISTIC_SCHEDULING = before
        trio_inside._r.seed()


def same_order_of_sets():
    """Start this process again unless sets have the same order in every run."""
    if os.environ.get(HASH_SEED) != "0":
        os.environ[HASH_SEED] = "0"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def versions():
    """What a seed's meaning depends on."""
    return f"python {platform.python_version()}, trio {trio.__version__}"
