"""Entries that come in at once: one flush for all of them, and each has the answer of its own."""

import time

import pytest
import trio
import trio.testing

from cozysync.server import appends
from cozysync.server.appends import Appends
from cozysync.server.failures import Refusal
from cozysync.server.quota import Quota
from cozysync.server.turns import Turns
from cozysync_protocol import ErrorCode, ProtocolError, decode_entry, encode_entry
from tests.unit.protocol.logs import ANN, VAULT
from tests.unit.server.kept import Kept


class Crowd:
    """Takes in entries while somebody else has the turn, so that all of them wait for one."""

    def __init__(self, root):
        self.kept = Kept(root / "data", entries=1)
        self.store = self.kept.store
        self.commits = 0
        self.held = trio.Event()
        quota = Quota(None, lambda _: 0, time.time)
        self.turns = Turns(self._offload)
        self.appends = Appends(self.store, quota, self.turns)
        self.store._connection.set_trace_callback(self._trace)

    def _trace(self, statement):
        self.commits += statement == "COMMIT"

    async def _offload(self, work):
        await self.held.wait()
        return work()

    async def take(self, entry, vault=VAULT, verified=0):
        return await self.appends.take(vault, [encode_entry(entry)], verified)

    async def all(self, *takes):
        """What came of each, in order: places, or the error."""
        outcomes = {}

        async def one(n, take):
            try:
                outcomes[n] = await take
            except (Refusal, ProtocolError) as error:
                outcomes[n] = error

        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.turns.take, lambda: None)
            await trio.testing.wait_all_tasks_blocked()
            for n, take in enumerate(takes):
                nursery.start_soon(one, n, take)
                await trio.testing.wait_all_tasks_blocked()
            self.held.set()
        return [outcomes[n] for n in range(len(takes))]


@pytest.fixture
def crowd(tmp_path):
    crowd = Crowd(tmp_path)
    yield crowd
    crowd.store.close()


async def test_what_waits_together_is_flushed_once(crowd):
    entries = [crowd.kept.log.append(ANN, body=b"%d" % n) for n in range(8)]
    before, commits = crowd.store.state(VAULT).position, crowd.commits
    outcomes = await crowd.all(*(crowd.take(entry) for entry in entries))
    assert [places[0][0] for places in outcomes] == [before + n for n in range(1, 9)]
    assert crowd.commits == commits + 1
    frames = crowd.store.read(VAULT, before, 100, 1 << 20)
    assert [decode_entry(frame.entry) for frame in frames] == entries


async def test_one_that_is_refused_takes_nothing_of_the_others_away(crowd):
    log = crowd.kept.log
    first, bad = log.append(ANN, body=b"first"), log.entry(ANN, body=b"bad", sequence=99)
    second = log.append(ANN, body=b"second")
    before = crowd.store.state(VAULT).position
    outcomes = await crowd.all(
        crowd.take(first), crowd.take(bad), crowd.take(first, vault=bytes(16)), crowd.take(second)
    )
    assert outcomes[0][0][0] == before + 1
    assert isinstance(outcomes[1], ProtocolError)
    assert outcomes[2].problem.code is ErrorCode.NOT_FOUND
    assert outcomes[3][0][0] == before + 2
    assert crowd.store.state(VAULT).position == before + 2


async def test_a_full_disk_is_told_to_all_of_them_and_nothing_is_taken(crowd, monkeypatch):
    entries = [crowd.kept.log.append(ANN, body=b"%d" % n) for n in range(3)]
    before = crowd.store.state(VAULT)

    def full(additions):
        raise Refusal(ErrorCode.STORAGE_FULL, "the server's disk is full")

    monkeypatch.setattr(crowd.store, "append_all", full)
    outcomes = await crowd.all(*(crowd.take(entry) for entry in entries))
    assert [error.problem.code for error in outcomes] == [ErrorCode.STORAGE_FULL] * 3
    monkeypatch.undo()
    assert crowd.store.state(VAULT) == before
    assert (await crowd.take(entries[0]))[0][0] == before.position + 1


async def test_more_than_one_transaction_holds_is_taken_all_the_same(crowd, monkeypatch):
    monkeypatch.setattr(appends, "MOST_BYTES", 1500)
    entries = [crowd.kept.log.append(ANN, body=bytes(700)) for _ in range(6)]
    commits = crowd.commits
    outcomes = await crowd.all(*(crowd.take(entry) for entry in entries))
    assert len({places[0][0] for places in outcomes}) == 6
    assert 1 < crowd.commits - commits <= 6


async def test_who_has_gone_is_not_taken_along(crowd):
    log = crowd.kept.log
    gone, entry = log.entry(ANN, body=b"gone"), log.append(ANN, body=b"stays")
    before = crowd.store.state(VAULT).position
    async with trio.open_nursery() as nursery:
        nursery.start_soon(crowd.turns.take, lambda: None)
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(0.01):
            await crowd.take(gone)
        crowd.held.set()
    assert (await crowd.take(entry))[0][0] == before + 1
    assert decode_entry(crowd.store.read(VAULT, before, 9, 1 << 20)[0].entry) == entry
