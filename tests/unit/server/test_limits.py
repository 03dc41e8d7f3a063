"""Who asks too often, too much, or too slowly is told so; everybody else is served."""

import hashlib

import httpx
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from cozysync.server.failures import Refusal
from cozysync.server.gate import SMALL
from cozysync.server.limits import Limits
from cozysync.server.quota import COUNT_EVERY_S, ENTRIES_BEYOND
from cozysync.server.rates import Places, Rates
from cozysync_protocol import (
    MAX_PACK_LIST,
    ErrorCode,
    GivenBack,
    LogFrame,
    PackList,
    Problem,
    encode_entry,
)
from tests.suites.served import served
from tests.unit.protocol.logs import ANN, BOB, VAULT, added

MIB = 1 << 20


async def inline(work):
    """No threads: a clock that jumps would not wait for them."""
    await trio.lowlevel.checkpoint()
    return work()


def code_of(answer):
    return Problem.decode(answer.content).code


@given(st.lists(st.floats(0, 0.4), min_size=1, max_size=200))
def test_nobody_gets_more_than_the_rate_and_one_burst(pauses):
    rates, now, taken = Rates(10, 5), 0.0, []
    for pause in pauses:
        now += pause
        try:
            rates.take("ann", now)
        except Refusal as refusal:
            rates.take("bob", now + len(pauses) * 10)  # others are not held up
            Rates(10, 5).take("ann", now)
            with pytest.raises(Refusal):
                rates.take("ann", now)
            rates.take("ann", now + refusal.retry_after_s)
            return
        taken.append(now)
        assert len(taken) <= 5 + 10 * (now - taken[0]) + 1e-6


def test_only_so_many_askers_are_remembered(monkeypatch):
    monkeypatch.setattr("cozysync.server.rates._MOST_ASKERS", 100)
    rates = Rates(1, 1)
    for number in range(1000):
        rates.take(number, 0.0)
    assert len(rates._used_until) == 100


def test_a_place_is_given_back_whatever_happens():
    places = Places(2, 3, "things")
    for _ in range(10):
        with places.hold("ann"), places.hold("ann"):
            with pytest.raises(Refusal), places.hold("ann"):
                pass
            with places.hold("bob"), pytest.raises(Refusal), places.hold("eve"):
                pass
        with pytest.raises(ZeroDivisionError), places.hold("ann"):
            raise ZeroDivisionError
    assert places.taken == 0


async def test_a_device_that_runs_wild_is_told_when_to_come_back_and_others_are_served():
    async with served(limits=Limits(device_rate=1, device_burst=20)) as here:
        await here.append(here.log.append(ANN, added(BOB)))
        await here.open_session(BOB)
        for _ in range(30):
            answer = await here.ask("GET", "/log")
        assert answer.status_code == 429
        assert code_of(answer) is ErrorCode.TOO_MANY
        assert int(answer.headers["retry-after"]) >= 1
        assert (await here.ask("GET", "/log", who=BOB)).status_code == 200
        assert (await here.client.get("/metrics", headers=here.headers())).status_code == 200


async def test_guessing_without_a_session_is_slowed_down_and_devices_are_served():
    async with served(limits=Limits(stranger_rate=1, stranger_burst=10)) as here:
        found = [await here.client.get("/v1/mailbox/1/offer/0") for _ in range(30)]
        assert [code_of(each) for each in found[-10:]] == [ErrorCode.TOO_MANY] * 10
        assert (await here.ask("GET", "/log")).status_code == 200


async def test_readers_that_wait_are_bounded(autojump_clock):
    async with (
        served(limits=Limits(device_waiting=3), offload=inline) as here,
        trio.open_nursery() as nursery,
    ):
        for _ in range(3):
            nursery.start_soon(here.ask, "GET", "/log?after=1&wait=60")
        await trio.testing.wait_all_tasks_blocked()
        answer = await here.ask("GET", "/log?after=1&wait=60")
        assert code_of(answer) is ErrorCode.TOO_MANY
        assert (await here.ask("GET", "/log?after=1")).status_code == 200
        told = (await here.client.get("/metrics")).text
        assert "cozysync_waiting_readers 3" in told
        here.server.stop_waiting()
    assert here.server._gate.waiting.taken == 0


async def test_small_appends_do_not_wait_for_the_places_of_large_ones(autojump_clock):
    async with (
        served(limits=Limits(all_appends=1, all_small_appends=1), offload=inline) as here,
        trio.open_nursery() as nursery,
    ):
        for length in (SMALL + 1, SMALL):
            request = here.client.build_request(
                "POST",
                here.vault + "/log",
                headers=here.headers() | {"content-length": str(length)},
            )
            request.stream = Drip([bytes(9)] * 3, 20)
            nursery.start_soon(here.client.send, request)
            await trio.testing.wait_all_tasks_blocked()
            gate = here.server._gate
            assert (gate.appends.taken, gate.small_appends.taken) == (1, int(length == SMALL))
            if length > SMALL:
                entry = here.log.append(ANN, body=b"small")
                assert (await here.append(entry)).status_code == 200
        # Both kinds are bounded, and who does not say how much comes has a large one's place.
        assert code_of(await here.append(entry)) is ErrorCode.TOO_MANY
        vague = here.headers() | {"transfer-encoding": "chunked"}
        request = here.client.build_request("POST", here.vault + "/log", headers=vague)
        request.stream = Drip([bytes(9)], 0)
        assert code_of(await here.client.send(request)) is ErrorCode.TOO_MANY
        nursery.cancel_scope.cancel()


class Drip(httpx.AsyncByteStream):
    """A body that comes piece by piece."""

    def __init__(self, pieces, pause_s):
        self._pieces, self._pause_s = iter(pieces), pause_s

    def __aiter__(self):
        return self

    async def __anext__(self):
        await trio.sleep(self._pause_s)
        for piece in self._pieces:
            return piece
        raise StopAsyncIteration


@pytest.mark.parametrize("pause", [29, 31], ids=["a drop now and then", "nothing at all"])
async def test_a_body_that_comes_too_slowly_is_given_up(autojump_clock, pause):
    async with served(offload=inline) as here:
        data = b"x" * 10_000
        name = hashlib.sha256(data).hexdigest()
        path, length = f"/packs/{name}", {"content-length": str(len(data))}
        request = here.client.build_request(
            "PUT", here.vault + path, headers=here.headers() | length
        )
        request.stream = Drip([bytes([each]) for each in data], pause)
        answer = await here.client.send(request)
        assert code_of(answer) is ErrorCode.TOO_SLOW
        assert answer.headers["connection"] == "close"
        assert not list(here.root.rglob(".*.part"))
        assert here.server._gate.uploads.taken == 0


async def test_a_slow_line_is_served(autojump_clock):
    async with served(offload=inline) as here:
        data = bytes(200 * 1024)
        name = hashlib.sha256(data).hexdigest()
        length = {"content-length": str(len(data))}
        request = here.client.build_request(
            "PUT", f"{here.vault}/packs/{name}", headers=here.headers() | length
        )
        request.stream = Drip([data[at : at + 1200] for at in range(0, len(data), 1200)], 1)
        assert (await here.client.send(request)).status_code == 204


async def test_a_full_vault_takes_no_pack_but_still_hears_what_makes_room():
    async with served(quota_bytes=3 * MIB) as here:
        first, answer = await here.put_pack(bytes(2 * MIB))
        assert answer.status_code == 204
        _, answer = await here.put_pack(b"x" * 2 * MIB)
        assert (answer.status_code, code_of(answer)) == (507, ErrorCode.VAULT_FULL)
        _, answer = await here.put_pack(bytes(2 * MIB))  # the one that is there
        assert answer.status_code == 204
        assert (await here.append(here.log.append(ANN, body=bytes(2 * MIB)))).status_code == 200
        here.packs.path(bytes.fromhex(here.vault[-32:]), first).unlink()
        here.clock.now_s += COUNT_EVERY_S
        _, answer = await here.put_pack(b"x" * (MIB // 2))
        assert answer.status_code == 204


async def test_uploads_at_one_time_share_what_is_left_and_give_it_back_when_they_fail():
    async with served(quota_bytes=3 * MIB) as here, trio.open_nursery() as nursery:
        codes = []

        async def upload(data):
            _, answer = await here.put_pack(data)
            codes.append(answer.status_code)

        for number in range(6):
            nursery.start_soon(upload, bytes([number]) * MIB)
        while len(codes) < 6:  # noqa: ASYNC110
            await trio.sleep(0.01)
        assert 1 <= codes.count(204) <= 3
        assert here.packs.used(bytes.fromhex(here.vault[-32:])) <= 3 * MIB
        for _ in range(5):
            answer = await here.ask("PUT", f"/packs/{bytes(32).hex()}", b"x" * MIB)
            assert code_of(answer) in (ErrorCode.WRONG_HASH, ErrorCode.VAULT_FULL)
        assert here.server._quota._coming.total() == 0


async def test_entries_have_a_bound_too(monkeypatch):
    monkeypatch.setattr("cozysync.server.quota.ENTRIES_BEYOND", MIB)
    assert ENTRIES_BEYOND > MIB
    async with served(quota_bytes=MIB) as here:
        answer = await here.append(here.log.append(ANN, body=bytes(MIB)))
        assert answer.status_code == 200
        before = here.held()
        answer = await here.append(here.log.entry(ANN, body=bytes(2 * MIB)))
        assert code_of(answer) is ErrorCode.VAULT_FULL
        assert here.held() == before


async def test_what_a_vault_keeps_is_counted_after_a_restart():
    async with served(quota_bytes=3 * MIB) as here:
        await here.put_pack(bytes(2 * MIB))
        again = type(here)(here.root, quota_bytes=3 * MIB)
        again.tokens = here.tokens
        _, answer = await again.put_pack(b"x" * 2 * MIB)
        await again.close()
        assert code_of(answer) is ErrorCode.VAULT_FULL


async def test_readiness_is_honest():
    async with served() as here:
        assert (await here.client.get("/readyz")).text == "ok\n"
        assert [path.name for path in (here.root / "packs").iterdir()] == []
        (here.root / "packs").rename(here.root / "away")
        assert (await here.client.get("/readyz")).status_code == 500
        (here.root / "away").rename(here.root / "packs")
        here.server.stop_waiting()
        answer = await here.client.get("/readyz")
        assert (answer.status_code, code_of(answer)) == (503, ErrorCode.UNAVAILABLE)
        assert (await here.client.get("/healthz")).status_code == 200


async def test_metrics_count_what_went_through():
    async with served() as here:
        before = figures((await here.client.get("/metrics")).text)
        await here.put_pack(bytes(1000))
        await here.append(here.log.append(ANN, body=b"x"))
        await here.ask("GET", "/nothing")
        after = figures((await here.client.get("/metrics")).text)
        assert after["cozysync_entries_appended_total"] == 1
        assert (
            after["cozysync_received_bytes_total"] > before["cozysync_received_bytes_total"] + 999
        )
        assert after['cozysync_answers_total{status="404"}'] == 1
        assert after["cozysync_requests_under_way"] == 1


def figures(text):
    """Prometheus' text format, read strictly."""
    found, kinds = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert kind in ("counter", "gauge")
            kinds[name] = kind
        else:
            name, value = line.rsplit(" ", 1)
            assert name.partition("{")[0] in kinds
            found[name] = float(value)
    return found


async def test_what_is_given_back_counts_and_has_the_same_bound(monkeypatch):
    monkeypatch.setattr("cozysync.server.quota.ENTRIES_BEYOND", 0)
    async with served(quota_bytes=MIB) as here:
        frames = []
        for _ in range(3):
            entry = here.log.append(ANN, body=bytes(MIB // 2))
            state = here.log.state
            frames.append(LogFrame(state.position, state.head, encode_entry(entry)))

        async def give(*some):
            body = GivenBack(frames[-1].position, some).encode()
            return await here.ask("POST", "/log/given-back", body)

        assert (await give(frames[0])).status_code == 200
        assert here.store.state(VAULT).position == frames[0].position
        # What is there already takes no room, and needs none.
        assert (await give(frames[0])).status_code == 200
        answer = await give(*frames)
        assert (answer.status_code, code_of(answer)) == (507, ErrorCode.VAULT_FULL)
        assert here.store.state(VAULT).position == frames[0].position
        # Counted without counting everything anew.
        answer = await here.ask("PUT", f"/packs/{bytes(32).hex()}", bytes(MIB // 2))
        assert code_of(answer) is ErrorCode.VAULT_FULL


async def test_a_stranger_does_not_learn_from_giving_whether_a_vault_is_full(monkeypatch):
    monkeypatch.setattr("cozysync.server.quota.ENTRIES_BEYOND", 0)
    async with served(quota_bytes=1) as here:
        entry = encode_entry(here.log.append(ANN))
        state = here.log.state
        frame = LogFrame(state.position, state.head, entry)
        body = GivenBack(state.position, (frame,), "wrong").encode()
        answer = await here.client.post(f"{here.vault}/log/given-back", content=body)
        assert code_of(answer) is ErrorCode.BAD_INVITATION


async def test_notes_of_lost_packs_are_bounded_like_entries(monkeypatch):
    monkeypatch.setattr("cozysync.server.quota.ENTRIES_BEYOND", 0)
    async with served(quota_bytes=MIB) as here:
        made_up = [hashlib.sha256(b"%d" % n).digest() for n in range(3 * MAX_PACK_LIST)]
        codes = []
        for at in range(0, len(made_up), MAX_PACK_LIST):
            some = PackList(tuple(made_up[at : at + MAX_PACK_LIST])).encode()
            codes.append((await here.ask("POST", "/packs/lost", some)).status_code)
            here.clock.now_s += COUNT_EVERY_S  # what is noted counts when all is counted anew, too
        assert codes == [204, 507, 507]
