"""Clocks that jump, and time in which nothing was seen."""

from dataclasses import replace

import pytest
import trio

from cozysync.sync.heartbeat import BEAT_S, Heartbeat
from cozysync.sync.link import Link
from cozysync.sync.seams import real_seams

YEAR_S = 365 * 86_400


class Wall:
    def __init__(self):
        self.now_s = 1_700_000_000.0

    def seams(self):
        return replace(real_seams(), now_ns=lambda: int(self.now_s * 1e9))


@pytest.mark.parametrize(
    ("steady", "wall", "expected"),
    [
        (BEAT_S, BEAT_S, 0),
        (BEAT_S + 1, BEAT_S + 1, 0),
        (BEAT_S + 60, BEAT_S + 60, 1),  # the process was stopped
        (BEAT_S, BEAT_S + 3600, 1),  # the machine slept
        (BEAT_S, BEAT_S - YEAR_S, 1),  # somebody set the clock
    ],
)
def test_time_that_was_lost_is_noticed(steady, wall, expected):
    woken = []
    Heartbeat(Wall().seams(), lambda: woken.append(1)).beat(steady, wall)
    assert len(woken) == expected


async def test_a_beat_goes_on_for_ever(autojump_clock):
    wall, woken = Wall(), []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Heartbeat(wall.seams(), lambda: woken.append(1)).run)
        await trio.sleep(BEAT_S / 2)
        wall.now_s += BEAT_S + 3600
        await trio.sleep(BEAT_S)
        assert len(woken) == 1
        nursery.cancel_scope.cancel()


async def test_a_clock_is_not_trusted_before_the_server_was_heard(autojump_clock):
    wall = Wall()
    link = Link(wall.seams())
    assert not link.trusts_clock(600)
    link.heard_time(wall.now_s)
    assert link.trusts_clock(600)


@pytest.mark.parametrize("jump", [YEAR_S, -YEAR_S])
async def test_a_clock_that_has_jumped_is_not_trusted_until_the_server_is_heard(
    autojump_clock, jump
):
    wall = Wall()
    link = Link(wall.seams())
    link.heard_time(wall.now_s)
    wall.now_s += jump
    assert not link.trusts_clock(600)
    link.heard_time(wall.now_s)
    assert link.trusts_clock(600)


async def test_a_clock_that_goes_on_beside_the_steady_one_is_trusted(autojump_clock):
    wall = Wall()
    link = Link(wall.seams())
    link.heard_time(wall.now_s)
    wall.now_s += 86_400
    await trio.sleep(86_400)
    assert link.trusts_clock(600)


async def test_who_pauses_tries_at_once_after_a_sleep(autojump_clock):
    from cozysync.sync.remote import Unreachable

    link, calls = Link(Wall().seams()), []

    async def call():
        calls.append(trio.current_time())
        if len(calls) < 9:
            raise Unreachable("x", "the cable is out")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.attempt, call)
        await trio.sleep(8)
        before = len(calls)
        link.nudge()
        await trio.sleep(0.001)
        assert len(calls) == before + 1
        nursery.cancel_scope.cancel()
