"""Bodies of the server's interface: typed values and their canonical bytes."""

from dataclasses import dataclass

from cozysync_protocol.codec import Reader, decode, encode
from cozysync_protocol.errors import Malformed
from cozysync_protocol.ids import DeviceId, HeadHash, PackId, Position, VaultId
from cozysync_protocol.limits import (
    MAX_APPEND_BYTES,
    MAX_APPEND_ENTRIES,
    MAX_ENTRY,
    MAX_INVITATION,
    MAX_MESSAGE,
    MAX_PACK,
    MAX_PACK_LIST,
)

_SESSION_LABEL = b"cozysync session 1"
_FRAME_OVERHEAD = 64
_APPEND_FRAMING = 16 * MAX_APPEND_ENTRIES


@dataclass(frozen=True, slots=True)
class Info:
    """What a server speaks and allows. `server_time_ms` since 1970."""

    oldest_version: int
    newest_version: int
    max_entry: int
    max_pack: int
    server_time_ms: int

    def encode(self) -> bytes:
        """Canonical bytes."""
        return encode(
            [
                self.oldest_version,
                self.newest_version,
                self.max_entry,
                self.max_pack,
                self.server_time_ms,
            ]
        )

    @classmethod
    def decode(cls, data: bytes) -> "Info":
        """Raises `Malformed`."""
        read = Reader(decode(data, max_bytes=MAX_MESSAGE), "info", fields=5)
        return cls(read.integer(1), read.integer(1), read.integer(), read.integer(), read.integer())


@dataclass(frozen=True, slots=True)
class CreateVault:
    """A new vault: the owner's invitation and the encoded first entry."""

    invitation: str
    entry: bytes

    def encode(self) -> bytes:
        """Canonical bytes."""
        return encode([self.invitation, self.entry])

    @classmethod
    def decode(cls, data: bytes) -> "CreateVault":
        """Raises `Malformed`."""
        read = Reader(decode(data, max_bytes=MAX_MESSAGE), "create vault", fields=2)
        return cls(read.text(MAX_INVITATION), read.blob(MAX_MESSAGE))


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """A device asks for a session; the answer is a `Challenge`."""

    vault: VaultId
    device: DeviceId

    def encode(self) -> bytes:
        """Canonical bytes."""
        return encode([self.vault, self.device])

    @classmethod
    def decode(cls, data: bytes) -> "SessionRequest":
        """Raises `Malformed`."""
        read = Reader(decode(data, max_bytes=MAX_MESSAGE), "session request", fields=2)
        return cls(VaultId(read.exactly(16)), DeviceId(read.exactly(16)))


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the device must sign; opaque to it."""

    nonce: bytes

    def encode(self) -> bytes:
        """Canonical bytes."""
        return encode([self.nonce])

    @classmethod
    def decode(cls, data: bytes) -> "Challenge":
        """Raises `Malformed`."""
        return cls(Reader(decode(data, max_bytes=MAX_MESSAGE), "challenge", fields=1).blob(128))


@dataclass(frozen=True, slots=True)
class SessionProof:
    """The answer to a challenge; the reply is a `Session`."""

    vault: VaultId
    device: DeviceId
    nonce: bytes
    signature: bytes

    def encode(self) -> bytes:
        """Canonical bytes."""
        return encode([self.vault, self.device, self.nonce, self.signature])

    @classmethod
    def decode(cls, data: bytes) -> "SessionProof":
        """Raises `Malformed`."""
        read = Reader(decode(data, max_bytes=MAX_MESSAGE), "session proof", fields=4)
        vault, device = VaultId(read.exactly(16)), DeviceId(read.exactly(16))
        return cls(vault, device, read.blob(128), read.exactly(64))


def session_signed_part(vault: VaultId, device: DeviceId, nonce: bytes) -> bytes:
    """What a device signs to open a session."""
    return _SESSION_LABEL + vault + device + nonce


@dataclass(frozen=True, slots=True)
class Session:
    """A bearer token and its life in seconds."""

    token: str
    expires_in_s: int

    def encode(self) -> bytes:
        """Canonical bytes."""
        return encode([self.token, self.expires_in_s])

    @classmethod
    def decode(cls, data: bytes) -> "Session":
        """Raises `Malformed`."""
        read = Reader(decode(data, max_bytes=MAX_MESSAGE), "session", fields=2)
        return cls(read.text(1024), read.integer())

    def __repr__(self) -> str:
        return f"Session(expires_in_s={self.expires_in_s})"


@dataclass(frozen=True, slots=True)
class Append:
    """Encoded entries to add to the log in this order, all or none."""

    entries: tuple[bytes, ...]

    def encode(self) -> bytes:
        """Canonical bytes."""
        return encode(list(self.entries))

    @classmethod
    def decode(cls, data: bytes) -> "Append":
        """Raises `Malformed`."""
        values = decode(data, max_bytes=MAX_APPEND_BYTES + _APPEND_FRAMING)
        if not isinstance(values, list) or not 0 < len(values) <= MAX_APPEND_ENTRIES:
            raise Malformed(f"append: not 1 to {MAX_APPEND_ENTRIES} entries")
        read = Reader(values, "append", fields=len(values))
        return cls(tuple(read.blob(MAX_ENTRY) for _ in values))


@dataclass(frozen=True, slots=True)
class Appended:
    """The position and head that each appended entry got."""

    positions: tuple[tuple[Position, HeadHash], ...]

    def encode(self) -> bytes:
        """Canonical bytes."""
        return encode([[position, head] for position, head in self.positions])

    @classmethod
    def decode(cls, data: bytes) -> "Appended":
        """Raises `Malformed`."""
        values = decode(data, max_bytes=MAX_MESSAGE)
        if not isinstance(values, list) or len(values) > MAX_APPEND_ENTRIES:
            raise Malformed("appended: not a list of positions")
        positions: list[tuple[Position, HeadHash]] = []
        for value in values:
            read = Reader(value, "appended", fields=2)
            positions.append((Position(read.integer(1)), HeadHash(read.exactly(32))))
        return cls(tuple(positions))


@dataclass(frozen=True, slots=True)
class PackList:
    """Some pack ids: those asked about, or of those the ones the server lacks."""

    packs: tuple[PackId, ...]

    def encode(self) -> bytes:
        """Canonical bytes."""
        return encode(list(self.packs))

    @classmethod
    def decode(cls, data: bytes) -> "PackList":
        """Raises `Malformed`."""
        values = decode(data, max_bytes=MAX_PACK_LIST * 34 + 8)
        read = Reader([values], "pack list", fields=1)
        return cls(tuple(PackId(pack) for pack in read.blobs(32, MAX_PACK_LIST)))


@dataclass(frozen=True, slots=True)
class LogFrame:
    """One entry of the log as the server hands it out: its place, the head there, its bytes."""

    position: Position
    head: HeadHash
    entry: bytes


def encode_frame(frame: LogFrame) -> bytes:
    """A frame of the log stream: u32 length (big endian), then the canonical array."""
    body = encode([frame.position, frame.head, frame.entry])
    return len(body).to_bytes(4, "big") + body


class FrameReader:
    """Cuts a stream into frames, whatever pieces it comes in."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[LogFrame]:
        """The frames completed by these bytes; raises `Malformed`."""
        self._buffer += data
        frames: list[LogFrame] = []
        start = 0
        while len(self._buffer) - start >= 4:
            length = int.from_bytes(self._buffer[start : start + 4], "big")
            if length > MAX_ENTRY + _FRAME_OVERHEAD:
                raise Malformed("a frame that is longer than an entry may be")
            end = start + 4 + length
            if len(self._buffer) < end:
                break
            frames.append(_decode_frame(bytes(self._buffer[start + 4 : end])))
            start = end
        del self._buffer[:start]
        return frames

    @property
    def is_between_frames(self) -> bool:
        """Whether the stream may end here."""
        return not self._buffer


def _decode_frame(body: bytes) -> LogFrame:
    read = Reader(decode(body, max_bytes=MAX_ENTRY + _FRAME_OVERHEAD), "frame", fields=3)
    return LogFrame(Position(read.integer(1)), HeadHash(read.exactly(32)), read.blob(MAX_ENTRY))


def this_server(now_ms: int) -> Info:
    """The `Info` of a server that speaks this package's version."""
    return Info(1, 1, MAX_ENTRY, MAX_PACK, now_ms)
