"""How far the log reached when this device came in: a position, and the head there.

Whoever joins or recovers reads and verifies the whole log once, to find its keys, and keeps of it
this. The replica reads the same log again, perhaps much later; a server that went back in between,
or has another history, would else be believed. Kept in the replica, so that `rejoin` drops it.
"""

from dataclasses import dataclass

from cozysync.replica import DamagedDatabase
from cozysync.sync.replica import Replica
from cozysync_protocol import (
    GENESIS_HEAD,
    NOWHERE,
    ForkDetected,
    HeadHash,
    LogState,
    Malformed,
    Position,
    Reader,
    decode,
    encode,
)

_PIN = "pin"
_VERSION = 1
_MOST_BYTES = 64


@dataclass(frozen=True, slots=True)
class Pin:
    """The end of a log that was verified; the default pins nothing."""

    position: Position = NOWHERE
    head: HeadHash = GENESIS_HEAD

    @classmethod
    def at(cls, state: LogState) -> "Pin":
        """The end of what was verified here."""
        return cls(state.position, state.head)

    @classmethod
    def load(cls, replica: Replica) -> "Pin":
        """What `save` kept; raises `DamagedDatabase`."""
        kept = replica.settings.get(_PIN)
        try:
            return cls.decode(kept) if kept is not None else cls()
        except Malformed as error:
            raise DamagedDatabase(replica.database.path, f"{error}") from error

    def save(self, replica: Replica) -> None:
        """Keep it."""
        replica.settings.set(_PIN, self.encode())

    def check(self, state: LogState) -> None:
        """Raise `ForkDetected` when a state has another head there.

        One that has gone on by more than the remembered heads is not compared.
        """
        if state.heads.get(self.position, self.head) != self.head:
            raise ForkDetected(
                f"another history up to position {self.position} than when this device came in"
            )

    def encode(self) -> bytes:
        """Bytes to keep."""
        return encode([_VERSION, self.position, self.head])

    @classmethod
    def decode(cls, data: bytes) -> "Pin":
        """The pin in bytes that `encode` made; raises `Malformed`."""
        read = Reader(decode(data, max_bytes=_MOST_BYTES), "pin", fields=3)
        if read.integer() != _VERSION:
            raise Malformed("a pin of an unknown version")
        return cls(Position(read.integer()), HeadHash(read.exactly(32)))
