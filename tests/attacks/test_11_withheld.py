"""Row 11 and its kin: a server that withholds entries, of others or of the device itself.

Nobody can make a server speak. What is promised: nothing that builds on what it withholds is taken
in, nothing vanishes by it, and whoever was told that there is more, or that its own entry was
taken, says so.
"""

from itertools import chain, combinations

import pytest
import trio

from cozysync.sync.alarm import AlarmKind
from cozysync_protocol import (
    Appended,
    LogState,
    Position,
    ProtocolError,
    advance,
    decode_entry,
    entry_hash,
)
from tests.attacks.hostile import newcomer, scene
from tests.attacks.test_log import rehead


@pytest.fixture(scope="session")
def told(tmp_path_factory):
    """What two devices wrote, some of it without having heard of each other; cat has not begun."""
    root = tmp_path_factory.mktemp("told-by-two")

    async def tell():
        async with scene(root, "ann", "cat", "bob", begin=False) as stage:
            ann, _, bob = stage.members
            await bob.start()
            stage.members = [ann, bob]
            ann.hands.write("kept", "by ann")
            await stage.settle()
            bob.hands.write("of bob", "unheard by ann")
            ann.hands.write("of ann", "unheard by bob")
            await stage.settle()
            bob.hands.write("kept", "newer, by bob")
            await stage.settle()
            ann.hands.delete("of bob")
            await stage.settle()
            ann.hands.write("last", "after the delete")
            await stage.settle()
            stage.log = stage.frames()
            stage.tree = ann.hands.texts()
            for member in stage.members:
                await member.stop()
            return stage

    return trio.run(tell)


def taken_in(vault, frames):
    """How many entries of this log a device takes in before it stops."""
    state = LogState(vault)
    for n, frame in enumerate(frames):
        try:
            entry = decode_entry(frame.entry)
            state = advance(state, entry, position=frame.position, head=frame.head)
        except ProtocolError:
            return n
    return len(frames)


def builds_on_nothing_missing(log, entries):
    """Whether all that the authors of these entries had written and seen before is among them."""
    there = {entry_hash(entry) for entry in entries}
    for entry in entries:
        header = decode_entry(entry).header
        seen = {entry_hash(frame.entry) for frame in log if frame.position <= header.seen_position}
        if not seen <= there or header.previous not in {*there, bytes(32)}:
            return False
    return True


def test_of_every_part_of_a_log_nothing_is_taken_in_that_builds_on_what_is_withheld(told):
    entries = [frame.entry for frame in told.log]
    places = range(len(entries))
    parts = chain.from_iterable(combinations(places, n) for n in range(len(entries) + 1))
    stopped = 0
    for part in parts:
        shown = [entries[n] for n in part]
        count = taken_in(told.vault, rehead(shown))
        assert builds_on_nothing_missing(told.log, shown[:count]), part
        stopped += count < len(shown)
    assert stopped > 2 ** len(entries) / 2


async def test_each_entry_that_is_withheld_stops_the_device_or_is_the_last_of_its_author(
    told, tmp_path
):
    entries = [frame.entry for frame in told.log]
    for withheld in range(len(entries)):
        root = tmp_path / str(withheld)
        root.mkdir()
        async with newcomer(told, root, "cat") as (_, cat):
            shown = rehead(entries[:withheld] + entries[withheld + 1 :])
            count = taken_in(told.vault, shown)
            cat.wire.show_log(shown)
            await cat.start()
            with trio.fail_after(20):
                outcome = await cat.engine.settle()
                while not (outcome.in_sync or cat.alarm):
                    outcome = await cat.engine.settle()
            texts = cat.hands.texts()
            if count < len(shown):
                assert cat.alarm.kind is AlarmKind.FORK
                assert cat.engine.status().state == "attention"
            else:
                assert withheld == len(entries) - 1
            assert set(texts.values()) <= {"by ann", "newer, by bob", "unheard by ann",
                                           "unheard by bob", "after the delete"}  # fmt: skip
            cat.wire.honest()
            await cat.engine.alarms.end()
            await cat.settle()
            assert cat.hands.texts() == told.tree


async def test_a_delete_that_is_withheld_leaves_the_file_and_what_follows_it_is_refused(tmp_path):
    async with scene(tmp_path, "ann", "bob") as stage:
        ann, bob = stage.members
        ann.hands.write("gone", "soon")
        await stage.settle()
        before = stage.frames()
        bob.wire.show_log(before)
        ann.hands.delete("gone")
        await ann.settle()
        delete = stage.frames()[len(before) :]
        await bob.settle()
        assert bob.hands.texts() == {"gone": "soon"}
        ann.hands.write("after", "the delete")
        await ann.settle()
        after = [frame.entry for frame in stage.frames()[len(before) + len(delete) :]]
        bob.wire.honest()
        bob.wire.show_log(rehead([frame.entry for frame in before] + after))
        with trio.fail_after(20):
            while bob.alarm is None:
                await bob.engine.settle()
        assert bob.hands.texts() == {"gone": "soon"}
        bob.wire.honest()
        await bob.engine.alarms.end()
        await bob.settle()
        assert bob.hands.texts() == {"after": "the delete"}


async def test_whoever_is_promised_more_than_it_is_given_says_so(told, tmp_path):
    async with newcomer(told, tmp_path, "cat") as (_, cat):

        def promise(answer):
            if answer.path.endswith("/log"):
                answer.body, answer.headers["cozysync-end"] = b"", "1000000"

        cat.wire.tamperers.append(promise)
        await cat.start()
        with trio.fail_after(20):
            while "holds back" not in (cat.engine.status().server.trouble or ""):  # noqa: ASYNC110
                await trio.sleep(0.02)
        assert cat.engine.status().state == "offline"
        assert cat.hands.texts() == {}


class Swallowing:
    """A server that takes a device's entries, says where they are, and shows a log without them.

    From the first of them on, the log that it shows goes on with `in_its_place`.
    """

    def __init__(self, wire, frames):
        self.frames, self.in_its_place, self.taken = list(frames), [], 0
        wire.tamperers.append(self._swallow)
        wire.show_log(self.frames)

    def _swallow(self, answer):
        if answer.method == "POST" and answer.path.endswith("/log") and answer.status == 200:
            count = len(Appended.decode(answer.body).positions)
            end = len(self.frames)
            places = tuple((Position(end + n + 1), bytes(32)) for n in range(count))
            answer.body = Appended(places).encode()
            self.taken += count
            self.frames += self.in_its_place
            self.in_its_place = []


@pytest.fixture
async def swallowed(tmp_path, monkeypatch):
    """Bob, whose server swallows what he writes, and ann beside him."""
    monkeypatch.setattr("cozysync.sync.pull.WAIT_S", 0)
    async with scene(tmp_path, "ann", "bob") as stage:
        ann, bob = stage.members
        ann.hands.write("kept", "by ann")
        await stage.settle()
        server = Swallowing(bob.wire, stage.frames())
        bob.hands.write("mine", "swallowed")
        yield stage, ann, bob, server


async def test_a_device_whose_entry_was_taken_and_is_not_shown_is_not_in_sync(swallowed):
    stage, ann, bob, server = swallowed
    outcome = await bob.engine.settle()
    assert not outcome.in_sync
    assert server.taken > 1  # it was sent again: a server that had merely lost it would have it now
    assert bob.alarm.kind in (AlarmKind.FORK, AlarmKind.ROLLBACK)
    assert bob.engine.status().state == "attention"
    assert bob.hands.texts() == {"kept": "by ann", "mine": "swallowed"}
    bob.wire.honest()
    await bob.engine.alarms.end()
    await stage.settle()
    assert ann.hands.texts() == bob.hands.texts() == {"kept": "by ann", "mine": "swallowed"}


async def test_a_device_that_nobody_asks_notices_it_too(swallowed):
    _, _, bob, _ = swallowed
    await bob.look()
    with trio.fail_after(30):
        await bob.engine.alarms.until(standing=True)
    assert bob.alarm.kind in (AlarmKind.FORK, AlarmKind.ROLLBACK)


async def test_a_log_that_goes_on_without_an_entry_that_was_taken_is_noticed(swallowed):
    stage, ann, bob, server = swallowed
    before = stage.frames()
    ann.hands.write("after", "in its place")
    await ann.settle()
    server.in_its_place = stage.frames()[len(before) :]
    assert server.in_its_place
    await bob.look()
    with trio.fail_after(30):
        await bob.engine.alarms.until(standing=True)
    assert bob.alarm.kind is AlarmKind.FORK
    assert bob.hands.texts()["mine"] == "swallowed"
