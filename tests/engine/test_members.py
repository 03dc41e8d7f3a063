"""Devices that are renamed and revoked, by several at once, and what a revoked one still reads."""

import pytest
import trio

from cozysync.sync.log_reader import read_controls
from cozysync.sync.members import LastDevice, NameTaken, NoSuchDevice
from cozysync.sync.offer import Known, Offering
from cozysync.vault import (
    CannotOpen,
    DeviceKeys,
    MissingEpoch,
    Newcomer,
    parse_code,
    secrets_for_device,
    vault_keys_from_log,
)
from cozysync_protocol import EntryKind, decode_control, decode_entry
from tests.suites.fleet import fleet
from tests.suites.memory_server import MemoryRemote


def keys_of(member):
    return member.engine.ledger.keys


def names(member):
    return {each.name for each in member.engine.members.all() if not each.revoked}


async def until(holds):
    with trio.fail_after(60):
        while not holds():  # noqa: ASYNC110
            await trio.sleep(0.01)


async def at_once(*deeds):
    """Let members write control entries without hearing of each other's."""
    members = [member for member, _ in deeds]
    for member in members:
        member.remote.unplug()
    waiting = {member: member.engine.replica.outbox.count() for member in members}
    async with trio.open_nursery() as nursery:
        for _, deed in deeds:
            nursery.start_soon(deed)
        await until(lambda: all(m.engine.replica.outbox.count() > waiting[m] for m in members))
        for member in members:
            member.remote.plug()


def log_of(server):
    frames = server.store.read(server.vault, 0, 10**6, 10**9)
    return [decode_entry(frame.entry) for frame in frames]


def secrets_ever_given_to(member, server):
    """Every secret in the log that a device can unwrap, whether or not it came to count."""
    found = set()
    for entry in log_of(server):
        if entry.header.kind is EntryKind.CONTROL:
            ledger = member.engine.ledger
            control = decode_control(entry.body)
            found |= set(secrets_for_device(ledger.device, ledger.keys.vault, control).values())
    return found


def current_secret(member):
    return keys_of(member).secret(keys_of(member).current)


async def test_what_is_written_after_a_revocation_does_not_open_with_the_old_keys(tmp_path):
    async with fleet(tmp_path, "ann", "bob") as office:
        ann, bob = office.members
        ann.hands.write("before", "x")
        await office.settle()
        await bob.stop()
        done = await ann.engine.members.revoke("bob")
        assert (done.name, done.confirmed) == ("bob", True)
        written = len(log_of(office.server))
        packs = set(office.server.packs)
        ann.hands.write("small", "what bob must not read")
        ann.hands.write("large", "what bob must not read " * 10_000)
        await ann.settle()
        old = keys_of(bob)
        later = log_of(office.server)[written:]
        assert later
        for entry in later:
            assert entry.header.kind is EntryKind.SEALED
            with pytest.raises(MissingEpoch):
                old.open_entry(entry)
        fresh = office.server.packs.keys() - packs
        assert fresh
        for pack in fresh:
            data = office.server.packs[pack]
            sealed = data[8 : 8 + 200]
            assert sealed[:4] == keys_of(ann).current.to_bytes(4, "big")
            with pytest.raises((MissingEpoch, CannotOpen)):
                old.open_chunk(sealed, b"c" * 32)
        assert current_secret(ann) not in secrets_ever_given_to(bob, office.server)


async def test_two_devices_revoke_the_same_one_at_once(tmp_path):
    async with fleet(tmp_path, "ann", "bob", "cat") as office:
        ann, bob, cat = office.members
        await office.settle()
        await cat.stop()
        await at_once(
            (ann, lambda: ann.engine.members.revoke("cat")),
            (bob, lambda: bob.engine.members.revoke("cat")),
        )
        ann.hands.write("a", "from ann")
        bob.hands.write("b", "from bob")
        assert await office.settle(ann, bob) == {"a": "from ann", "b": "from bob"}
        assert current_secret(ann) == current_secret(bob)
        assert names(ann) == names(bob) == {"ann", "bob"}
        assert current_secret(ann) not in secrets_ever_given_to(cat, office.server)


async def test_two_devices_revoke_two_others_at_once_and_neither_is_given_what_is_new(tmp_path):
    async with fleet(tmp_path, "ann", "bob", "cat", "dan") as office:
        ann, bob, cat, dan = office.members
        await office.settle()
        await cat.stop()
        await dan.stop()
        await at_once(
            (ann, lambda: ann.engine.members.revoke("cat")),
            (bob, lambda: bob.engine.members.revoke("dan")),
        )
        await until(lambda: not office.server.state.epoch_due)
        ann.hands.write("a", "from ann")
        assert await office.settle(ann, bob) == {"a": "from ann"}
        assert names(bob) == {"ann", "bob"}
        assert current_secret(ann) == current_secret(bob)
        for gone in (cat, dan):
            assert current_secret(ann) not in secrets_ever_given_to(gone, office.server)


async def test_a_device_that_is_let_in_while_an_epoch_begins_is_given_all_secrets(tmp_path):
    async with fleet(tmp_path, "ann", "bob", "cat") as office:
        ann, bob, cat = office.members
        await office.settle()
        await cat.stop()
        engine, new = bob.engine, DeviceKeys.generate()
        code = parse_code("memory/1-able-able-able")
        offering = Offering(engine.ledger, bob.remote, engine._puller, Known(b""), code, None)
        newcomer = Newcomer(new.public, "dan")
        await at_once(
            (ann, lambda: ann.engine.members.revoke("cat")),
            (bob, lambda: offering._enrol(newcomer)),
        )
        state = office.server.state
        assert not state.epoch_due
        assert new.id in state.devices
        remote = MemoryRemote(office.server)
        _, controls = await read_controls(remote, state.vault, None)
        keys = vault_keys_from_log(new, state.vault, controls)
        assert keys.current == state.epoch == 2
        assert keys.secret(keys.current) == current_secret(ann) == current_secret(bob)


async def test_a_device_puts_itself_out_and_another_starts_the_epoch(tmp_path):
    async with fleet(tmp_path, "ann", "bob") as office:
        ann, bob = office.members
        await office.settle()
        assert (await bob.engine.members.revoke("bob")).confirmed
        await until(lambda: keys_of(ann).current == 2)
        assert names(ann) == {"ann"}


async def test_the_last_device_stays_unless_the_phrase_was_shown(tmp_path):
    async with fleet(tmp_path, "ann") as office:
        (ann,) = office.members
        with pytest.raises(LastDevice):
            await ann.engine.members.revoke("ann")
        assert (await ann.engine.members.revoke("ann", last=True)).confirmed
        assert office.server.state.devices[ann.engine.ledger.device.id].revoked


async def test_a_device_is_renamed_for_everybody(tmp_path):
    async with fleet(tmp_path, "ann", "bob") as office:
        ann, bob = office.members
        await office.settle()
        await ann.engine.members.rename("bob", "Bob's laptop")
        await office.settle()
        assert names(bob) == {"ann", "Bob's laptop"}
        assert bob.engine.status().device == "Bob's laptop"
        with pytest.raises(NameTaken):
            await ann.engine.members.rename("ann", "Bob's laptop")
        with pytest.raises(NoSuchDevice):
            await ann.engine.members.rename("bob", "another")
        mine = bob.engine.ledger.device.id.hex()
        await ann.engine.members.rename(mine[:8], "by its id")
        await office.settle()
        assert names(bob) == {"ann", "by its id"}


async def test_a_device_is_seen_by_what_it_wrote_last(tmp_path):
    async with fleet(tmp_path, "ann", "bob") as office:
        ann, bob = office.members
        bob.hands.write("b", "x")
        await office.settle()
        seen = {each.name: each for each in ann.engine.members.all()}
        assert abs(seen["bob"].last_written - office.now() / 1e9) < 3600
        assert seen["bob"].position <= seen["ann"].position
        assert seen["ann"].this
