"""Letting another device in: the side that shows the code."""

from collections.abc import Callable
from dataclasses import dataclass

import trio

from cozysync.sync.device_names import free_name
from cozysync.sync.ledger import Ledger
from cozysync.sync.pull import Puller
from cozysync.sync.remote import Remote, Unreachable
from cozysync.vault import Grant, Newcomer, Offer, PairingCode, PairingFailed, add_device, new_code
from cozysync_protocol import MAILBOX_SECONDS, LogState, Position, encode_control

Entropy = Callable[[int], bytes]

# A waiting read of the mailbox; it is asked again until the code has expired.
WAIT_S = 30
# Each needs another device to start an epoch in the same moment.
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Known:
    """What a newcomer is told besides: the root's public wrapping key, and the server's key."""

    root_wrapping: bytes
    server_key: bytes = b""


class Offering:
    """A device that is being added: `code` is for the person, `finished` does the rest."""

    def __init__(
        self,
        ledger: Ledger,
        remote: Remote,
        puller: Puller,
        known: Known,
        code: PairingCode,
        offer: Offer,
    ) -> None:
        self._ledger = ledger
        self._remote = remote
        self._puller = puller
        self._known = known
        self._box = code.mailbox
        self._offer = offer
        self.code = str(code)

    async def finished(self) -> str:
        """Return the other device's name once it is in.

        Raises `WrongCode` after the one wrong guess, or `PairingFailed`. The mailbox is closed
        whenever this ends without success, so the code is worth nothing any more.
        """
        try:
            with trio.move_on_after(MAILBOX_SECONDS):
                return await self._converse()
            raise PairingFailed("No device joined within ten minutes, so the code has expired.")
        except BaseException:
            with trio.move_on_after(2, shield=True):
                await self._close()
            raise

    async def _converse(self) -> str:
        await self._leave(1, self._offer.confirm(await self._collect(0)))
        newcomer = self._offer.meet(await self._collect(1))
        name, state = await self._enrol(newcomer)
        grant = Grant(
            state.root_signing,
            self._known.root_wrapping,
            state.position,
            state.head,
            self._known.server_key,
        )
        await self._leave(2, self._offer.grant(grant))
        return name

    async def _enrol(self, newcomer: Newcomer) -> tuple[str, LogState]:
        """Write the enrolment, and return once the server's log is seen to hold it.

        An epoch that another device started just then makes it incomplete, and it is written anew.
        """

        def write() -> tuple[str, int]:
            name = free_name(newcomer.name, set(self._ledger.device_names().values()))
            control = add_device(self._ledger.keys, newcomer.keys, name)
            with self._ledger.replica.database.transaction():
                return name, self._ledger.write_control(encode_control(control))

        for _ in range(_TRIES):
            name, sequence = await self._ledger.do(write)
            state = await self._logged(sequence)
            if newcomer.keys.device in state.devices:
                return name, state
        raise PairingFailed("Other devices change the vault's keys again and again.")

    async def _logged(self, sequence: int) -> LogState:
        while True:
            state = await self._ledger.do(self._ledger.log_state)
            if state.devices[self._ledger.device.id].sequence >= sequence:
                return state
            await self._puller.reach(Position(state.position + 1))

    async def _collect(self, index: int) -> bytes:
        while True:
            message = await self._remote.collect(self._box, "join", index, WAIT_S)
            if message is not None:
                return message

    async def _leave(self, index: int, message: bytes) -> None:
        await self._remote.leave(self._box, "offer", index, message)

    async def _close(self) -> None:
        try:
            await self._remote.close_mailbox(self._box)
        except Unreachable:
            return  # it expires by itself


async def begin_offer(
    ledger: Ledger, remote: Remote, puller: Puller, known: Known, entropy: Entropy
) -> Offering:
    """Open a mailbox and leave the first message; raises `Unreachable` or `Refused`."""
    code = new_code(remote.url, await remote.open_mailbox(), entropy)
    offer = Offer(code, entropy)
    await remote.leave(code.mailbox, "offer", 0, offer.start())
    return Offering(ledger, remote, puller, known, code, offer)
