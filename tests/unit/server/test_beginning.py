"""A server that has lost a vault lets its log begin where a device says, if that was signed."""

from dataclasses import replace

import pytest

from cozysync.server.failures import Refusal
from cozysync_protocol import (
    Begun,
    ErrorCode,
    LogFrame,
    Malformed,
    Position,
    ProtocolError,
    SnapshotPointer,
    encode_entry,
)
from tests.suites.served import served
from tests.unit.protocol.logs import ANN, BOB, EVE, VAULT, Log, added, revoked

PACK = bytes([5]) * 32


class Past:
    """A log whose first part only a snapshot tells of; `controls` are what says who is in it."""

    def __init__(self):
        self.log = Log()
        self.controls = [self._frame(self.log.entries[0])]
        self.log.append(ANN)
        for who in (BOB, EVE):
            self.controls.append(self._frame(self.log.append(ANN, added(who))))
        self.log.append(BOB)
        self.controls.append(self._frame(self.log.append(ANN, revoked(EVE))))
        self.log.append(BOB)
        self.state = self.log.state
        self.entries = []

    def _frame(self, entry):
        state = self.log.state
        return LogFrame(state.position, state.head, encode_entry(entry))

    def begun(self, code, **changes):
        return replace(Begun(code, self.state, tuple(self.controls)), **changes)

    def goes_on(self):
        """One more entry, as a device gives it back."""
        return self._frame(self.log.append(BOB))


@pytest.fixture
async def empty():
    async with served(vault=False) as here:
        yield here


def code_of(call, *arguments):
    with pytest.raises((Refusal, ProtocolError)) as caught:
        call(*arguments)
    error = caught.value
    return error.code if isinstance(error, ProtocolError) else error.problem.code


async def test_the_log_goes_on_from_there(empty):
    past, store = Past(), empty.store
    code = store.invite()
    store.returns.begin(VAULT, past.begun(code))
    store.returns.begin(VAULT, past.begun(code))  # the answer had been lost
    assert store.snapshots.start(VAULT) == past.state.position
    assert store.state(VAULT) == past.state
    assert store.read(VAULT, 0, 100, 1 << 30, control=True) == past.controls
    assert code_of(store.read, VAULT, 0, 100, 1 << 30) is ErrorCode.HORIZON
    frame = past.goes_on()
    assert store.returns.take_back(VAULT, [frame], code) == frame.position
    assert store.read(VAULT, past.state.position, 100, 1 << 30) == [frame]


async def test_only_the_snapshot_that_ends_there_belongs_to_it(empty, monkeypatch):
    past, store = Past(), empty.store
    store.returns.begin(VAULT, past.begun(store.invite()))
    monkeypatch.setattr(store.snapshots, "_missing_packs", lambda _vault, _packs: [])

    def pointer(**changes):
        state = replace(past.state, **changes)
        made = SnapshotPointer(VAULT, ANN.id, state.position, state.head, state.epoch, 9, (PACK,))
        return made.signed(ANN.sign).encode()

    assert code_of(store.snapshots.put, VAULT, 0, pointer(head=bytes(32))) is ErrorCode.FORK
    assert code_of(store.snapshots.put, VAULT, 0, pointer(position=Position(2))) is ErrorCode.FORK
    assert store.snapshots.put(VAULT, 0, pointer()) == 1


def without(state, who):
    return replace(state, devices={d: each for d, each in state.devices.items() if d != who.id})


def unrevoked(state):
    devices = {d: replace(each, revoked=False) for d, each in state.devices.items()}
    return replace(state, devices=devices)


LIES = {
    "a device is left out": lambda past: {"state": without(past.state, BOB)},
    "a revoked device is let in again": lambda past: {"state": unrevoked(past.state)},
    "another epoch": lambda past: {"state": replace(past.state, epoch=past.state.epoch + 1)},
    "the revocation is held back": lambda past: {"controls": tuple(past.controls[:-1])},
    "out of order": lambda past: {"controls": (past.controls[0], *past.controls[:0:-1])},
    "twice": lambda past: {"controls": (past.controls[0], *past.controls)},
    "an entry of contents": lambda past: {"controls": (*past.controls, past.goes_on())},
    "behind the beginning": lambda past: {"state": replace(past.state, position=Position(3))},
    "another vault": lambda past: {"state": replace(past.state, vault=bytes(16))},
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
async def test_what_was_not_signed_is_refused_and_nothing_kept(empty, lie):
    past, store = Past(), empty.store
    begun = past.begun(store.invite(), **lie(past))
    assert code_of(store.returns.begin, VAULT, begun) in (ErrorCode.NOT_ALLOWED,)
    assert store.state(VAULT) is None
    assert not store.read(VAULT, 0, 100, 1 << 30, control=True)


async def test_nobody_begins_without_an_invitation_or_where_a_log_is(empty):
    past, store = Past(), empty.store
    assert code_of(store.returns.begin, VAULT, past.begun("wrong")) is ErrorCode.BAD_INVITATION
    store.create_vault(store.invite(), past.controls[0].entry)
    before = store.state(VAULT)
    begun = past.begun(store.invite())
    assert code_of(store.returns.begin, VAULT, begun) is ErrorCode.VAULT_EXISTS
    assert store.state(VAULT) == before


async def test_over_the_interface(empty):
    past = Past()
    begun = past.begun(empty.store.invite())
    answer = await empty.client.post(f"{empty.vault}/log/begun", content=begun.encode())
    assert answer.status_code == 204
    assert empty.store.snapshots.start(VAULT) == past.state.position
    await empty.open_session(BOB)
    answer = await empty.client.post(f"{empty.vault}/log/begun", content=b"\x93\xa0\xc4\x00\x90")
    assert answer.status_code == 400


def test_a_beginning_has_an_entry():
    with pytest.raises(Malformed):
        Begun.decode(Begun("code", Past().state, ()).encode())
