"""What is kept of the log's end that was verified to come in."""

from functools import partial

import pytest

from cozysync.replica import DamagedDatabase, Opening
from cozysync.sync.ledger import Ledger
from cozysync.sync.pin import Pin
from cozysync.sync.replica import replica_in_memory
from cozysync.sync.seams import real_seams
from cozysync.vault import DeviceKeys, RootKeys, create_vault, new_phrase
from cozysync_protocol import (
    ForkDetected,
    HeadHash,
    LogState,
    Malformed,
    Position,
    VaultId,
    decode,
    encode,
    encode_entry,
)

HEAD, OTHER = HeadHash(b"h" * 32), HeadHash(b"o" * 32)
PIN = Pin(Position(7), HEAD)


def state(position, **heads):
    heads = {Position(int(at[1:])): head for at, head in heads.items()}
    return LogState(VaultId(b"v" * 16), position=Position(position), heads=heads)


def test_it_is_kept_with_the_replica():
    replica = replica_in_memory()
    assert Pin.load(replica) == Pin()
    PIN.save(replica)
    assert Pin.load(replica) == PIN
    replica.settings.set("pin", b"what a broken disk made of it")
    with pytest.raises(DamagedDatabase):
        Pin.load(replica)
    replica.close()


def test_a_log_that_has_not_come_so_far_is_as_good_as_any():
    PIN.check(state(0))
    PIN.check(state(6, p6=OTHER))


def test_a_log_with_that_head_there_is_the_one():
    PIN.check(state(7, p6=OTHER, p7=HEAD))
    PIN.check(state(9, p7=HEAD, p9=OTHER))


def test_a_log_with_another_head_there_is_another():
    with pytest.raises(ForkDetected, match="position 7"):
        PIN.check(state(9, p7=OTHER, p9=HEAD))


def test_no_pin_fits_every_log():
    Pin().check(state(9, p1=OTHER, p9=HEAD))


@pytest.mark.parametrize("at", range(3))
def test_what_no_version_of_this_program_kept_is_refused(at):
    fields = decode(PIN.encode(), max_bytes=64)
    fields[at] = [2, -1, b"short"][at]
    with pytest.raises(Malformed):
        Pin.decode(encode(fields))


def test_a_snapshot_from_far_behind_the_pin_must_know_of_this_device():
    """By then its heads do not reach back so far."""
    device = DeviceKeys.generate()
    created = create_vault(RootKeys.from_phrase(new_phrase()), device, "bob")
    replica = replica_in_memory()
    PIN.save(replica)
    ledger = Ledger(replica, device, created.keys, real_seams(), lambda _: None)
    ledger.adopt(partial(Opening, state(7, p7=HEAD), 0))
    with pytest.raises(ForkDetected, match="never came"):
        ledger.adopt(partial(Opening, state(5000, p5000=OTHER), 0))
    replica.outbox.add(1, encode_entry(created.entry))  # as it writes one when it recovers
    replica.outbox.acknowledge(1, Position(5001))
    ledger.adopt(partial(Opening, state(5000, p5000=OTHER), 0))
    replica.close()
