"""Who may write what, and how a lying server is found out."""

from dataclasses import replace

import pytest

from cozysync_protocol import (
    BadSignature,
    ChainBroken,
    DeviceRenamed,
    ForkDetected,
    HeadHash,
    LogState,
    NotAllowed,
    Position,
    RevokedDevice,
    UnknownDevice,
    VaultId,
    decode,
    encode,
    hands_out_secrets,
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


def test_a_control_entry_that_came_too_late_changes_nothing_and_breaks_no_chain(log):
    log.append(ANN, added(EVE))
    # Ann and Eve revoke Bob at the same time, and each starts the epoch after it.
    log.append(ANN, revoked(BOB))
    assert log.state.epoch_due
    log.append(ANN, epoch(2, ANN, EVE))
    assert (log.state.epoch, log.state.epoch_due) == (2, False)
    before = log.state
    log.append(EVE, revoked(BOB))
    log.append(EVE, epoch(2, ANN, EVE))
    assert not hands_out_secrets(before, log.state)
    assert (log.state.epoch, log.state.epoch_due) == (2, False)
    log.append(EVE, epoch=2)


def test_an_epoch_that_a_revoked_device_was_given_does_not_begin(log):
    log.append(ANN, added(EVE))
    log.append(ANN, revoked(BOB))
    log.append(EVE, epoch(2, ANN, BOB, EVE))
    assert (log.state.epoch, log.state.epoch_due) == (1, True)
    log.append(EVE, epoch(2, ANN, EVE))
    assert (log.state.epoch, log.state.epoch_due) == (2, False)


def test_an_epoch_that_a_device_was_not_given_does_not_begin(log):
    log.append(ANN, revoked(BOB))
    log.append(ANN, added(EVE))
    log.append(ANN, epoch(2, ANN))
    assert (log.state.epoch, log.state.epoch_due) == (1, True)


def test_a_device_without_the_secret_of_an_epoch_does_not_come_in(log):
    log.append(ANN, revoked(BOB))
    log.append(ANN, epoch(2, ANN))
    log.append(ANN, added(EVE))  # with the secret of epoch 1 alone
    assert EVE.id not in log.state.devices
    with pytest.raises(NotAllowed):
        log.advanced(log.entry(EVE, added(EVE, ROOT)))


def test_a_device_is_renamed_and_nothing_else_changes(log):
    before = log.state.devices[BOB.id]
    log.append(ANN, DeviceRenamed(BOB.id, b"another name"))
    assert log.state.devices[BOB.id] == replace(before, sealed_name=b"another name")
    with pytest.raises(NotAllowed):
        log.advanced(log.entry(ANN, DeviceRenamed(EVE.id, b"name")))


def test_the_state_of_an_older_version_is_read(log):
    older = encode(decode(log.state.encode(), max_bytes=1 << 20)[:-1])
    assert LogState.decode(older) == log.state


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
