"""A server in memory: the real store and its rules over dictionaries, and a cable to pull."""

import hashlib
import math
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import trio

from cozysync.server.collection import Collection, Keeping
from cozysync.server.failures import Refusal, refusal_of
from cozysync.server.store import SqliteStore
from cozysync.sync.remote import End, Refused, Unreachable
from cozysync_protocol import (
    Appended,
    ErrorCode,
    LogState,
    ProtocolError,
    RolledBack,
    SnapshotPointer,
    decode_entry,
)


class MemoryPacks:
    """Packs in a dictionary."""

    def __init__(self, now_s):
        self._now_s = now_s
        self.data = {}
        self._came = {}

    def put(self, pack, data):
        self.data.setdefault(pack, data)
        self._came[pack] = self._now_s()

    def missing(self, _vault, packs):
        return [pack for pack in packs if pack not in self.data]

    def all(self, _vault):
        yield from list(self._came.items())

    def touch(self, _vault, pack):
        if pack in self.data:
            self._came[pack] = self._now_s()

    def delete(self, _vault, pack):
        self.data.pop(pack, None)
        self._came.pop(pack, None)


class MemoryServer:
    """One vault's log and packs."""

    def __init__(self, vault, keeping=None, now_s=time.time):
        self.vault = vault
        self._now_s = now_s
        self._packs = MemoryPacks(now_s)
        self.packs = self._packs.data
        self.store = SqliteStore(Path(":memory:"), self._packs.missing, now_s)
        self._keeping = keeping or Keeping()
        self._collection = Collection(self.store, self._packs, self._keeping)
        self.mailboxes = {}
        self._invited = None
        self._grown = trio.Event()

    @property
    def state(self):
        return self.store.state(self.vault) or LogState(self.vault)

    @property
    def start(self):
        return self.store.snapshots.start(self.vault)

    @property
    def frames(self):
        return self.store.read(self.vault, self.start, 1 << 30, 1 << 40)

    @property
    def lost(self):
        rows = self.store._connection.execute("SELECT pack FROM lost_pack").fetchall()
        return {row[0] for row in rows} - self.packs.keys()

    def go_back(self, position):
        """As if a backup from when the log ended there had been brought back."""
        kept = self.frames[:position]
        now_s, missing = self._now_s, self._packs.missing
        self.store = SqliteStore(Path(":memory:"), missing, now_s)
        self._collection = Collection(self.store, self._packs, self._keeping)
        needed = {pack for frame in kept for pack in decode_entry(frame.entry).header.packs}
        for pack in self.packs.keys() - needed:
            self._packs.delete(self.vault, pack)
        if kept:
            self.append(*(frame.entry for frame in kept))

    def give_back(self, frames, invitation):
        invitation = self._invitation() if invitation else None
        end = self.store.returns.take_back(self.vault, frames, invitation)
        self._grown.set()
        self._grown = trio.Event()
        return end

    def begin(self, begun):
        self.store.returns.begin(self.vault, replace(begun, invitation=self._invitation()))

    def _invitation(self):
        """The one of this disk, whatever people type."""
        if self._invited is not self.store:
            self._invited, self._code = self.store, self.store.invite()
        return self._code

    def append(self, *entries, verified=0):
        if not self.state.position:
            self.store.create_vault(self.store.invite(), entries[0])
        places = self.store.append(self.vault, entries, verified)
        self._grown.set()
        self._grown = trio.Event()
        return places

    def collect(self):
        """What the real one does by itself now and then."""
        now_s = self._now_s()
        return self._collection.collect(self.vault, now_s, now_s)

    def put_pack(self, pack, data):
        self._packs.put(pack, data)

    def set_snapshot(self, expected, pointer):
        old = self.store.snapshots.packs(self.vault)
        self.store.snapshots.put(self.vault, expected, pointer)
        for pack in old:
            self._packs.touch(self.vault, pack)

    def lose(self, packs):
        self.store.returns.lose(self.vault, packs)

    async def grown(self, position):
        while self.state.position <= position:
            await self._grown.wait()


def refused(work):
    """What a remote makes of the server's refusals."""
    try:
        return work()
    except ProtocolError as error:
        problem = refusal_of(error).problem
    except Refusal as error:
        problem = error.problem
    raise Refused(problem.code, problem.detail)


class MemoryRemote:
    """One device's line to it."""

    url = "memory:"

    def __init__(self, server, device=bytes(16), frames_at_once=math.inf):
        self._server = server
        self._device = device
        self._at_once = frames_at_once
        self.deaf = self.mute = False
        # Before a device is enrolled, this line is also that of who lets it in.
        self._is_known = False
        self._plugged = trio.Event()
        self._unplugged = trio.Event()
        self._plugged.set()
        self.refusal = None

    def unplug(self):
        """Cut the line; whoever waits at it hears so."""
        self._plugged = trio.Event()
        self._unplugged.set()

    def plug(self):
        self._unplugged = trio.Event()
        self._plugged.set()

    @property
    def is_plugged(self):
        return self._plugged.is_set()

    async def _line(self):
        await trio.lowlevel.checkpoint()
        self._check()

    def _check(self):
        if not self._plugged.is_set():
            raise Unreachable(self.url, "the cable is out")
        self._is_known = self._is_known or self._device in self._server.state.devices
        if self._device not in self._server.state.devices and self._is_known:
            raise Refused(ErrorCode.NO_SESSION, "the device is not known here")

    def _refuse(self):
        if self.refusal is not None:
            raise self.refusal

    async def append(self, entries, verified=0):
        await self._line()
        self._refuse()
        if self.mute:
            raise Unreachable(self.url, "what goes out does not arrive")
        append = partial(self._server.append, *entries, verified=verified)
        return Appended(tuple(refused(append)))

    async def give_back(self, goal, frames, invitation=""):
        await trio.lowlevel.checkpoint()
        if not invitation:
            self._check()
        return refused(lambda: self._server.give_back(frames, invitation))

    async def begin(self, begun):
        await trio.lowlevel.checkpoint()
        refused(lambda: self._server.begin(begun))

    async def lose(self, packs):
        await self._line()
        self._server.lose(packs)

    async def log(self, after, wait_s):
        await self._line()
        self._server.store.note_contact(self._server.vault, self._device)
        state = self._server.store.state(self._server.vault)
        self._server.store.heard(state, self._device, after)
        with trio.move_on_after(wait_s):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._cancel_when_unplugged, nursery.cancel_scope)
                await self._server.grown(after)
                nursery.cancel_scope.cancel()
        self._check()
        end = self._server.state.position
        if after > end:
            raise RolledBack(end, after)
        while self.deaf:
            await trio.sleep(0.01)
            self._check()
        frames = self._read(after)
        step = min(self._at_once, max(len(frames), 1))
        for at in range(0, len(frames), step):
            yield frames[at : at + step]
            self._check()

    def _read(self, after, **which):
        store, vault = self._server.store, self._server.vault
        return refused(lambda: store.read(vault, after, 1 << 30, 1 << 40, **which))

    async def _cancel_when_unplugged(self, scope):
        await self._unplugged.wait()
        scope.cancel()

    async def controls(self):
        await self._line()
        return self._read(0, control=True)

    async def end(self):
        await self._line()
        return End(self._server.state.position, self._server.state.head)

    async def put_pack(self, pack, data):
        await self._line()
        self._refuse()
        if hashlib.sha256(data).digest() != pack:
            raise Refused(ErrorCode.WRONG_HASH, "the bytes do not fit the pack's name")
        self._server.put_pack(pack, data)

    async def get_pack(self, pack, start, length):
        await self._line()
        if pack not in self._server.packs:
            raise Refused(ErrorCode.NOT_FOUND, "no such pack")
        return self._server.packs[pack][start : start + length]

    async def open_mailbox(self):
        await trio.lowlevel.checkpoint()
        self._check()
        number = max(self._server.mailboxes, default=0) + 1
        self._server.mailboxes[number] = {}
        return number

    async def leave(self, box, side, index, message):
        await trio.lowlevel.checkpoint()
        if self._mailbox(box).setdefault((side, index), message) != message:
            raise Refused(ErrorCode.CONFLICT, "this message was left already")

    async def collect(self, box, side, index, wait_s):
        with trio.move_on_after(wait_s):
            while (side, index) not in self._mailbox(box):  # noqa: ASYNC110
                await trio.sleep(0.01)
        return self._mailbox(box).get((side, index))

    async def close_mailbox(self, box):
        await trio.lowlevel.checkpoint()
        self._check()
        self._server.mailboxes.pop(box, None)

    def _mailbox(self, box):
        self._check()
        if box not in self._server.mailboxes:
            raise Refused(ErrorCode.NOT_FOUND, "no such mailbox; it may have expired")
        return self._server.mailboxes[box]

    async def missing_packs(self, packs):
        await self._line()
        server = self._server
        doomed = server.store.marks.doomed(server.vault, packs)
        return [pack for pack in packs if pack not in server.packs or pack in doomed]

    async def snapshot(self):
        await self._line()
        version, pointer = self._server.store.snapshots.pointer(self._server.vault)
        return version, SnapshotPointer.decode(pointer) if pointer else None

    async def set_snapshot(self, expected, pointer):
        await self._line()
        refused(lambda: self._server.set_snapshot(expected, pointer.encode()))

    async def close(self):
        await trio.lowlevel.checkpoint()
