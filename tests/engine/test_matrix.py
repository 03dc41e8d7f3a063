"""The matrix through whole engines that were cut off from each other, in memory."""

import pytest
import trio

from tests.suites.fleet import fleet
from tests.suites.matrix import BASE, ROWS


@pytest.mark.parametrize("apart", ["unplugged", "stopped"])
@pytest.mark.parametrize("count", [2, 3], ids=["two devices", "three devices"])
@pytest.mark.parametrize("a_first", [True, False], ids=["A first", "B first"])
async def test_the_matrix(tmp_path, a_first, count, apart):
    """All rows in a directory each: what they have in common, a fleet, is the costly part."""
    async with fleet(tmp_path, *("ann", "bob", "eve")[:count]) as devices:
        with trio.fail_after(120):
            ann, bob, *_ = devices.members
            for n in range(len(ROWS)):
                for path in (f"{n}", f"{n}/d", f"{n}/e"):
                    ann.hands.mkdir(path)
                for path, text in BASE.items():
                    ann.hands.write(f"{n}/{path}", text)
            await devices.settle()
            await take_apart(devices.members, apart)
            for who, deed in ((ann, "a"), (bob, "b")) if a_first else ((bob, "b"), (ann, "a")):
                for n, row in enumerate(ROWS):
                    getattr(row, deed)(Within(who.hands, f"{n}/"))
                devices.now.pass_hours(1)
                if apart == "unplugged":
                    await who.look()
            await bring_together(devices.members if a_first else devices.members[::-1], apart)
            shown = await devices.settle()
    wrong = {}
    for n, row in enumerate(ROWS):
        start = f"{n}/"
        found = {p.removeprefix(start): t for p, t in shown.items() if p.startswith(start)}
        if not row.holds(found):
            wrong[row.name] = found
    assert not wrong


async def take_apart(members, apart):
    for member in members:
        if apart == "unplugged":
            member.remote.unplug()
        else:
            await member.stop()


async def bring_together(members, apart):
    """One after the other: the last one hears of everything before it looks at its own disk."""
    for member in members:
        if apart == "unplugged":
            member.remote.plug()
        else:
            await member.start()
            await member.settle()


class Within:
    """Hands in a directory of the folder."""

    def __init__(self, hands, place):
        self._hands, self._place = hands, place

    def __getattr__(self, deed):
        return lambda *paths: getattr(self._hands, deed)(*self._placed(deed, paths))

    def _placed(self, deed, paths):
        if deed == "write":
            return self._place + paths[0], paths[1]
        return [self._place + path for path in paths]
