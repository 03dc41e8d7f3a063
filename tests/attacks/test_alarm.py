"""The alarm stands until a person has looked, whatever is restarted, and whoever asks sees it."""

import pytest
import trio

from cozysync.sync.alarm import AlarmKind
from tests.attacks.hostile import scene


@pytest.fixture
async def scene_of_two(tmp_path):
    async with scene(tmp_path, "ann", "bob") as stage:
        ann, bob = stage.members
        ann.hands.write("kept", "what was there before")
        await stage.settle()
        yield stage, ann, bob


def roll_back(wire, position):
    """Let the server show no more than the log up to a position."""
    wire.on_log(lambda frames: [f for f in frames if f.position <= position], end=position)


async def test_a_rollback_is_an_alarm_that_survives_a_restart(scene_of_two):
    stage, _ann, bob = scene_of_two
    position = len(stage.frames())
    roll_back(bob.wire, position - 1)
    before = bob.hands.texts()
    outcome = await bob.settle_or_not()
    assert not outcome.in_sync
    assert "older state" in outcome.reasons[0]
    assert bob.alarm.kind is AlarmKind.ROLLBACK
    assert bob.alarm.position == position
    bob.wire.honest()
    await bob.stop()
    await bob.start()
    status = bob.engine.status().to_json()
    assert status["state"] == "attention"
    assert status["alarm"]["kind"] == "rollback"
    assert "docs/ALARMS.md" in status["attention"][0]["remedy"]
    assert bob.hands.texts() == before


async def test_a_device_that_only_listens_notices_a_rollback(scene_of_two):
    stage, ann, bob = scene_of_two
    roll_back(bob.wire, len(stage.frames()) - 1)
    ann.hands.write("more", "wakes whoever waits")
    await ann.settle()
    with trio.fail_after(30):
        await bob.engine.alarms.until(standing=True)
    assert bob.alarm.kind is AlarmKind.ROLLBACK
    assert bob.hands.texts() == {"kept": "what was there before"}


async def test_an_alarm_ends_only_when_a_person_says_so_and_comes_again_with_the_misdeed(
    scene_of_two,
):
    stage, ann, bob = scene_of_two
    roll_back(bob.wire, 2)
    await bob.settle_or_not()
    await bob.engine.alarms.end()
    assert bob.alarm is None
    assert not (await bob.settle_or_not()).in_sync
    assert bob.alarm.kind is AlarmKind.ROLLBACK
    bob.wire.honest()
    await bob.engine.alarms.end()
    ann.hands.write("kept", "newer")
    await stage.settle()
    assert bob.hands.texts() == {"kept": "newer"}


async def test_who_waits_for_a_settlement_hears_of_an_alarm_that_comes_meanwhile(scene_of_two):
    _stage, ann, bob = scene_of_two

    def swap_heads(frames):
        return [type(f)(f.position, bytes(32), f.entry) for f in frames]

    bob.wire.on_log(swap_heads)
    ann.hands.write("more", "not for bob")
    await ann.settle()
    with trio.fail_after(30):
        outcome = await bob.settle_or_not()
    assert not outcome.in_sync
    assert bob.alarm.kind is AlarmKind.FORK
    assert bob.hands.texts() == {"kept": "what was there before"}


async def test_no_change_is_lost_under_an_alarm(scene_of_two):
    stage, ann, bob = scene_of_two
    roll_back(bob.wire, 1)
    await bob.settle_or_not()
    bob.hands.write("mine", "written under the alarm")
    await bob.look()
    await bob.stop()
    bob.wire.honest()
    await bob.start()
    await bob.engine.alarms.end()
    await stage.settle()
    assert ann.hands.texts()["mine"] == "written under the alarm"


async def test_a_refusal_is_no_evidence_and_ends_with_a_restart(scene_of_two):
    _stage, _ann, bob = scene_of_two

    def refuse(answer):
        answer.status = 403
        answer.body = b'{"code": "device-revoked", "detail": "who are you?"}'

    await bob.stop()
    bob.wire.tamperers.append(refuse)
    await bob.start()
    with trio.fail_after(30):
        await bob.engine.alarms.until(standing=True)
    assert bob.alarm.kind is AlarmKind.REVOKED
    bob.wire.honest()
    await bob.stop()
    await bob.start()
    await bob.settle()


async def test_an_answer_that_was_on_its_way_while_the_log_was_read_on_is_no_rollback(scene_of_two):
    _stage, ann, bob = scene_of_two
    remote, puller = bob.engine.remote, bob.engine._puller
    asked, ask = [], remote.end

    async def late():
        found = await ask()
        asked.append(found)
        ann.hands.write(f"meanwhile {len(asked)}", "x")
        await ann.settle()
        await puller.reach(found.position + 1)
        return found

    remote.end = late
    with trio.fail_after(30):
        end = await puller.end()
    assert len(asked) > 1
    assert end < puller.position
    assert bob.alarm is None
