"""Row 23: a wrong code, a second guess, a replay, and a server between the two that pair.

`unit/vault/test_pairing` shows it of the messages; this of whole devices, over the mailbox of a
server that sees and changes all: nobody comes in who does not know the code.
"""

from functools import partial

import pytest
import trio

from cozysync.sync import enrol
from cozysync.sync.home import Home
from cozysync.sync.http_remote import HttpRemote
from cozysync.sync.seams import real_seams
from cozysync.vault import CozyError, Join, Offer, WrongCode, new_code, parse_code
from tests.attacks.hostile import URL, Wire, scene

PLACES = [("offer", 0), ("join", 0), ("offer", 1), ("join", 1), ("offer", 2)]


@pytest.fixture
async def stage(tmp_path):
    async with scene(tmp_path, "ann") as stage:
        await stage.settle()
        yield stage


class Meeting:
    """Ann, who shows a code, and a newcomer, each at a line of its own."""

    def __init__(self, stage, monkeypatch, root):
        self.stage, self.home = stage, Home.at(root / "newcomer")
        self.ann, self.newcomer = stage.members[0].wire, Wire(stage.server.app())
        monkeypatch.setattr(enrol, "HttpRemote", partial(HttpRemote, transport=self.newcomer))
        self.before = stage.frames()
        self.failed = {}

    def reader_of(self, side):
        """The line of whoever reads what this side says."""
        return self.newcomer if side == "offer" else self.ann

    async def begin(self):
        self.offering = await self.stage.members[0].engine.pair()
        return parse_code(self.offering.code)

    async def hold(self, code):
        """Both sides go on to their ends; what each failed with stands in `failed`."""

        async def offer():
            try:
                await self.offering.finished()
            except CozyError as error:
                self.failed["offer"] = error
                nursery.cancel_scope.cancel()

        async def join():
            try:
                await enrol.join(self.home, code, "newcomer", real_seams(), lambda _: None)
            except CozyError as error:
                self.failed["join"] = error
                nursery.cancel_scope.cancel()

        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(offer)
                nursery.start_soon(join)

    def is_over(self):
        """Nobody came in, and the mailbox is worth nothing any more."""
        assert self.failed
        assert all(isinstance(error, CozyError) and error.remedy for error in self.failed.values())
        assert not self.home.has_vault


def changing(side, index, change):
    """Change a message where it is handed out."""

    def tamper(answer):
        asked = answer.method, answer.path.rpartition("/mailbox/")[2].partition("/")[2]
        if asked == ("GET", f"{side}/{index}") and answer.status == 200:
            answer.body = change(answer.body)

    return tamper


async def test_an_honest_server_lets_them_meet(stage, tmp_path, monkeypatch):
    meeting = Meeting(stage, monkeypatch, tmp_path)
    await meeting.hold(await meeting.begin())
    assert not meeting.failed
    assert meeting.home.has_vault
    assert len(stage.frames()) == len(meeting.before) + 1


async def test_who_guesses_has_one_guess(stage, tmp_path, monkeypatch):
    meeting = Meeting(stage, monkeypatch, tmp_path)
    code = await meeting.begin()
    guessed = new_code(URL, code.mailbox)
    await meeting.hold(guessed)
    assert isinstance(meeting.failed["offer"], WrongCode)
    meeting.is_over()
    assert stage.frames() == meeting.before
    # The right words come too late, and so does another guess.
    for again in (code, new_code(URL, code.mailbox)):
        with pytest.raises(enrol.NobodyWaits):
            await enrol.join(meeting.home, again, "newcomer", real_seams(), lambda _: None)


def flip(message):
    return message[:-1] + bytes([message[-1] ^ 1])


@pytest.mark.parametrize(("side", "index"), PLACES)
async def test_a_message_that_was_changed_or_is_of_another_pairing_ends_it(
    stage, tmp_path, monkeypatch, side, index
):
    earlier, said = Meeting(stage, monkeypatch, tmp_path / "earlier"), []
    earlier.reader_of(side).tamperers.append(changing(side, index, lambda m: said.append(m) or m))
    await earlier.hold(await earlier.begin())
    assert said
    for n, change in enumerate([flip, lambda _: said[0]]):
        meeting = Meeting(stage, monkeypatch, tmp_path / str(n))
        line = meeting.reader_of(side)
        line.honest()
        line.tamperers.append(changing(side, index, change))
        await meeting.hold(await meeting.begin())
        meeting.is_over()
        line.honest()
        # Enrolled is at most who proved to know the code, and never heard that it is in.
        assert len(stage.frames()) - len(meeting.before) == (index == 2)


async def test_a_server_that_runs_both_sides_itself_comes_between_nobody(
    stage, tmp_path, monkeypatch
):
    meeting = Meeting(stage, monkeypatch, tmp_path)
    code = await meeting.begin()
    guessed = new_code(URL, code.mailbox)
    to_newcomer, to_ann = Offer(guessed), Join(guessed)
    element = to_newcomer.start()
    meeting.newcomer.tamperers.append(changing("offer", 0, lambda _: element))
    meeting.ann.tamperers.append(changing("join", 0, lambda _: to_ann.answer(offered)))
    offered = await stage.members[0].remote.collect(code.mailbox, "offer", 0, 0)
    await meeting.hold(code)
    assert isinstance(meeting.failed["offer"], WrongCode)
    meeting.is_over()
    assert stage.frames() == meeting.before
