"""A device that is killed while a phone writes: what was answered stays, and no rubbish does."""

import shutil

import pytest
import trio

from cozysync.gateway.engine_view import view_of
from cozysync.gateway.keeper import Keeper
from cozysync.replica import Spool
from cozysync.sync.ledger import Ledger
from cozysync.sync.own_entries import OwnEntries
from tests.suites.fleet import fleet
from tests.suites.memory_server import MemoryRemote
from tests.suites.view_contract import content, names, put

TEXT = b"".join(b"%d\n" % (n * n * 7919) for n in range(60_000))


class Kill:
    """At an instant of some function, keeps the home as it is just then, and cuts the line.

    What happens afterwards happens to a home that is thrown away.
    """

    def __init__(self, monkeypatch, member, owner, name, *, done=False):
        self._member, self._done = member, done
        self._home, self._kept = member._home.root, member._home.root.with_name("kept")
        self._original = getattr(owner, name)
        self.is_armed = self.has_struck = False
        monkeypatch.setattr(owner, name, lambda *args, **named: self._called(*args, **named))

    def _called(self, *args, **named):
        if not self._done:
            self._strike()
        result = self._original(*args, **named)
        self._strike()
        return result

    def _strike(self):
        if self.is_armed:
            self.is_armed = False
            shutil.copytree(self._home, self._kept)
            self._member.remote._plugged = trio.Event()  # from any thread
            self.has_struck = True

    async def restart(self):
        await self._member.stop()
        shutil.rmtree(self._home)
        self._kept.rename(self._home)
        self._member.remote.plug()
        await self._member.start()


def spooled(member):
    return [path.name for path in member._home.root.glob("spool/*")]


@pytest.fixture(autouse=True)
def small_packs(monkeypatch):
    monkeypatch.setattr("cozysync.gateway.index.SYNCHRONOUS", "OFF")
    monkeypatch.setattr("cozysync.content.ingest.PACK_SIZE", 1 << 16)


@pytest.mark.parametrize("instant", [(Spool, "put"), (OwnEntries, "seal")])
async def test_a_write_that_a_kill_broke_off_leaves_nothing(tmp_path, monkeypatch, instant):
    async with fleet(tmp_path, "ann") as people:
        [ann] = people.members
        kill = Kill(monkeypatch, ann, *instant, done=True)
        ann.remote.unplug()
        await ann.until(lambda: not ann.engine.link.reachable)
        async with view_of(ann.engine) as view, trio.open_nursery() as nursery:
            kill.is_armed = True
            nursery.start_soon(put, view, "/work/f", TEXT)
            await ann.until(lambda: kill.has_struck)
            nursery.cancel_scope.cancel()
        assert any(kill._kept.glob("spool/*"))
        await kill.restart()
        assert spooled(ann) == []
        await ann.settle()
        async with view_of(ann.engine) as view:
            assert await names(view, "/work") == []
            await put(view, "/work/f", TEXT)
        assert await people.settle() == {"f": TEXT.decode()}
        assert spooled(ann) == []


@pytest.mark.parametrize(
    "instant",
    [
        (Keeper, "let_go"),
        (MemoryRemote, "put_pack"),
        (MemoryRemote, "append"),
        (Ledger, "acknowledge"),
        (Spool, "discard"),
    ],
)
async def test_what_was_authored_arrives_whenever_the_kill_comes(tmp_path, monkeypatch, instant):
    async with fleet(tmp_path, "ann", "bob") as people:
        ann = people.members[0]
        await people.settle()
        kill = Kill(monkeypatch, ann, *instant)
        ann.remote.unplug()
        await ann.until(lambda: not ann.engine.link.reachable)
        async with view_of(ann.engine) as view, trio.open_nursery() as nursery:
            kill.is_armed = instant == (Keeper, "let_go")
            nursery.start_soon(put, view, "/work/f", TEXT)
            await ann.until(ann.engine.replica.outbox.count)
            if instant != (Keeper, "let_go"):
                await ann.until(lambda: not list(view.staging.iterdir()))
                kill.is_armed = True
                ann.remote.plug()
            await ann.until(lambda: kill.has_struck)
            nursery.cancel_scope.cancel()
        await kill.restart()
        assert await people.settle() == {"f": TEXT.decode()}
        assert spooled(ann) == []
        async with view_of(ann.engine) as view:
            assert await content(view, "/work/f") == TEXT
        assert not people.server.lost


async def test_a_database_that_is_set_aside_keeps_its_spool(tmp_path):
    async with fleet(tmp_path, "ann") as people:
        [ann] = people.members
        ann.remote.unplug()
        await ann.until(lambda: not ann.engine.link.reachable)
        async with view_of(ann.engine) as view:
            await put(view, "/work/f", TEXT)
        packs = spooled(ann)
        await ann.stop()
        harm = ann._home.database
        harm.write_bytes(b"\x7f" * harm.stat().st_size)
        ann.remote.plug()
        await ann.start()
        await ann.settle()
        (aside,) = ann._home.root.glob("set-aside-*")
        assert sorted(path.name for path in aside.glob("spool/*")) == sorted(packs)
        assert spooled(ann) == []
