"""A server in memory, with the rules of the real one and a cable that can be pulled."""

import math

import trio

from cozysync.sync.remote import Refused, Unreachable
from cozysync_protocol import (
    Appended,
    ErrorCode,
    LogFrame,
    LogState,
    Position,
    RolledBack,
    admit,
    decode_entry,
    next_head,
)


class MemoryServer:
    """One vault's log and packs."""

    def __init__(self, vault):
        self.state = LogState(vault)
        self.frames = []
        self.packs = {}
        self.mailboxes = {}
        self._grown = trio.Event()

    def append(self, entry):
        for frame in self.frames:
            if frame.entry == entry:
                return frame.position, frame.head
        decoded = decode_entry(entry)
        admitted = admit(self.state, decoded)
        assert set(decoded.header.packs) <= self.packs.keys()
        position = Position(self.state.position + 1)
        head = next_head(self.state.head, admitted.devices[decoded.header.device].last)
        self.state = admitted.__class__(
            **{name: getattr(admitted, name) for name in admitted.__slots__}
            | {"position": position, "head": head}
        )
        self.frames.append(LogFrame(position, head, entry))
        self._grown.set()
        self._grown = trio.Event()
        return position, head

    async def grown(self, position):
        while len(self.frames) <= position:
            await self._grown.wait()


class MemoryRemote:
    """One device's line to it."""

    url = "memory:"

    def __init__(self, server, frames_at_once=math.inf):
        self._server = server
        self._at_once = frames_at_once
        self._plugged = trio.Event()
        self._unplugged = trio.Event()
        self._plugged.set()

    def unplug(self):
        """Cut the line; whoever waits at it hears so."""
        self._plugged = trio.Event()
        self._unplugged.set()

    def plug(self):
        self._unplugged = trio.Event()
        self._plugged.set()

    def _check(self):
        if not self._plugged.is_set():
            raise Unreachable(self.url, "the cable is out")

    async def append(self, entries):
        await trio.lowlevel.checkpoint()
        self._check()
        return Appended(tuple(self._server.append(entry) for entry in entries))

    async def log(self, after, wait_s):
        await trio.lowlevel.checkpoint()
        self._check()
        with trio.move_on_after(wait_s):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._cancel_when_unplugged, nursery.cancel_scope)
                await self._server.grown(after)
                nursery.cancel_scope.cancel()
        self._check()
        if after > len(self._server.frames):
            raise RolledBack(len(self._server.frames), after)
        frames = self._server.frames[after:]
        step = min(self._at_once, max(len(frames), 1))
        for at in range(0, len(frames), step):
            yield frames[at : at + step]
            self._check()

    async def _cancel_when_unplugged(self, scope):
        await self._unplugged.wait()
        scope.cancel()

    async def end(self):
        await trio.lowlevel.checkpoint()
        self._check()
        return self._server.state.position

    async def put_pack(self, pack, data):
        await trio.lowlevel.checkpoint()
        self._check()
        self._server.packs[pack] = data

    async def get_pack(self, pack, start, length):
        await trio.lowlevel.checkpoint()
        self._check()
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

    async def close(self):
        await trio.lowlevel.checkpoint()
