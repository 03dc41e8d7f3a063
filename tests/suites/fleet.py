"""Whole engines over a disk and a server in memory, one vault, driven by a test."""

import os
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import lru_cache

import trio

from cozysync.disk import RealGround
from cozysync.replica import FolderRow
from cozysync.sync.config import EngineConfig
from cozysync.sync.engine import Engine
from cozysync.sync.home import Home
from cozysync.sync.replica import open_replica
from cozysync.sync.seams import real_seams
from cozysync.vault import (
    DeviceKeys,
    RootKeys,
    Secrets,
    add_device,
    create_vault,
    load_secrets,
    new_phrase,
    save_secrets,
)
from cozysync_protocol import encode_control, encode_entry
from tests.suites.memory_ground import MemoryGround, MemoryHands
from tests.suites.memory_server import MemoryRemote, MemoryServer
from tests.suites.real_hands import RealHands


class Days:
    """A wall clock that a test sets forward; between that it goes on by itself."""

    def __init__(self):
        self.ahead_ns = 0

    def __call__(self):
        return time.time_ns() + self.ahead_ns

    def pass_hours(self, hours):
        self.ahead_ns += int(hours * 3600 * 1e9)

    def seconds(self):
        return self() / 1e9


class Member:
    """One device of the fleet: `engine`, `hands` in its folder, `remote` to unplug."""

    def __init__(
        self, name, home, server, now, frames_at_once, nursery, on_disk=False, settings=None
    ):
        self.name = name
        self.folder = home.root.parent / f"{name}-work"
        self._home = home
        self._now = now
        self._nursery = nursery
        self._settings = settings or {}
        if on_disk:
            self.folder.mkdir()
            self._ground = RealGround()
            self.hands = RealHands(self.folder)
        else:
            self._ground = MemoryGround(now)
            self.hands = MemoryHands(self._ground.only, now)
        self.device = load_secrets(home.secrets_file).device
        self.remote = MemoryRemote(server, self.device.id, frames_at_once)
        self.engine = None
        self._scope = None

    async def start(self):
        """As the daemon starts: with whatever happened in the folder meanwhile."""
        seams = replace(real_seams(), now_ns=self._now, entropy=os.urandom, ground=self._ground)
        config = EngineConfig(device=self.name, server=self.remote.url, **self._settings)
        self.engine = Engine(self._home, config=config, seams=seams, remote=self.remote)
        self.engine.replica.database.connection.execute("PRAGMA synchronous=OFF")
        await self._nursery.start(self._run)

    async def _run(self, task_status):
        with trio.CancelScope() as self._scope:
            await self.engine.run(task_status=task_status)
        self._stopped.set()

    async def stop(self):
        self._stopped = trio.Event()
        self._scope.cancel()
        await self._stopped.wait()

    def lose_database(self):
        """As after a broken disk: all that is left are the keys, the files and what is bound."""
        for path in self._home.database.parent.glob(self._home.database.name + "*"):
            path.unlink()
        replica = open_replica(self._home.database)
        replica.folders.put(FolderRow(self.folder, "work"))
        replica.close()

    async def look(self):
        """See what is on the disk without a server: up to contents that wait for the line."""
        for folder, _ in self.engine._folders.values():
            with trio.move_on_after(2) as scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_until_sending, folder, scope)
                    await folder.look()
                    scope.cancel()

    async def folder_at_work(self):
        """The engine's worker of the folder."""
        await self.until(lambda: self.engine._folders)
        ((folder, _),) = self.engine._folders.values()
        return folder

    def blocked(self):
        """What stands in the way, as status tells it: path, reason and remedy in one."""
        (folder,) = self.engine.status().folders
        return [f"{each.path}: {each.reason} {each.remedy}" for each in folder.blocked]

    async def until(self, holds):
        """Wait until something holds."""
        with trio.fail_after(60):
            while not holds():  # noqa: ASYNC110
                await trio.sleep(0.02)

    async def until_in_sync(self):
        """Settle again and again until nothing stands in the way."""
        with trio.fail_after(60):
            while not (await self.engine.settle()).in_sync:  # noqa: ASYNC110
                await trio.sleep(0.1)

    async def settle(self):
        outcome = await self.engine.settle()
        assert outcome.in_sync, (self.name, outcome.reasons)


class Fleet:
    """The members and their server."""

    def __init__(self, members, server, now):
        self.members, self.server, self.now = members, server, now

    async def settle(self, *some):
        """Let everybody have everything; returns the one tree that all of them show."""
        members = some or self.members
        while True:
            before = self.server.state.position
            for member in members:
                await member.settle()
            if self.server.state.position == before:
                break
        trees = [member.hands.texts() for member in members]
        assert all(tree == trees[0] for tree in trees)
        return trees[0]


@lru_cache(maxsize=1)
def _keys(count):
    devices = [DeviceKeys.generate() for _ in range(count)]
    root = RootKeys.from_phrase(new_phrase())
    return devices, create_vault(root, devices[0], "ann"), root.wrapping_public


@asynccontextmanager
async def fleet(
    root, *names, frames_at_once=1 << 30, on_disk=False, keeping=None, late=0, outside=0, **settings
):
    """A running fleet: device by device, an engine over a database in `root`.

    With `on_disk`, their folders are real ones in `root`. The last `late` of them are not started;
    they are enrolled, but for the last `outside` (see `enrol`). What else is given configures them.
    """
    now = Days()
    devices, created, root_wrapping = _keys(4)
    server = MemoryServer(created.keys.vault, keeping, now.seconds)
    server.append(encode_entry(created.entry))
    async with trio.open_nursery() as nursery:
        members = []
        for name, device in zip(names, devices, strict=False):
            home = Home.at(root / name)
            home.prepare()
            save_secrets(home.secrets_file, Secrets(device, created.keys, root_wrapping))
            replica = open_replica(home.database)
            if not members:
                replica.outbox.add(created.entry.header.sequence, encode_entry(created.entry))
                replica.outbox.acknowledge(created.entry.header.sequence, 1)
            replica.folders.put(FolderRow(root / f"{name}-work", "work"))
            replica.close()
            member = Member(name, home, server, now, frames_at_once, nursery, on_disk, settings)
            members.append(member)
        first, *others = members
        await first.start()
        await first.settle()
        for member in others[: len(others) - outside]:
            await enrol(first, member)
        for member in others[: len(others) - late]:
            await member.start()
        try:
            yield Fleet(members, server, now)
        finally:
            nursery.cancel_scope.cancel()


async def _until_sending(folder, scope):
    while not folder.status().to_send.files:  # noqa: ASYNC110
        await trio.sleep(0.01)
    scope.cancel()


async def enrol(inside, newcomer):
    """Let a member into the vault."""
    engine = inside.engine

    def work():
        control = add_device(engine.ledger.keys, newcomer.device.public, newcomer.name)
        with engine.replica.database.transaction():
            engine.ledger.write_control(encode_control(control))

    await engine.ledger.do(work)
    await engine.settle()
