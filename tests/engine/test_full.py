"""A vault that is full: said plainly, nothing lost, what others send arrives, and it mends."""

import trio

from cozysync.sync.remote import Refused
from cozysync_protocol import ErrorCode
from tests.suites.fleet import fleet

LARGE = "x" * 5000
FULL = Refused(ErrorCode.VAULT_FULL, "the vault keeps 9 MiB of at most 9 MiB", 0.01)


async def test_a_full_vault_is_told_and_mends_by_itself(tmp_path):
    async with fleet(tmp_path, "ann", "bob") as people:
        ann, bob = people.members
        ann.remote.refusal = FULL
        ann.hands.write("large", LARGE)
        bob.hands.write("theirs", "still arrives")
        await bob.settle()
        settled = await ann.engine.settle()
        assert not settled.in_sync
        assert "space for this vault is full" in settled.reasons[0]
        while "theirs" not in ann.hands.texts():  # noqa: ASYNC110
            await trio.sleep(0.01)
        told = ann.engine.status().to_json()
        assert (told["state"], told["server"]["reachable"]) == ("attention", True)
        [blocked] = told["folders"][0]["blocked"]
        assert blocked["path"].endswith("/large")
        assert "space for this vault is full" in blocked["reason"]
        assert "--quota" in blocked["remedy"]
        ann.remote.refusal = None
        assert await people.settle() == {"large": LARGE, "theirs": "still arrives"}
        assert ann.engine.status().to_json()["folders"][0]["blocked"] == []


async def test_entries_that_are_refused_for_want_of_room_wait(tmp_path):
    async with fleet(tmp_path, "ann", "bob") as people:
        ann, bob = people.members
        ann.remote.refusal = FULL
        ann.hands.write("small", "travels in the entry")
        settled = await ann.engine.settle()
        assert not settled.in_sync
        assert "space for this vault is full" in settled.reasons[0]
        told = ann.engine.status().to_json()
        assert told["state"] == "attention"
        assert "--quota" in told["attention"][0]["remedy"]
        bob.hands.write("theirs", "still arrives")
        await bob.settle()
        while "theirs" not in ann.hands.texts():  # noqa: ASYNC110
            await trio.sleep(0.01)
        ann.remote.refusal = None
        assert await people.settle() == {"small": "travels in the entry", "theirs": "still arrives"}
        assert ann.engine.status().to_json()["attention"] == []


async def test_a_server_that_asks_for_patience_is_left_alone_so_long(tmp_path):
    async with fleet(tmp_path, "ann") as people:
        [ann] = people.members
        asked = []
        ann.remote.refusal = Refused(ErrorCode.TOO_MANY, "too many requests", 3600)
        ann.remote._refuse = lambda: asked.append(1) or (_ for _ in ()).throw(ann.remote.refusal)
        ann.hands.write("small", "x")
        with trio.move_on_after(1):
            await ann.engine.settle()
        assert len(asked) == 1
        assert ann.engine.status().server.reachable
