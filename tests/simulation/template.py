"""A vault of three devices that have met once, to be copied at the start of every run.

A fourth is in the vault and has never come: it is the newcomer of the end.
"""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import trio

from cozysync.replica import FolderRow
from cozysync.server.packs import DirectoryPacks
from cozysync.server.store import SqliteStore
from cozysync.sync.home import Home
from cozysync.sync.replica import open_replica
from cozysync.vault import (
    DeviceKeys,
    RootKeys,
    Secrets,
    add_device,
    create_vault,
    new_phrase,
    save_secrets,
)
from cozysync_protocol import encode_control, encode_entry
from tests.simulation import repeatable
from tests.simulation.chance import Chance, Trace
from tests.simulation.device import FOLDER, Clock, Device
from tests.simulation.server import Machine

NAMES = ("ann", "bob", "eve")
NEWCOMER = "zoe"
BASE_S = 1_793_600_000  # in November 2026


@cache
def template():
    """A directory with the homes of the devices and the server's data, and the vault's id."""
    root = Path(tempfile.mkdtemp(prefix="cozysync-simulation-", dir=memory_directory()))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    vault = repeatable.run(0, lambda: _found(root))
    return root, vault


def memory_directory():
    """Where files cost nothing."""
    shared = Path("/dev/shm")
    return shared if shared.is_dir() else None


async def _found(root):
    chance, trace = Chance(0), Trace(trio.current_time)
    names = (*NAMES, NEWCOMER)
    devices = [DeviceKeys.generate(chance.randbytes) for _ in names]
    phrase = new_phrase(chance.randbytes)
    created = create_vault(RootKeys.from_phrase(phrase), devices[0], NAMES[0], chance.randbytes)
    vault = created.keys.vault
    clock = Clock(BASE_S, 0)
    for name, device in zip(names, devices, strict=True):
        _home(root / f"bare-{name}", device, created)
    _serve(root / "server0", created, clock.now_s)
    async with trio.open_nursery() as nursery:
        server = Machine(root, vault, clock.now_s, chance, trace, nursery)
        await server.start()
        members = []
        for name, device in zip(NAMES, devices, strict=False):
            bare = root / f"bare-{name}"
            member = Device(name, root, bare, server, clock, chance, trace, nursery)
            if members:
                await _enrol(members[0].engine, device, name)
            await member.start()
            assert (await member.engine.settle()).in_sync
            members.append(member)
        await _enrol(members[0].engine, devices[-1], NEWCOMER)
        nursery.cancel_scope.cancel()
    server.store.close()
    for name in NAMES:
        shutil.rmtree(root / f"bare-{name}")
    (root / f"bare-{NEWCOMER}").rename(root / f"{NEWCOMER}0")
    return vault


def _home(root, device, created):
    home = Home.at(root)
    home.prepare()
    save_secrets(home.secrets_file, Secrets(device, created.keys))
    replica = open_replica(home.database)
    replica.folders.put(FolderRow(Path(FOLDER), "work"))
    if root.name.endswith(NAMES[0]):
        sequence = created.entry.header.sequence
        replica.outbox.add(sequence, encode_entry(created.entry))
        replica.outbox.acknowledge(sequence, 1)
    replica.close()


def _serve(data, created, now_s):
    packs = DirectoryPacks(data / "packs")
    store = SqliteStore(data / "server.db", packs.missing, now_s)
    store.create_vault(store.invite(), encode_entry(created.entry))
    store.close()


async def _enrol(engine, device, name):
    def work():
        control = add_device(engine.ledger.keys, device.public, name)
        with engine.replica.database.transaction():
            engine.ledger.write_control(encode_control(control))

    await engine.ledger.do(work)
    assert (await engine.settle()).in_sync
