"""Row 4, from the server to the disk: the chunks of a file reordered, dropped, doubled or cut.

What `test_bytes` shows of all 256 arrangements of four chunks where they are opened, this shows
of whole devices: no byte of a file that was put together wrongly ever comes into a folder, the
file is named, and it comes as soon as the server gives what it was given.
"""

import itertools

import pytest

from tests.attacks.flips import EVERY
from tests.attacks.hostile import scene
from tests.attacks.test_06_repair import at_once, until_settled  # noqa: F401

PIECE = 5000
# Four chunks that weigh the same, so that no length tells one from another.
TEXT = "".join(letter * PIECE for letter in "abcd")


@pytest.fixture(autouse=True)
def in_four_chunks(monkeypatch):
    def cut(file, _size):
        while piece := file.read(PIECE):
            yield piece

    monkeypatch.setattr("cozysync.content.ingest.chunks_of", cut)


def arrangements():
    """Which chunk is sent in the place of each, None for one that is cut off: all but the right."""
    right = tuple(range(4))
    reordered = [each for each in itertools.permutations(right) if each != right]
    doubled = [(*right[:at], n, *right[at + 1 :]) for at in right for n in right if n != at]
    dropped = [right[:at] + right[at + 1 :] for at in right]
    cut = [right[:at] for at in right]
    if EVERY:
        doubled = [each for each in itertools.product(right, repeat=4) if each != right]
    return [*reordered, *doubled, *dropped, *cut]


def rearranged(chunks, arrangement):
    """A tamperer that sends the stored chunks so, wherever a device asks for some of their pack."""

    def tamper(answer):
        if answer.method == "GET" and "/packs/" in answer.path and answer.status < 300:
            said = answer.headers.get("content-range", "bytes 0-").removeprefix("bytes ")
            start = int(said.partition("-")[0])
            stored = [answer.body[at - start : at - start + length] for at, length in chunks]
            tamper.asked += 1
            answer.body = b"".join(stored[n] for n in arrangement)[: len(answer.body)]

    tamper.asked = 0
    return tamper


async def test_no_arrangement_of_chunks_comes_into_a_folder(tmp_path):
    async with scene(tmp_path, "ann", "bob") as stage:
        ann, bob = stage.members
        await stage.settle()
        ann.hands.write("four", TEXT)
        await bob.stop()
        await ann.settle()
        known = [each for _, each in ann.engine.replica.chunks.after((0, 0), 9)]
        await ann.stop()  # nobody sends it anew
        assert len(known) == 4
        assert len({each.length for each in known}) == 1
        chunks = [(each.offset, each.length) for each in known]
        await bob.start()
        for arrangement in arrangements():
            bob.wire.honest()
            tamper = rearranged(chunks, arrangement)
            bob.wire.tamperers.append(tamper)
            outcome = await bob.engine.settle()
            assert tamper.asked
            assert not outcome.in_sync
            assert "four" in outcome.reasons[0]
            assert bob.hands.texts() == {}, arrangement
        assert bob.engine.status().state == "attention"
        bob.wire.honest()
        await until_settled(bob)
        assert bob.hands.texts() == {"four": TEXT}
