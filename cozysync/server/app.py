"""The server as one application: what its interfaces share, and their routes.

The server orders, stores and checks what can be checked without keys.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from cozysync.server.access import Access
from cozysync.server.api.log import LogApi
from cozysync.server.api.mailboxes import MailboxesApi
from cozysync.server.api.operators import OperatorsApi
from cozysync.server.api.packs import PacksApi
from cozysync.server.api.sessions import SessionsApi
from cozysync.server.api.vaults import VaultsApi
from cozysync.server.collection import Collection, Keeping
from cozysync.server.collector import Collector
from cozysync.server.gate import Gate
from cozysync.server.limits import Limits
from cozysync.server.mailbox import Mailboxes
from cozysync.server.offload import Offload, to_thread
from cozysync.server.packs import DirectoryPacks
from cozysync.server.quota import Quota
from cozysync.server.sessions import Sessions
from cozysync.server.store import SqliteStore
from cozysync.server.turns import Turns
from cozysync.server.web import nothing_there


class Server:
    """One store, its packs, and the interface to both."""

    def __init__(
        self,
        store: SqliteStore,
        packs: DirectoryPacks,
        *,
        now_s: Callable[[], float],
        entropy: Callable[[int], bytes],
        offload: Offload = to_thread,
        keeping: Keeping | None = None,
        limits: Limits | None = None,
        quota_bytes: int | None = None,
    ) -> None:
        self._store = store
        turns = Turns(offload)
        keeping = keeping or Keeping()
        collection = Collection(store, packs, keeping)
        self._collector = collector = Collector(collection, store, turns, now_s, keeping.pause_s)
        sessions = Sessions(store.secret("sessions"), now_s, entropy)
        access = Access(sessions, store, turns, now_s)
        self._quota = quota = Quota(
            quota_bytes, lambda vault: packs.used(vault) + store.used(vault), now_s
        )
        self._log = LogApi(store, quota, turns, access, collector.news)
        self._gate = Gate(self._answer, access.named, limits or Limits())
        self._operators = OperatorsApi(now_s, store, packs, turns, self._gate, self._log)
        self._parts = (
            self._operators,
            VaultsApi(store, turns, access, packs, collector.news),
            SessionsApi(sessions, store, turns),
            self._log,
            PacksApi(packs, store, quota, turns, access, offload),
            MailboxesApi(Mailboxes(now_s), access),
        )
        self._routed = self.routes()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._routed(scope, receive, send)

    def app(self) -> ASGIApp:
        """The ASGI application."""
        return self._gate

    def routes(self) -> Starlette:
        """What is behind the gate."""
        app = Starlette(
            routes=[route for part in self._parts for route in part.routes()],
            exception_handlers={404: nothing_there, 405: nothing_there},
            lifespan=self._lifespan,
        )
        app.router.redirect_slashes = False  # what is not there is not there
        return app

    def stop_waiting(self) -> None:
        """Let every waiting reader go, so that the server can stop."""
        self._operators.is_stopping = True
        self._log.stop_waiting()

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._collector.run)
            yield
            self.stop_waiting()
            tasks.cancel_scope.cancel()
        self._store.close()
