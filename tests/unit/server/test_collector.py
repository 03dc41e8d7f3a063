"""When the server looks, and whom it waits for."""

import trio

from cozysync.server.collection import DAY_S, Keeping
from cozysync.server.collector import Collector
from cozysync.server.turns import Turns
from tests.unit.protocol.logs import ANN, BOB
from tests.unit.server.test_collection import Site

GRACE_DAYS = 7
HOUR_S = 3600


async def at_once(work):
    await trio.lowlevel.checkpoint()
    return work()


class Running:
    """A server on which time passes, with a collector that may be started again."""

    def __init__(self, data, nursery):
        self.site = Site(data, Keeping(GRACE_DAYS * DAY_S, 30 * DAY_S))
        self._nursery = nursery
        self._scope = None

    async def start(self):
        site = self.site
        collector = Collector(site.collection, site.store, Turns(at_once), lambda: site.now, HOUR_S)
        self._scope = trio.CancelScope()

        async def run():
            with self._scope:
                await collector.run()

        self._nursery.start_soon(run)
        await trio.sleep(1)

    def stop(self):
        self._scope.cancel()

    async def pass_days(self, days):
        """Hour by hour; the clock on the wall goes along."""
        for _ in range(int(days * 24)):
            self.site.now += HOUR_S
            await trio.sleep(HOUR_S)


async def test_what_was_sent_before_the_server_went_down_may_still_be_named(
    tmp_path, autojump_clock
):
    async with trio.open_nursery() as nursery:
        running = Running(tmp_path, nursery)
        site = running.site
        await running.start()
        site.read_by(ANN, BOB)
        pack = site.put()
        running.stop()
        site.now += 10 * DAY_S
        await running.start()
        await running.pass_days(0.5)
        assert site.has(pack)
        site.read_by(ANN, BOB)
        await running.pass_days(1 / 24)
        site.add(ANN, packs=(pack,))  # no `unknown-pack`
        nursery.cancel_scope.cancel()


async def test_one_who_is_away_keeps_what_it_has_sent_as_long_as_it_is_active(
    tmp_path, autojump_clock
):
    async with trio.open_nursery() as nursery:
        running = Running(tmp_path, nursery)
        site = running.site
        site.read_by(ANN, BOB)
        pack = site.put()
        await running.start()
        for _ in range(20):
            site.read_by(BOB)
            await running.pass_days(1)
        assert site.has(pack)
        for _ in range(12):
            site.read_by(BOB)
            await running.pass_days(1)
        assert not site.has(pack)
        nursery.cancel_scope.cancel()


async def test_packs_of_nobody_go_when_all_have_come_for_long_enough(tmp_path, autojump_clock):
    async with trio.open_nursery() as nursery:
        running = Running(tmp_path, nursery)
        site = running.site
        pack = site.put()
        await running.start()
        for _ in range(GRACE_DAYS + 1):
            site.read_by(ANN, BOB)
            await running.pass_days(1)
        assert not site.has(pack)
        nursery.cancel_scope.cancel()
