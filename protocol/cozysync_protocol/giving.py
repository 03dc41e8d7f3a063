"""Giving a server back what it has lost: entries, each at the place that it had."""

from dataclasses import dataclass

from cozysync_protocol.codec import Reader, decode, encode
from cozysync_protocol.errors import Malformed
from cozysync_protocol.ids import HeadHash, Position
from cozysync_protocol.limits import (
    MAX_APPEND_BYTES,
    MAX_APPEND_ENTRIES,
    MAX_ENTRY,
    MAX_INVITATION,
)
from cozysync_protocol.messages import LogFrame

MAX_GIVEN_BACK = MAX_APPEND_BYTES + 64 * MAX_APPEND_ENTRIES + 128
"""An encoded `GivenBack`: what an append may hold, each entry with its position and head."""


@dataclass(frozen=True, slots=True)
class GivenBack:
    """Entries that a server has lost, in order, on the way to `goal`, the last of them all.

    `invitation` stands in for a session where the server's log does not know who gives (it may
    have lost just that); empty for a device that has a session.
    """

    goal: Position
    frames: tuple[LogFrame, ...]
    invitation: str = ""

    def encode(self) -> bytes:
        """Canonical bytes."""
        frames = [[frame.position, frame.head, frame.entry] for frame in self.frames]
        return encode([self.goal, self.invitation, frames])

    @classmethod
    def decode(cls, data: bytes) -> "GivenBack":
        """Raises `Malformed`."""
        read = Reader(decode(data, max_bytes=MAX_GIVEN_BACK), "given back", fields=3)
        goal, invitation = Position(read.integer(1)), read.text(MAX_INVITATION)
        frames: list[LogFrame] = []
        for value in read.array(MAX_APPEND_ENTRIES):
            each = Reader(value, "frame", fields=3)
            position, head = Position(each.integer(1)), HeadHash(each.exactly(32))
            frames.append(LogFrame(position, head, each.blob(MAX_ENTRY)))
        if not frames:
            raise Malformed("given back: no entry")
        return cls(goal, tuple(frames), invitation)
