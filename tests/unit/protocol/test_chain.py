"""Who may write what, and how a lying server is found out."""

from dataclasses import replace

import pytest

from cozysync_protocol import (
    BadSignature,
    ChainBroken,
    ForkDetected,
    HeadHash,
    LogState,
    NotAllowed,
    Position,
    RevokedDevice,
    UnknownDevice,
    VaultId,
)
from tests.unit.protocol.logs import ANN, BOB, EVE, ROOT, Log, added, created, epoch, revoked


@pytest.fixture
def log():
    log = Log()
    log.append(ANN)
    log.append(ANN, added(BOB))
    log.append(BOB)
    return log


def test_an_honest_log_is_admitted(log):
    assert log.state.position == 4
    assert [each.sequence for each in log.state.devices.values()] == [3, 1]


def test_the_state_comes_back_from_its_bytes(log):
    log.append(ANN, revoked(BOB))
    assert LogState.decode(log.state.encode()) == log.state


BROKEN = {
    "another vault": (lambda log: log.entry(ANN, vault=VaultId(bytes(16))), NotAllowed),
    "a stranger": (lambda log: log.entry(EVE), UnknownDevice),
    "a sequence that was used": (lambda log: log.entry(ANN, sequence=3), ChainBroken),
    "a sequence left out": (lambda log: log.entry(ANN, sequence=5), ChainBroken),
    "another entry before": (lambda log: log.entry(ANN, previous=bytes(32)), ChainBroken),
    "an epoch to come": (lambda log: log.entry(ANN, epoch=2), NotAllowed),
    "no epoch": (lambda log: log.entry(ANN, epoch=0), NotAllowed),
    "a second creation": (lambda log: log.entry(ANN, created(), epoch=0), NotAllowed),
    "a device twice": (lambda log: log.entry(ANN, added(BOB)), NotAllowed),
    "an unknown device revoked": (lambda log: log.entry(ANN, revoked(EVE)), NotAllowed),
    "an epoch left out": (lambda log: log.entry(ANN, epoch(3, ANN, BOB)), NotAllowed),
    "enrolled by oneself": (lambda log: log.entry(EVE, added(EVE)), UnknownDevice),
    "enrolled by a root that is not": (lambda log: log.entry(EVE, added(EVE, ANN)), BadSignature),
    "recovered for another": (lambda log: log.entry(ANN, added(EVE, ROOT)), NotAllowed),
    "an author ahead of the log": (lambda log: log.entry(ANN, seen_position=9), ForkDetected),
    "another history": (
        lambda log: log.entry(ANN, seen_position=2, seen_head=bytes(32)),
        ForkDetected,
    ),
}


@pytest.mark.parametrize("why", BROKEN)
def test_what_must_not_be_is_refused(log, why):
    make, error = BROKEN[why]
    with pytest.raises(error):
        log.advanced(make(log))


def test_an_entry_of_one_signed_by_another_is_refused(log):
    entry = log.entry(ANN)
    with pytest.raises(BadSignature):
        log.advanced(replace(entry, header=replace(entry.header, device=BOB.id)))


def test_a_changed_body_is_refused(log):
    with pytest.raises(BadSignature):
        log.advanced(replace(log.entry(ANN), body=b"changed"))


def test_a_revoked_device_may_not_write(log):
    log.append(ANN, revoked(BOB))
    with pytest.raises(RevokedDevice):
        log.advanced(log.entry(BOB))
    log.append(ANN, epoch(2, ANN))
    log.append(ANN, epoch=2)


def test_the_root_lets_a_lost_person_in(log):
    log.append(EVE, added(EVE, ROOT))
    log.append(EVE)
    assert log.state.position == 6


def test_a_false_head_or_position_is_a_fork(log):
    entry = log.entry(ANN)
    with pytest.raises(ForkDetected):
        log.advanced(entry, head=HeadHash(bytes(32)))
    with pytest.raises(ForkDetected):
        log.advanced(entry, position=Position(7))


def test_two_devices_that_were_shown_two_histories_find_out(log):
    other = Log()
    other.append(ANN)
    other.append(ANN, added(BOB))
    hidden = other.entry(ANN, body=b"what bob is not shown")
    other.state = other.advanced(hidden)
    # Bob goes on from the history that he knows; the server shows his entry in the other one.
    log.append(BOB)
    entry = log.entry(BOB, sequence=1, previous=bytes(32))
    with pytest.raises(ForkDetected):
        other.advanced(entry)
