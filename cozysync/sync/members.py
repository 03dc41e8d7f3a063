"""Who is in the vault: renaming and revoking devices, and the epoch that follows a revocation.

A device that writes a control entry cannot know what others write at the same time; the log's
order decides, and an entry that came too late changes nothing. So nothing here believes in an entry
before it has come back from the log, and whoever reads there that an epoch is due starts it.
"""

from dataclasses import dataclass

import trio

from cozysync.sync.conflict_names import seconds
from cozysync.sync.ledger import Ledger, last_written
from cozysync.sync.pull import Puller
from cozysync.sync.status import DeviceStatus
from cozysync.vault import CozyError, ExitCode, start_epoch
from cozysync_protocol import (
    Control,
    DeviceId,
    DeviceRenamed,
    DeviceRevoked,
    LogState,
    Position,
    PublicKeys,
    Sequence,
    encode_control,
)

# How long a person waits for the log before being told that it goes on by itself.
PATIENCE_S = 45.0
_PAUSE_S = 0.05
_SHORTEST_ID = 6


class NoSuchDevice(CozyError):
    """A name that no device of the vault has, or that several have."""

    exit_code = ExitCode.USAGE

    def __init__(self, wanted: str, names: list[str]) -> None:
        super().__init__(
            f"No device, or more than one, is called «{wanted}».",
            f"The devices are: {', '.join(names)}; cozysync devices list shows the ids that tell "
            "apart what has one name.",
        )


class LastDevice(CozyError):
    """Nobody would be left to let others in."""

    exit_code = ExitCode.USAGE

    def __init__(self) -> None:
        super().__init__(
            "This is the last device of the vault: without it only the recovery phrase leads in.",
            "Show that you have the phrase: cozysync devices revoke asks for it when run here.",
        )


class NameTaken(CozyError):
    """Two devices of one name could not be told apart."""

    exit_code = ExitCode.USAGE

    def __init__(self, name: str) -> None:
        super().__init__(f"A device is called «{name}» already.", "Choose another name.")


@dataclass(frozen=True, slots=True)
class Done:
    """What became of it: `name` of the device, and whether the server has it by now."""

    name: str
    confirmed: bool


class Members:
    """The devices of the vault, as one of them may change them."""

    def __init__(self, ledger: Ledger, puller: Puller, root_wrapping: bytes) -> None:
        self._ledger = ledger
        self._puller = puller
        self._root_wrapping = root_wrapping
        self._asked = Sequence(0)

    async def run(self) -> None:
        """Start every epoch that the log shows to be due, for ever."""
        while True:
            position = await self._ledger.do(self._start_due_epoch)
            await self._puller.reach(Position(position + 1))

    def all(self) -> tuple[DeviceStatus, ...]:
        """All devices that ever were in the vault, in the order of their coming."""
        state = self._ledger.log_state()
        names = self._ledger.device_names() if state.devices else {}
        settings, me = self._ledger.replica.settings, self._ledger.device.id

        def wrote(device: DeviceId) -> float | None:
            time = settings.get_int(last_written(device))
            return seconds(time) if time else None

        return tuple(
            DeviceStatus(
                name=names[device],
                id=device.hex(),
                last_written=wrote(device),
                position=state.position if device == me else each.seen,
                this=device == me,
                revoked=each.revoked,
            )
            for device, each in state.devices.items()
        )

    async def rename(self, device: str, name: str) -> Done:
        """Call a device otherwise; raises `NoSuchDevice`, `NameTaken` or `BadName`."""

        def write() -> tuple[str, Sequence]:
            found, old = self._find(device)
            if name in self._ledger.device_names().values():
                raise NameTaken(name)
            sealed = self._ledger.keys.seal_name(found, name)
            return old, self._write(DeviceRenamed(found, sealed))

        old, sequence = await self._ledger.do(write)
        return Done(old, await self._confirmed(sequence))

    async def revoke(self, device: str, *, last: bool = False) -> Done:
        """Put a device out of the vault and start an epoch whose secret it is not given.

        `last` allows it for the last device. Raises `NoSuchDevice` or `LastDevice`.
        """

        def write() -> tuple[DeviceId, str, Sequence]:
            found, name = self._find(device)
            state = self._ledger.log_state()
            remaining = _enrolled(state, without=found)
            if not remaining and not last:
                raise LastDevice
            with self._ledger.replica.database.transaction():
                sequence = self._write(DeviceRevoked(found))
                if found != self._ledger.device.id:  # who is out cannot write: others will
                    sequence = self._write(self._epoch(remaining))
                    self._asked = sequence
            return found, name, sequence

        found, name, sequence = await self._ledger.do(write)
        return Done(name, await self._confirmed(sequence, gone=found))

    def _start_due_epoch(self) -> Position:
        state = self._ledger.log_state()
        me = state.devices.get(self._ledger.device.id)
        if state.epoch_due and me is not None and not me.revoked and me.sequence >= self._asked:
            with self._ledger.replica.database.transaction():
                self._asked = self._write(self._epoch(_enrolled(state)))
        return state.position

    def _epoch(self, remaining: list[PublicKeys]) -> Control:
        return start_epoch(self._ledger.keys, remaining, self._root_wrapping).control

    def _write(self, control: Control) -> Sequence:
        return self._ledger.write_control(encode_control(control))

    async def _confirmed(self, sequence: Sequence, gone: DeviceId | None = None) -> bool:
        with trio.move_on_after(PATIENCE_S):
            while not await self._ledger.do(lambda: self._is_done(sequence, gone)):  # noqa: ASYNC110
                await trio.sleep(_PAUSE_S)
            return True
        return False

    def _is_done(self, sequence: Sequence, gone: DeviceId | None) -> bool:
        if gone == self._ledger.device.id:  # the server shows it nothing any more
            return self._ledger.replica.outbox.count() == 0
        state = self._ledger.log_state()
        written = state.devices[self._ledger.device.id].sequence >= sequence
        return written and not (gone is not None and state.epoch_due)

    def _find(self, wanted: str) -> tuple[DeviceId, str]:
        """The one device of that name, or whose id begins so; a revoked one only by its id."""
        state, names = self._ledger.log_state(), self._ledger.device_names()
        found = [
            device
            for device, name in names.items()
            if (name == wanted and not state.devices[device].revoked)
            or (len(wanted) >= _SHORTEST_ID and device.hex().startswith(wanted.lower()))
        ]
        if len(found) != 1:
            raise NoSuchDevice(wanted, sorted(names.values()))
        return found[0], names[found[0]]


def _enrolled(state: LogState, without: DeviceId | None = None) -> list[PublicKeys]:
    return [
        each.keys
        for device, each in state.devices.items()
        if not each.revoked and device != without
    ]
