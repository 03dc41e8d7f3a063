"""Who asks: a device of a vault, by the token of its session.

Whoever lacks a session for a vault learns nothing of it, not even whether it exists.
"""

from collections.abc import Callable
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.requests import Request

from cozysync.server.failures import Refusal
from cozysync.server.rights import is_enrolled, signing_key
from cozysync.server.sessions import Sessions
from cozysync.server.store import SqliteStore
from cozysync.server.turns import Turns
from cozysync_protocol import ROOT_DEVICE, DeviceId, ErrorCode, LogState, VaultId

# A device's last contact is written down at most this often: for people, and minutes will do.
CONTACT_EVERY_S = 60


class Access:
    """Tells whom a request speaks for; raises `Refusal` when for nobody."""

    def __init__(
        self, sessions: Sessions, store: SqliteStore, turns: Turns, now_s: Callable[[], float]
    ) -> None:
        self._sessions = sessions
        self._store = store
        self._turns = turns
        self._now_s = now_s
        self._contacts: dict[tuple[VaultId, DeviceId], float] = {}

    def named(self, headers: Headers) -> tuple[VaultId, DeviceId] | None:
        """Whom the token in these headers speaks for, enrolled or not."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return self._sessions.bearer(token) if scheme.lower() == "bearer" else None

    def bearer(self, request: Request) -> tuple[VaultId, DeviceId]:
        """As `named`; raises `Refusal` when the token speaks for nobody."""
        bearer = self.named(request.headers)
        if bearer is None:
            raise Refusal(ErrorCode.NO_SESSION, "open a session first")
        return bearer

    async def device(self, request: Request) -> tuple[VaultId, DeviceId]:
        """The vault in the request's path and the enrolled device that asks on its behalf."""
        vault, device = self.bearer(request)
        if request.path_params["vault"] != vault.hex():
            raise Refusal(ErrorCode.NO_SESSION, "the session is for another vault")
        state = await self.state(vault)
        if state is None or signing_key(state, device) is None:
            raise Refusal(ErrorCode.NO_SESSION, "the device is not known here")  # any more
        if not is_enrolled(state, device):
            raise Refusal(ErrorCode.DEVICE_REVOKED, "this device was revoked")
        if device != ROOT_DEVICE:
            await self._note_contact(vault, device)
        return vault, device

    async def state(self, vault: VaultId) -> LogState | None:
        """What is verified of a vault's log, or None; usually without waiting for a turn."""
        known = self._store.at_hand(vault)
        return known or await self._turns.take(lambda: self._store.state(vault))

    async def _note_contact(self, vault: VaultId, device: DeviceId) -> None:
        now = self._now_s()
        if 0 <= now - self._contacts.get((vault, device), 0) < CONTACT_EVERY_S:
            return
        self._contacts[vault, device] = now
        with suppress(Refusal):  # a full disk keeps nobody from reading
            await self._turns.take(lambda: self._store.note_contact(vault, device))

    async def vault(self, request: Request) -> VaultId:
        """The vault in the request's path, once it is clear that the asker may speak for it."""
        vault, _ = await self.device(request)
        return vault
