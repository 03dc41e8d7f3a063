"""A large file comes window by window, one while another is written; all keep their places."""

import random

import pytest

from cozysync.sync import download, intake, staging
from tests.suites.fleet import fleet


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setattr(download, "WINDOW", 300_000)
    monkeypatch.setattr(staging, "WINDOW", 300_000)


def lines(chance, count):
    return "".join(f"{chance.random()}\n" for _ in range(count))


async def test_a_file_of_many_windows_comes_whole_and_so_does_an_insertion(tmp_path):
    async with fleet(tmp_path, "ann", "bob") as people:
        ann, bob = people.members
        text = lines(random.Random(1), 200_000)
        assert len(text) > 10 * download.WINDOW
        ann.hands.write("large", text)
        assert await people.settle() == {"large": text}
        half = len(text) // 2
        changed = text[:half] + "inserted\n" + text[half:]
        bob.hands.write("large", changed)
        assert await people.settle() == {"large": changed}


async def test_a_pack_that_is_lost_in_the_middle_is_told_and_spoils_nothing(tmp_path):
    async with fleet(tmp_path, "ann", "bob") as people:
        ann, bob = people.members
        text = lines(random.Random(2), 200_000)
        bob.remote.unplug()
        ann.hands.write("large", text)
        ann.hands.write("small", "still arrives")
        await ann.settle()
        packs = people.server.packs
        lost = sorted(packs)[len(packs) // 2]
        kept = packs.pop(lost)
        ann.remote.unplug()  # or she would send it anew
        bob.remote.plug()
        settled = await bob.engine.settle()
        assert not settled.in_sync
        assert bob.hands.texts() == {"small": "still arrives"}
        packs[lost] = kept
        ann.remote.plug()
        assert await people.settle() == {"large": text, "small": "still arrives"}


async def test_files_are_told_of_in_portions_so_that_the_other_side_begins_before_the_last(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(intake, "BYTES_PER_ENTRY", 20_000)
    async with fleet(tmp_path, "ann", "bob") as people:
        ann, _ = people.members
        await people.settle()
        before = await ann.remote.end()
        texts = {f"{n}": lines(random.Random(n), 250) for n in range(12)}
        texts["larger than a portion"] = lines(random.Random(99), 2_000)
        for name, text in texts.items():
            ann.hands.write(name, text)
        await ann.engine.settle()
        assert (await ann.remote.end()).position >= before.position + 3
        assert await people.settle() == texts
