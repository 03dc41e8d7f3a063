"""The log: entries come in, and go out to readers that may wait for the next ones."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import anyio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cozysync.server.access import Access
from cozysync.server.appends import Appends
from cozysync.server.failures import Refusal
from cozysync.server.quota import Quota
from cozysync.server.sharing import Shared
from cozysync.server.store import SqliteStore
from cozysync.server.turns import Turns
from cozysync.server.web import BINARY, asked_number, body_of, message, route, vault_of
from cozysync_protocol import (
    MAX_APPEND_BYTES,
    MAX_GIVEN_BACK,
    MAX_MESSAGE,
    MAX_WAIT_SECONDS,
    Append,
    Appended,
    Begun,
    ErrorCode,
    GivenBack,
    LogFrame,
    LogState,
    Position,
    VaultId,
    encode,
    encode_frame,
)

T = TypeVar("T")

# One answer to a reader: it verifies and applies as it reads, so more would only wait.
ENTRIES_PER_READ = 256
BYTES_PER_READ = 8 * 1024 * 1024
_FURTHEST = 2**62
# A device that gives back sends its next request at once; one that has gone must not block others.
GIVING_WITHIN_S = 30.0


class LogApi:
    """The handlers, and who waits for news of which vault. `appended` counts entries taken.

    `moved_on` is called when a device has read further than before.
    """

    def __init__(
        self,
        store: SqliteStore,
        quota: Quota,
        turns: Turns,
        access: Access,
        moved_on: Callable[[VaultId], None],
    ) -> None:
        self._store = store
        self._quota = quota
        self._appends = Appends(store, quota, turns)
        self._turns = turns
        self._access = access
        self._moved_on = moved_on
        self._news: dict[VaultId, anyio.Event] = {}
        self._closing = anyio.Event()
        self._reads: Shared[bytes] = Shared()
        # To which position a device is giving back, and until when its next request is waited for.
        self._giving: dict[VaultId, tuple[int, float]] = {}
        self.appended = 0

    def routes(self) -> list[Route]:
        log = "/v1/vaults/{vault}/log"
        return [
            route(log, self.read, "GET"),
            route(log, self.append, "POST"),
            route(log + "/given-back", self.take_back, "POST"),
            route(log + "/begun", self.begin, "POST"),
        ]

    def stop_waiting(self) -> None:
        """Let every waiting reader go, so that the server can stop."""
        self._closing.set()
        for event in self._news.values():
            event.set()

    async def append(self, request: Request) -> Response:
        vault = await self._access.vault(request)
        verified = asked_number(request, "verified", _FURTHEST)
        asked = Append.decode(await body_of(request, MAX_APPEND_BYTES + MAX_MESSAGE))
        if vault in self._giving:
            await self._wait_for_giver(vault)
        places = await self._appends.take(vault, asked.entries, verified)
        self.appended += len(places)
        self._tell(vault)
        return message(Appended(tuple(places)).encode())

    async def take_back(self, request: Request) -> Response:
        asked = GivenBack.decode(await body_of(request, MAX_GIVEN_BACK))
        invitation = asked.invitation or None
        if invitation is None:
            vault = await self._access.vault(request)
        else:
            vault = vault_of(request)
        end = await self._turns.take(partial(self._taken_back, vault, asked.frames, invitation))
        if end < asked.goal:
            self._giving[vault] = (asked.goal, anyio.current_time() + GIVING_WITHIN_S)
        else:
            self._giving.pop(vault, None)
        self._tell(vault)
        return message(encode([end]))

    async def begin(self, request: Request) -> Response:
        vault, asked = vault_of(request), Begun.decode(await body_of(request, MAX_GIVEN_BACK))
        begin = partial(self._store.returns.begin, vault, asked)
        await self._turns.take(partial(self._counted, vault, begin))
        self._tell(vault)
        return Response(status_code=204)

    def _taken_back(
        self, vault: VaultId, frames: Sequence[LogFrame], invitation: str | None
    ) -> Position:
        take = partial(self._store.returns.take_back, vault, frames, invitation)
        return self._counted(vault, take)

    def _counted(self, vault: VaultId, take: Callable[[Callable[[int], None]], T]) -> T:
        """What `take` returns, which is told whether there is room, and whose entries count."""
        added = 0

        def room(size: int) -> None:
            nonlocal added
            self._quota.check_entries(vault, size)
            added = size

        taken = take(room)
        self._quota.add(vault, added)
        return taken

    async def _wait_for_giver(self, vault: VaultId) -> None:
        """Keep new entries from getting between those that a device is giving back."""
        state = await self._turns.take(lambda: self._store.state(vault))
        goal, until = self._giving.get(vault, (0, 0.0))
        if state is not None and state.position < goal and anyio.current_time() < until:
            raise Refusal(ErrorCode.UNAVAILABLE, "another device is giving back what was lost")
        self._giving.pop(vault, None)

    def _tell(self, vault: VaultId) -> None:
        news = self._news.pop(vault, None)
        if news is not None:
            news.set()

    async def read(self, request: Request) -> Response:
        vault, device = await self._access.device(request)
        after = asked_number(request, "after", _FURTHEST)
        if asked_number(request, "control", 1):
            return await self._controls(vault, after)
        state = await self._access.state(vault)
        if state is not None and self._store.heard(state, device, after):
            self._moved_on(vault)
        wait = asked_number(request, "wait", MAX_WAIT_SECONDS)
        frames = await self._frames(vault, after)
        if state is not None and after > state.position:
            wait = 0  # it has read more than there is: this server has gone back, and is to say so
        if not frames and wait:
            with anyio.move_on_after(wait):
                while not frames and not self._closing.is_set():
                    news = self._news.setdefault(vault, anyio.Event())
                    frames = await self._frames(vault, after)
                    if frames:
                        break
                    await news.wait()
        return await self._answer(vault, frames)

    async def _controls(self, vault: VaultId, after: int) -> Response:
        """Control entries alone: they stay when the log before a snapshot goes."""
        frames = await self._turns.take(partial(self._read, vault, after, control=True))
        return await self._answer(vault, frames)

    async def _answer(self, vault: VaultId, frames: bytes) -> Response:
        state = await self._access.state(vault) or LogState(vault)
        headers = {"cozysync-end": str(state.position), "cozysync-head": state.head.hex()}
        return Response(frames, media_type=BINARY, headers=headers)

    async def _frames(self, vault: VaultId, after: int) -> bytes:
        """What comes after a position, as it is sent; looked up once for all who wait for it."""
        state = await self._access.state(vault)
        if state is not None and after == state.position:
            return b""
        question = vault, after, state.position if state is not None else 0
        ask = partial(self._turns.take, partial(self._read, vault, after))
        return await self._reads.get(question, ask)

    def _read(self, vault: VaultId, after: int, *, control: bool = False) -> bytes:
        frames = self._store.read(vault, after, ENTRIES_PER_READ, BYTES_PER_READ, control=control)
        return b"".join(map(encode_frame, frames))
