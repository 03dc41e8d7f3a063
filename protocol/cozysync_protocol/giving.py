"""Giving a server back what it has lost: entries at the places that they had, or a beginning."""

from dataclasses import dataclass

from cozysync_protocol.chain import LogState
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
        return cls(goal, _frames_of(read, "given back"), invitation)


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the log of a vault begins on a server that has lost all of it: at a snapshot.

    `state` is what the log up to there says, `controls` are the control entries by which that can
    be checked, in order, from the vault's first entry on; those that doom packs are left out.
    """

    invitation: str
    state: LogState
    controls: tuple[LogFrame, ...]

    def encode(self) -> bytes:
        """Canonical bytes."""
        controls = [[frame.position, frame.head, frame.entry] for frame in self.controls]
        return encode([self.invitation, self.state.encode(), controls])

    @classmethod
    def decode(cls, data: bytes) -> "Begun":
        """Raises `Malformed`."""
        read = Reader(decode(data, max_bytes=MAX_GIVEN_BACK), "begun", fields=3)
        invitation = read.text(MAX_INVITATION)
        state = LogState.decode(read.blob(MAX_GIVEN_BACK))
        return cls(invitation, state, _frames_of(read, "begun"))


def _frames_of(read: Reader, what: str) -> tuple[LogFrame, ...]:
    frames: list[LogFrame] = []
    for value in read.array(MAX_APPEND_ENTRIES):
        each = Reader(value, "frame", fields=3)
        position, head = Position(each.integer(1)), HeadHash(each.exactly(32))
        frames.append(LogFrame(position, head, each.blob(MAX_ENTRY)))
    if not frames:
        raise Malformed(f"{what}: no entry")
    return tuple(frames)
