"""A phone that goes offline and comes back, through the JSON interface to a running engine."""

import os
import random

import pytest

from cozysync.gateway.engine_view import view_of
from tests.suites.fleet import fleet
from tests.unit.gateway.sync_api.test_phone import KNOWN, PATHS, WHO, D, play

SEEDS = range(int(os.environ.get("COZYSYNC_TEST_PHONES", "25")) // 8)
DEEDS = ("write", "write", "write", "move", "remove")


def some_days(seed):
    chance = random.Random(seed)
    for _ in range(14):
        if chance.random() < 0.3:
            yield "sync", chance.choice([0, 0, chance.randrange(1, 12)])
        else:
            deed = chance.choice(DEEDS)
            yield chance.choice(WHO), deed, chance.choice(PATHS), chance.choice(PATHS)


@pytest.fixture
async def view(tmp_path, monkeypatch):
    monkeypatch.setattr("cozysync.gateway.index.SYNCHRONOUS", "OFF")
    async with fleet(tmp_path, "ann") as ours, view_of(ours.members[0].engine) as view:
        await view.make_directory(D)
        yield view


@pytest.mark.parametrize("steps", KNOWN)
async def test_both_end_with_the_same_and_nothing_is_lost(steps, view, tmp_path):
    await play(steps, tmp_path, view)


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_happens_apart(seed, view, tmp_path):
    await play(list(some_days(seed)), tmp_path, view)
