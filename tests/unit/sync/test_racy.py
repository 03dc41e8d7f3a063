"""A file that changes twice within one tick of its disk's clock looks the same both times."""

import pytest

from cozysync.disk import ASIDE, PRIVATE, STAGING, TRASH
from cozysync.vault import DeviceKeys, RootKeys, create_vault, new_phrase
from tests.simulation.desk import Desk
from tests.suites.memory_disk import FileSystem, MemoryDisk


@pytest.mark.usefixtures("autojump_clock")
@pytest.mark.parametrize("known", [False, True], ids=["a new file", "a known file"])
async def test_a_second_edit_within_the_tick_of_the_first_is_seen(tmp_path, known):
    now_ns = [1_793_600_000_000_000_000]
    device = DeviceKeys.generate()
    keys = device, create_vault(RootKeys.from_phrase(new_phrase()), device, "ann").keys
    files = FileSystem(lambda: now_ns[0])
    person = MemoryDisk(files, "ann")
    for path in (PRIVATE, STAGING, ASIDE, TRASH):
        person.mkdir(path)
    desk = Desk(tmp_path / "live.db", files, keys, lambda: now_ns[0])
    try:
        with person.create(b"a") as file:
            file.write(b"zero")
        if known:
            now_ns[0] += 10**9
            await desk.intake.take()
            now_ns[0] += 10**9
        person.overwrite(b"a", b"one!")
        desk.intake.mark([b""])
        await desk.intake.take()
        assert desk.data(desk.node(b"a")) == b"one!"
        before = person.lstat(b"a")
        person.overwrite(b"a", b"two!")
        assert person.lstat(b"a") == before, "the disk's clock has moved on"
        desk.intake.mark([b""])
        await desk.intake.take()
        assert desk.data(desk.node(b"a")) == b"two!"
        now_ns[0] += 10**9
        desk.intake.mark(None)
        await desk.intake.take()
        assert not desk.index.row(desk.node(b"a")).racy, "it would be read for ever"
    finally:
        desk.close()
