"""Beginning with a snapshot instead of the whole log: finding one, checking it, taking it in.

A snapshot is believed for the same reasons as an entry: a device that the log has enrolled signed
its pointer, and its pieces are sealed under keys that only devices hold. Who is enrolled is read
from the control entries, which stay when the rest of the log goes; so the server can withhold a
snapshot or show an older one, and the heads of what follows tell.
"""

import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from cozysync.content import unpack_chunk
from cozysync.replica import Opening, read_snapshot
from cozysync.sync.beginning import Beginnings
from cozysync.sync.ledger import Ledger
from cozysync.sync.link import Link
from cozysync.sync.remote import Refused, Remote
from cozysync.sync.seams import Seams
from cozysync.vault import CozyError, VaultKeys
from cozysync_protocol import (
    MAX_PACK,
    Begun,
    Control,
    ErrorCode,
    ForkDetected,
    LogFrame,
    LogState,
    Malformed,
    NotAllowed,
    PackId,
    PacksDoomed,
    Position,
    SnapshotPointer,
    VaultId,
    check_pack,
    decode_control,
    decode_entry,
    hands_out_secrets,
    read_index,
    survey,
)

_LENGTH = 4


class NoStart(CozyError):
    """The log does not reach back to where this device is, and no snapshot leads on from there."""

    def __init__(self) -> None:
        super().__init__(
            "The server's log no longer begins where this device has read up to, and there is no "
            "snapshot to start from by a device that is still in the vault.",
            "Let another device of the vault run for a while: it makes one. Nothing here is lost.",
        )


@dataclass(frozen=True, slots=True)
class Members:
    """Who is in a vault, from its control entries alone: `state` has no position.

    `given` are the control actions that hand out secrets, and where in the log they are.
    """

    state: LogState
    given: tuple[tuple[Position, Control], ...]

    @property
    def controls(self) -> tuple[Control, ...]:
        """All of those actions."""
        return tuple(control for _, control in self.given)

    def controls_up_to(self, position: Position) -> list[Control]:
        """Those of them that stand no later than this."""
        return [control for place, control in self.given if place <= position]

    def check(self, pointer: SnapshotPointer) -> None:
        """Raise a `ProtocolError` unless a device that is in the vault signed the pointer."""
        signer = self.state.devices.get(pointer.device)
        if pointer.vault != self.state.vault or signer is None:
            raise NotAllowed("a snapshot by a device that is not in the vault")
        pointer.verify(signer.keys.signing)

    def are_behind(self, pointer: SnapshotPointer) -> bool:
        """Whether the device that made the snapshot may still write."""
        signer = self.state.devices.get(pointer.device)
        return signer is not None and not signer.revoked

    def check_opening(self, pointer: SnapshotPointer, state: LogState) -> None:
        """Raise `ForkDetected` when a snapshot says otherwise than its pointer or this."""
        claimed = (pointer.vault, pointer.position, pointer.head, pointer.epoch)
        if (state.vault, state.position, state.head, state.epoch) != claimed:
            raise ForkDetected("a snapshot of another state than its pointer says")
        if state.root_signing != self.state.root_signing or any(
            device not in self.state.devices or self.state.devices[device].keys != each.keys
            for device, each in state.devices.items()
        ):
            raise ForkDetected("a snapshot with devices that the log does not know")


def members_of(vault: VaultId, frames: Sequence[LogFrame]) -> Members:
    """What the control entries say; raises a `ProtocolError` for one that nobody may write."""
    state = LogState(vault)
    given: list[tuple[Position, Control]] = []
    for frame in frames:
        entry = decode_entry(frame.entry)
        before, state = state, survey(state, entry)
        if hands_out_secrets(before, state):
            given.append((frame.position, decode_control(entry.body)))
    return Members(state, tuple(given))


async def pieces_of(
    remote: Remote,
    link: Link | None,
    keys: VaultKeys,
    pointer: SnapshotPointer,
    keep: Callable[[PackId, bytes], Awaitable[None]] | None = None,
) -> AsyncGenerator[bytes, None]:
    """A snapshot's pieces, pack by pack, each checked before it is opened; `keep` is handed them.

    Raises `Malformed`, or `Refused` when a newer snapshot has taken the place of this one.
    """
    for pack in pointer.packs:
        get = partial(remote.get_pack, pack, 0, MAX_PACK)
        data = await (link.attempt(get) if link is not None else get())
        check_pack(pack, data)
        if keep is not None:
            await keep(pack, data)
        view = memoryview(data)
        for each in read_index(data, keys.open_index):
            sealed = view[each.offset : each.offset + each.length]
            piece = unpack_chunk(keys.open_chunk(sealed, each.chunk))
            if keys.chunk_id(piece) != each.chunk:
                raise Malformed("a piece of a snapshot that does not fit its name")
            yield piece


async def opening_of(remote: Remote, keys: VaultKeys, pointer: SnapshotPointer) -> Opening:
    """The first piece of a snapshot."""
    async with aclosing(pieces_of(remote, None, keys, pointer)) as pieces:
        async for piece in pieces:
            return Opening.decode(piece)
    raise Malformed("a snapshot without a piece")


class Starter:
    """Takes a snapshot into this device's replica."""

    def __init__(self, ledger: Ledger, link: Link, remote: Remote, seams: Seams) -> None:
        self._ledger = ledger
        self._link = link
        self._remote = remote
        self._seams = seams
        self._beginnings = Beginnings(ledger.replica.database.path, ledger.replica.settings)

    async def start(self, *, needed: bool) -> bool:
        """Start from the newest snapshot if it is ahead of what was read; whether it was.

        What was written here and is not in the snapshot stays, and is sent. `needed` says that
        the log does not lead on: then it raises `NoStart` when no snapshot does either.
        """
        while True:
            version, pointer = await self._link.attempt(self._remote.snapshot)
            try:
                if pointer is not None and await self._from(pointer):
                    return True
            except Refused as error:
                again, _ = await self._link.attempt(self._remote.snapshot)
                if error.code is not ErrorCode.NOT_FOUND or again == version:
                    raise
                continue  # a newer one took its place meanwhile
            if needed:
                raise NoStart
            return False

    async def _from(self, pointer: SnapshotPointer) -> bool:
        ledger = self._ledger
        state = await ledger.do(ledger.log_state)
        if pointer.position <= state.position:
            return False
        frames = await self._link.attempt(self._remote.controls)
        members = members_of(ledger.keys.vault, frames)
        members.check(pointer)
        if not members.are_behind(pointer):
            return False
        await ledger.do(partial(ledger.learn, members.controls))
        with tempfile.TemporaryFile(dir=ledger.replica.database.path.parent) as spool:
            await self._seams.offload(partial(self._beginnings.prepare, pointer))
            keep = partial(self._keep_pack, pointer)
            came = pieces_of(self._remote, self._link, ledger.keys, pointer, keep)
            async with aclosing(came) as pieces:
                async for piece in pieces:
                    await self._seams.offload(partial(_keep, spool, piece))
            await ledger.do(partial(self._take, pointer, members, frames, spool))
        await self._seams.offload(self._beginnings.clear)
        return True

    async def _keep_pack(self, pointer: SnapshotPointer, pack: PackId, data: bytes) -> None:
        await self._seams.offload(partial(self._beginnings.keep, pointer, pack, data))

    def _take(
        self,
        pointer: SnapshotPointer,
        members: Members,
        frames: Sequence[LogFrame],
        spool: BinaryIO,
    ) -> None:
        spool.seek(0)
        connection = self._ledger.replica.database.connection

        def install() -> Opening:
            known = self._ledger.log_state()
            opening = read_snapshot(connection, _kept(spool))
            members.check_opening(pointer, opening.state)
            if self._ledger.device.id not in members.state.devices:
                raise NotAllowed("control entries by which this device is not in the vault")
            _check_continues(known, opening.state)
            controls = tuple(_who_is_in(frames, pointer.position))
            self._beginnings.complete(pointer, Begun("", opening.state, controls))
            self._beginnings.began(pointer.position)
            return opening

        self._ledger.adopt(install)


def _who_is_in(frames: Sequence[LogFrame], position: Position) -> Iterator[LogFrame]:
    """The control entries up to a position that say who is in the vault."""
    for frame in frames:
        control = decode_control(decode_entry(frame.entry).body)
        if frame.position <= position and not isinstance(control, PacksDoomed):
            yield frame


def _check_continues(known: LogState, state: LogState) -> None:
    """Raise `ForkDetected` when a later state does not follow on what was verified here."""
    head = state.heads.get(known.position)
    if known.position and head is not None and head != known.head:
        raise ForkDetected(f"a snapshot with another history up to position {known.position}")
    for device, each in known.devices.items():
        later = state.devices.get(device)
        if later is None or later.sequence < each.sequence or (each.revoked and not later.revoked):
            raise ForkDetected("a snapshot that knows less than was known here")


def _keep(spool: BinaryIO, piece: bytes) -> None:
    spool.write(len(piece).to_bytes(_LENGTH, "big") + piece)


def _kept(spool: BinaryIO) -> Iterator[bytes]:
    while length := spool.read(_LENGTH):
        yield spool.read(int.from_bytes(length, "big"))
