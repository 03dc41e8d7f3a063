import pytest

from cozysync.sync.alarm import Alarm, AlarmKind, kind_of_error
from cozysync.sync.remote import Refused
from cozysync.vault import CannotOpen, CozyError, MissingEpoch
from cozysync_protocol import (
    BadSignature,
    ChainBroken,
    ErrorCode,
    ForkDetected,
    Malformed,
    NotAllowed,
    RevokedDevice,
    RolledBack,
    UnknownDevice,
)

KINDS = [
    (ForkDetected("x"), AlarmKind.FORK),
    (RolledBack(3, 5), AlarmKind.ROLLBACK),
    (Refused(ErrorCode.ROLLED_BACK, "x"), AlarmKind.ROLLBACK),
    (ChainBroken("x"), AlarmKind.REPLAY),
    (Refused(ErrorCode.CHAIN_BROKEN, "x"), AlarmKind.REPLAY),
    (UnknownDevice("x"), AlarmKind.UNKNOWN_DEVICE),
    (RevokedDevice("x"), AlarmKind.UNKNOWN_DEVICE),
    (NotAllowed("x"), AlarmKind.UNKNOWN_DEVICE),
    (BadSignature("x"), AlarmKind.FORGERY),
    (Malformed("x"), AlarmKind.FORGERY),
    (CannotOpen("an entry"), AlarmKind.FORGERY),
    (MissingEpoch("an entry", 2), AlarmKind.LOCKED_OUT),
    (Refused(ErrorCode.NO_SESSION, "x"), AlarmKind.REFUSED),
    (Refused(ErrorCode.DEVICE_REVOKED, "x"), AlarmKind.REVOKED),
    (CozyError("The disk is full.", "Free some."), None),
    (ValueError("x"), None),
]


@pytest.mark.parametrize(("error", "kind"), KINDS, ids=lambda each: type(each).__name__)
def test_every_error_has_its_kind_of_alarm(error, kind):
    assert kind_of_error(error) is kind


@pytest.mark.parametrize("kind", AlarmKind)
def test_every_alarm_says_what_was_kept_and_what_to_do(kind):
    alarm = Alarm(kind, "the reason", 7, 1.5)
    assert "the reason" in alarm.reason
    assert "position 7" in alarm.reason
    way_out = "cozysync rejoin" if kind is AlarmKind.FORK else "cozysync alarm --try-again"
    assert way_out in alarm.remedy
    assert Alarm.decode(alarm.encode()) == alarm
