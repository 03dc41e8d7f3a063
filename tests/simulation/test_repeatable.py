"""What the simulation knows of trio's inside is still so."""

import inspect
import os
import subprocess
import sys

import pytest
import trio
import trio.lowlevel
from trio._core import _run as trio_inside

from tests.simulation import repeatable


async def _race():
    order = []

    async def runner(name):
        for _ in range(3):
            order.append(name)
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        for name in range(8):
            nursery.start_soon(runner, name)
    return order, trio.current_time()


def test_one_seed_takes_the_same_turns_and_another_takes_others():
    """The private switch and generator do what they are used for; without them this fails."""
    assert repeatable.run(1, _race) == repeatable.run(1, _race)
    orders = {tuple(repeatable.run(seed, _race)[0]) for seed in range(20)}
    assert len(orders) == 20


def test_the_switch_is_put_back():
    before = trio_inside._ALLOW_DETERMINISTIC_SCHEDULING  # hypothesis sets it for good
    repeatable.run(1, _race)
    assert trio_inside._ALLOW_DETERMINISTIC_SCHEDULING is before


def test_trio_shuffles_from_a_known_order_by_its_generator():
    source = inspect.getsource(trio_inside.unrolled_run)
    assert "batch.sort(key=lambda t: t._counter)" in source
    assert "_r.shuffle(batch)" in source


def test_a_day_of_waiting_takes_no_time():
    async def wait():
        await trio.sleep(86_400)
        return trio.current_time()

    assert repeatable.run(1, wait) == pytest.approx(86_400)


def test_seeds_play_the_same_in_another_process():
    def digests():
        command = [sys.executable, "-m", "tests.simulation"]
        command += ["--start", "1", "--seeds", "3", "--digests"]
        told = subprocess.run(
            command, capture_output=True, text=True, timeout=300,
            env={**os.environ, repeatable.HASH_SEED: "7"},
        )  # fmt: skip
        assert told.returncode == 0, told.stdout + told.stderr
        return [line for line in told.stdout.splitlines() if len(line.split()) == 2]

    first = digests()
    assert len(first) == 3
    assert first == digests()
