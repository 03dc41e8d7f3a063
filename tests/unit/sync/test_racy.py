"""A file that changes twice within one tick of its disk's clock looks the same both times."""

import pytest

from tests.unit.sync.desks import put, sitting


@pytest.mark.usefixtures("autojump_clock")
@pytest.mark.parametrize("known", [False, True], ids=["a new file", "a known file"])
async def test_a_second_edit_within_the_tick_of_the_first_is_seen(tmp_path, known):
    now_ns = [1_793_600_000_000_000_000]
    with sitting(tmp_path, lambda: now_ns[0]) as (desk, person, _):
        put(person, b"a", b"zero")
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
