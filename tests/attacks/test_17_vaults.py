"""Row 17: vaults on one server are blind to each other, whatever is asked.

Every request of `tests/suites/requests.py` is asked by a device of one vault: about another vault
and about one that does not exist, which must look the same; and about its own vault, which must
look the same whether or not there is another. The house sees to it that none is missing there.
"""

import hashlib
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import msgpack
import pytest

from cozysync.server.api import sessions as sessions_api
from cozysync.vault import DeviceKeys, RootKeys, create_vault, new_phrase
from cozysync_protocol import (
    ROOT_DEVICE,
    Challenge,
    DeviceId,
    ErrorCode,
    GivenBack,
    LogFrame,
    Position,
    Problem,
    Session,
    SessionProof,
    SessionRequest,
    VaultId,
    encode_entry,
    entry_hash,
    next_head,
    session_signed_part,
)
from tests.suites.requests import LOG, PACK, SERVER
from tests.suites.served import served
from tests.unit.protocol.logs import ANN, BOB, VAULT, added

NOBODY = VaultId(b"no vault at all!")
INVITED = "code"  # what stands in the example requests for an invitation
MIB = 1 << 20


def given_back(position):
    """An entry of one's own, told of another vault with an invitation: also at places it has."""
    entry = encode_entry(LOG.entries[0])
    frame = LogFrame(Position(position), next_head(bytes(32), entry_hash(entry)), entry)
    return GivenBack(Position(position + 5), (frame,), INVITED).encode()


def everything():
    for each in SERVER:
        bodies = each.bodies
        if each.path.endswith("given-back"):
            bodies += tuple(given_back(position) for position in (1, 2, 3, 50))
        for body in bodies:
            yield replace(each, bodies=(body,))


def about(value, vault, invitation):
    """The same with every mention of the asker's vault replaced by this one."""
    if isinstance(value, bytes):
        return value.replace(VAULT, vault)
    if isinstance(value, list):
        return [about(each, vault, invitation) for each in value]
    return invitation if value == INVITED else value


def body_about(body, vault, invitation):
    try:
        value = msgpack.unpackb(body)
    except (ValueError, msgpack.exceptions.UnpackException):
        return about(body, vault, invitation)
    return msgpack.packb(about(value, vault, invitation)) if isinstance(value, list) else body


class Other:
    """Another vault on the same server, and all that it has there."""

    def __init__(self, here):
        self.device = DeviceKeys.generate()
        created = create_vault(RootKeys.from_phrase(new_phrase()), self.device, "bob")
        self.id, self._here = created.keys.vault, here
        here.store.create_vault(here.store.invite(), encode_entry(created.entry))

    async def begin(self):
        """Open a session, and keep there what the examples speak of."""
        proof = await proof_for(self._here, self.id, self.device.id, self.device.sign)
        answer = await self._here.client.post("/v1/sessions/proof", content=proof)
        self.headers = {"authorization": f"Bearer {Session.decode(answer.content).token}"}
        path = f"/v1/vaults/{self.id.hex()}/packs/{hashlib.sha256(PACK).hexdigest()}"
        kept = await self._here.client.put(path, content=PACK, headers=self.headers)
        assert kept.status_code == 204

    async def mailbox(self):
        answer = await self._here.client.post("/v1/mailbox", headers=self.headers)
        return msgpack.unpackb(answer.content)[0]


async def proof_for(here, vault, device, sign):
    asked = SessionRequest(vault, device).encode()
    challenge = Challenge.decode((await here.client.post("/v1/sessions", content=asked)).content)
    signature = sign(session_signed_part(vault, device, challenge.nonce))
    return SessionProof(vault, device, challenge.nonce, signature).encode()


@asynccontextmanager
async def neighbours(*, another=True, **options):
    """The server of one vault, asked from another machine; and the other vault on it."""
    async with served(**options) as here:
        transport = httpx.ASGITransport(here.app, client=("192.0.2.7", 40_000))
        other = Other(here) if another else None
        if other is not None:
            await other.begin()
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as here.away:
            yield here, other


async def ask(here, example, vault, who):
    path = example.path.replace("{vault}", vault.hex())
    for name, value in example.values.items():
        path = path.replace("{" + name + "}", value)
    (body,) = example.bodies
    content = body_about(body, vault, here.store.invite())
    request = example.method, path, content
    answer = await here.away.request(
        *request[:2], content=content, params=example.query, headers=example.headers | who
    )
    return request, shown(example, answer)


def shown(example, answer):
    """All that an asker sees of an answer, but what is random and of one length in all."""
    is_random = example.path == "/v1/sessions"
    body = len(answer.content) if is_random else answer.content
    return answer.status_code, answer.headers.multi_items(), body


def named(example):
    return f"{example.method} {example.path}"


@pytest.mark.parametrize("is_known", [True, False], ids=["with a session", "without one"])
async def test_another_vault_looks_like_one_that_does_not_exist(is_known):
    async with neighbours() as (here, other):
        who = here.headers() if is_known else {}
        asked = 0
        for example in everything():
            before = here.held()
            first, about_other = await ask(here, example, other.id, who)
            second, about_nobody = await ask(here, example, NOBODY, who)
            if first[1:] == second[1:] and "{vault}" not in example.path:
                continue  # no vault is named in it
            asked += 1
            assert about_other == about_nobody, named(example)
            if example.path != "/v1/sessions":
                assert about_other[0] >= 400, named(example)
            dump, files = here.held()
            assert files == before[1]
            assert without_invitations(dump) == without_invitations(before[0]), named(example)
        assert asked >= 15


def without_invitations(dump):
    return [line for line in dump if "invitation" not in line]


async def test_what_is_said_of_the_own_vault_does_not_depend_on_another():
    told = []
    for another in (False, True):
        async with neighbours(another=another, quota_bytes=4 * MIB) as (here, _):
            await here.append(here.log.append(ANN, added(BOB)))
            said = {}
            # Backwards first: what is read before anything was written may be another's.
            for n, example in enumerate([*reversed(list(everything())), *everything()]):
                if example.path.startswith("/v1/mailbox"):
                    continue  # mailboxes are numbered for all: see the leak table
                _, said[n, named(example)] = await ask(here, example, VAULT, here.headers())
            told.append(said)
    alone, beside = told
    assert alone == beside
    assert {answer[0] for answer in alone.values()} >= {200, 204, 206}


async def test_who_proves_itself_costs_the_same_work_and_hears_the_same_whoever_is_known(
    monkeypatch,
):
    checks = []

    def counted(*arguments):
        checks.append(1)
        real(*arguments)

    real = sessions_api.check_signature
    monkeypatch.setattr(sessions_api, "check_signature", counted)
    async with neighbours() as (here, other):
        told = set()
        tried = [
            (other.id, other.device.id),
            (other.id, ROOT_DEVICE),
            (other.id, DeviceId(b"not one of them!")),
            (NOBODY, other.device.id),
            (NOBODY, ROOT_DEVICE),
        ]
        checks.clear()
        for vault, device in tried:
            proof = await proof_for(here, vault, device, ANN.sign)
            answer = await here.client.post("/v1/sessions/proof", content=proof)
            told.add((answer.status_code, tuple(answer.headers.items()), answer.content))
        assert len(told) == 1
        assert Problem.decode(answer.content).code is ErrorCode.NO_SESSION
        assert len(checks) == len(tried)
        # The device itself is let in by the same question.
        proof = await proof_for(here, other.id, other.device.id, other.device.sign)
        assert (await here.client.post("/v1/sessions/proof", content=proof)).status_code == 200


async def test_a_vault_cannot_close_the_mailbox_of_another():
    async with neighbours() as (here, other):
        box = await other.mailbox()
        for who in ({}, here.headers()):
            absent = await here.client.delete(f"/v1/mailbox/{box + 1}", headers=who)
            theirs = await here.client.delete(f"/v1/mailbox/{box}", headers=who)
            assert theirs.status_code == absent.status_code
            assert theirs.content == absent.content
            place = f"/v1/mailbox/{box}/offer/0"
            assert (await here.client.put(place, content=b"hello")).status_code == 204
        await here.client.delete(f"/v1/mailbox/{box}", headers=other.headers)
        assert (await here.client.get(f"/v1/mailbox/{box}/offer/0")).status_code == 404


async def test_a_vault_that_is_full_leaves_another_its_room():
    async with neighbours(quota_bytes=MIB) as (here, other):
        full = False
        for n in range(4):
            _, answer = await here.put_pack(bytes([n]) * 400_000)
            full = full or answer.status_code == 507
        assert full
        data = b"y" * 900_000
        path = f"/v1/vaults/{other.id.hex()}/packs/{hashlib.sha256(data).hexdigest()}"
        kept = await here.client.put(path, content=data, headers=other.headers)
        assert kept.status_code == 204


async def test_figures_are_for_the_machine_of_the_server_and_name_nobody():
    async with neighbours() as (here, other):
        told = (await here.client.get("/metrics")).text
        assert "cozysync_received_bytes_total" in told
        for name in (VAULT, other.id, ANN.id, other.device.id):
            assert name.hex() not in told
        away = await here.away.get("/metrics", headers=here.headers())
        nothing = await here.away.get("/no-such-thing", headers=here.headers())
        assert (away.status_code, away.content) == (404, nothing.content)
