"""The real server application on its own machine, which can be killed and started again."""

import math
import os
import shutil
import sqlite3
from email.utils import formatdate

import httpx
import trio

from cozysync.server import backup
from cozysync.server.app import Server
from cozysync.server.collection import Keeping
from cozysync.server.files import RealFiles
from cozysync.server.packs import DirectoryPacks
from cozysync.server.store import SqliteStore
from cozysync_protocol import Append, Appended, Problem
from tests.simulation.server_checks import Promises


class Machine:
    """The server's machine. What it has promised is remembered in `promises`."""

    def __init__(self, root, vault, now_s, chance, trace, nursery, keeping=None):
        self._root, self.vault, self._now_s = root, vault, now_s
        self._keeping = keeping or Keeping()
        self._chance, self._trace, self._nursery = chance, trace, nursery
        self._generation = 0
        self._scope = None
        self._backup = root / "backup"
        self.is_up = False
        self.promises = Promises(vault, self._keeping.grace_s, trace)

    @property
    def data(self):
        return self._root / f"server{self._generation}"

    async def start(self):
        self.packs = DirectoryPacks(self.data / "packs", _Disk(self._now_s))
        self.store = SqliteStore(self.data / "server.db", self.packs.missing, self._now_s)
        self.store._connection.execute("PRAGMA synchronous=OFF")  # a crash is a copy
        server = Server(
            self.store, self.packs, now_s=self._now_s, entropy=self._chance.randbytes,
            offload=self._offload, keeping=self._keeping,
        )  # fmt: skip
        self._app = server.app()
        await self._nursery.start(self._run)
        self.is_up = True
        self._trace("server", "starts")

    async def _run(self, task_status):
        async with trio.open_nursery() as self._requests:
            self._scope = self._requests.cancel_scope
            await self._requests.start(self._live)
            task_status.started()
            await trio.sleep_forever()

    async def _live(self, task_status):
        """What the application does from its start to its end, besides answering."""

        messages = [{"type": "lifespan.startup"}]

        async def hear():
            if not messages:
                await trio.sleep_forever()
            return messages.pop()

        async def say(message):
            await trio.lowlevel.checkpoint()
            if message["type"] == "lifespan.startup.complete":
                task_status.started()

        try:
            await self._app({"type": "lifespan", "asgi": {"version": "3.0"}}, hear, say)
        except* trio.BrokenResourceError:
            if self.is_up:
                raise

    def crash(self):
        """It is gone in this instant; what was committed is what remains."""
        self._trace("server", "crashes")
        old = self.data
        self._generation += 1
        shutil.copytree(old, self.data, ignore=shutil.ignore_patterns("*-shm"))
        self.is_up = False
        self._scope.cancel()
        self.store.close()

    def back_up(self):
        """As `cozysync server backup`, while it runs."""
        self._trace("server", "is backed up")
        backup.backup(self.data, self._backup)

    async def come_back(self, how):
        """With a backup (with its database alone when `replaced`), or with nothing at all."""
        self.crash()
        self._trace("server", "comes back", how)
        self._trace.count(f"server {how}")
        if how != "replaced":
            shutil.rmtree(self.data)
            self.data.mkdir()
        if how != "empty":
            backup.restore(self.data, self._backup, replace=how == "replaced")
        for path in (self.data / "packs").glob("*/*/*"):
            os.utime(path, (self._now_s(), self._now_s()))  # as just copied
        await self.start()
        self.promises.forget(self.packs)

    def position(self):
        state = self.store.state(self.vault)
        return state.position if state is not None else 0

    def take(self, request, body, whole):
        """Begin to work on a request, or on what has come of it."""
        exchange = Exchange(request, body, whole, self)
        self._requests.start_soon(exchange.run, self._app)
        return exchange

    def take_later(self, request, body, seconds):
        async def later():
            await trio.sleep(seconds)
            await Exchange(request, body, True, self).run(self._app)

        self._requests.start_soon(later)

    async def _offload(self, work):
        await trio.lowlevel.checkpoint()
        try:
            return work()
        except sqlite3.ProgrammingError:
            if self.is_up:
                raise
            raise trio.BrokenResourceError from None  # the process is gone

    def heard(self, request, body, status, answer):
        """Note what the server has promised to keep."""
        path = request.url.path
        if request.method == "POST" and path.endswith("/log") and status == 200:
            places = Appended.decode(answer).positions
            self.promises.took(Append.decode(body).entries, places, self.packs)
        if request.method == "PUT" and "/packs/" in path and status == 204:
            self.promises.stored(bytes.fromhex(path.rpartition("/")[2]), self.packs)
        if request.method == "PUT" and path.endswith("/snapshot") and status == 204:
            self._trace.count("snapshot")
        if status >= 400:
            self._trace.count(f"refused: {Problem.decode(answer).code}")

    def lacks(self):
        """What it promised and does not hold, a sentence each."""
        yield from self.promises.broken(self.store, self.packs, self._now_s())


class _Disk(RealFiles):
    """A disk on which what comes bears this machine's time."""

    def __init__(self, now_s):
        self._now_s = now_s

    def rename(self, old, new):
        super().rename(old, new)
        self.touch(new)

    def touch(self, path):
        os.utime(path, (self._now_s(), self._now_s()))


class Exchange:
    """One request as the server sees it, and its answer on the way."""

    def __init__(self, request, body, whole, server):
        self._request, self._body, self._whole, self._server = request, body, whole, server
        self._in = [body] if whole else [body, None]
        self._send, self._receive = trio.open_memory_channel(math.inf)
        self._left = trio.Event()
        self._over = False
        self._status = 0
        self._answer = b""

    def leave(self):
        """The client does not listen any more."""
        self._left.set()

    async def begun(self):
        """Status and headers."""
        message = await self._next()
        assert message["type"] == "http.response.start"
        return message["status"], message["headers"]

    async def piece(self):
        """The next piece of the body, None at its end."""
        if self._over:
            return None
        message = await self._next()
        self._over = not message.get("more_body")
        return message.get("body", b"")

    async def _next(self):
        try:
            return await self._receive.receive()
        except trio.EndOfChannel:
            raise httpx.RemoteProtocolError("the server went away") from None

    async def run(self, app):
        url = self._request.url
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1", "method": self._request.method, "scheme": "http",
            "path": url.path, "raw_path": url.raw_path, "query_string": url.query,
            "root_path": "", "client": ("device", 1), "server": ("server", 80),
            "headers": [(k.lower(), v) for k, v in self._request.headers.raw],
        }  # fmt: skip
        with self._send:
            try:
                await app(scope, self._hear, self._say)
            except trio.BrokenResourceError:
                return

    async def _hear(self):
        await trio.lowlevel.checkpoint()
        if self._in and self._in[0] is not None:
            piece = self._in.pop(0)
            half = len(piece) // 2
            if half > 100 and self._whole:  # a body comes in pieces
                self._in.insert(0, piece[half:])
                piece = piece[:half]
            return {"type": "http.request", "body": piece, "more_body": bool(self._in)}
        if not self._whole:
            return {"type": "http.disconnect"}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _say(self, message):
        await trio.lowlevel.checkpoint()
        if message["type"] == "http.response.start":
            self._status = message["status"]
            date = formatdate(self._server._now_s(), usegmt=True).encode()
            message = {**message, "headers": [*message["headers"], (b"date", date)]}
        else:
            self._answer += message.get("body", b"")
            if not message.get("more_body") and self._whole:
                self._server.heard(self._request, self._body, self._status, self._answer)
        await self._send.send(message)
