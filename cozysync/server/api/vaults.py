"""Vaults: made with an invitation; and the pointer to each one's newest snapshot."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cozysync.server.access import Access
from cozysync.server.failures import Refusal
from cozysync.server.packs import Packs
from cozysync.server.store import SqliteStore
from cozysync.server.turns import Turns
from cozysync.server.web import BINARY, body_of, message, route, whole_number
from cozysync_protocol import (
    MAX_INTEGER,
    MAX_MESSAGE,
    CreateVault,
    ErrorCode,
    VaultId,
    encode,
)


class VaultsApi:
    """The handlers, and the store that they ask.

    `moved_on` is called when a vault's log may begin later than before.
    """

    def __init__(
        self,
        store: SqliteStore,
        turns: Turns,
        access: Access,
        packs: Packs,
        moved_on: Callable[[VaultId], None],
    ) -> None:
        self._packs = packs
        self._moved_on = moved_on
        self._store = store
        self._turns = turns
        self._access = access

    def routes(self) -> list[Route]:
        snapshot = "/v1/vaults/{vault}/snapshot"
        return [
            route("/v1/vaults", self.create, "POST"),
            route(snapshot, self.get_snapshot, "GET"),
            route(snapshot, self.put_snapshot, "PUT"),
        ]

    async def create(self, request: Request) -> Response:
        asked = CreateVault.decode(await body_of(request, MAX_MESSAGE))
        head = await self._turns.take(
            lambda: self._store.create_vault(asked.invitation, asked.entry)
        )
        return message(encode([1, head]))

    async def get_snapshot(self, request: Request) -> Response:
        vault = await self._access.vault(request)
        version, pointer = await self._turns.take(lambda: self._store.snapshots.pointer(vault))
        return Response(pointer, media_type=BINARY, headers={"etag": f'"{version}"'})

    async def put_snapshot(self, request: Request) -> Response:
        vault = await self._access.vault(request)
        tag = request.headers.get("if-match")
        if tag is None:
            raise Refusal(ErrorCode.MALFORMED, "a snapshot is set with If-Match")
        expected = whole_number(tag.strip('"'), MAX_INTEGER, "If-Match")
        pointer = await body_of(request, MAX_MESSAGE)

        def set_pointer() -> int:
            old = self._store.snapshots.packs(vault)
            version = self._store.snapshots.put(vault, expected, pointer)
            for pack in old:  # who is in the midst of reading them has the grace period
                self._packs.touch(vault, pack)
            return version

        version = await self._turns.take(set_pointer)
        self._moved_on(vault)
        return Response(status_code=204, headers={"etag": f'"{version}"'})
