"""The view over a running engine."""

import shutil
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import trio

from cozysync.gateway.answers import (
    changes_since,
    entry_at,
    entry_in,
    entry_of,
    is_news,
    known_at,
    node_id,
)
from cozysync.gateway.contents import Contents, InPlace
from cozysync.gateway.errors import (
    IsDirectory,
    NoRoom,
    NotDirectory,
    NotFound,
    Stale,
    Unavailable,
)
from cozysync.gateway.follower import Follower
from cozysync.gateway.index import Known, Look, ViewIndex
from cozysync.gateway.keeper import Keeper
from cozysync.gateway.names import text
from cozysync.gateway.places import Places
from cozysync.gateway.shown import ShownTree, recipe_in
from cozysync.gateway.view import Changes, Entry, Outcome, Space, Written
from cozysync.gateway.writes import Authored, Lacking, Writes
from cozysync.replica import DatabaseUnusable
from cozysync.sync.alarm import AlarmKind
from cozysync.sync.download import Downloader
from cozysync.sync.engine import Engine
from cozysync_conflict import Content, Kind, NodeId
from cozysync_conflict import Outcome as Met
from cozysync_protocol import PackId

T = TypeVar("T")

_STAGING = "staging"
# Packs that move at once for all phones together: they leave room for the folders.
_DOWNLOADS = 4
# For so long a write waits to be brought together with what others wrote.
_MERGE_S = 30.0
_AGAIN_S = 1.0
# The latest time that a file bears, in 2116, and before 1970 the earliest: what phones say may be
# anything, and what no disk can keep would stop the folders of others.
_LATEST_NS = 1 << 62
# How often a content is sealed anew because a pack that it leaned on was given up meanwhile.
_ATTEMPTS = 5


@asynccontextmanager
async def view_of(engine: Engine) -> AsyncIterator["EngineView"]:
    """The view over an engine that runs, for as long as the block lasts.

    Entering takes a while in a large vault: what phones were told is compared with what is there.
    """
    index = await engine.seams.offload(partial(_opened, engine))
    view = EngineView(engine, index)
    try:
        await view.begin()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(view.follow)
            yield view
            nursery.cancel_scope.cancel()
    finally:
        view.close()


def _opened(engine: Engine) -> ViewIndex:
    place = engine.home.gateway
    (place / _STAGING).mkdir(mode=0o700, parents=True, exist_ok=True)
    return ViewIndex(place / "index.db", engine.seams.entropy)


class EngineView:
    """A `View`; see `view_of`. Any number of phones may share one."""

    def __init__(self, engine: Engine, index: ViewIndex) -> None:
        self._engine = engine
        self._ledger = ledger = engine.ledger
        self._seams = seams = engine.seams
        self._directory = engine.home.gateway
        self._index = index
        self._follower = Follower(ledger, index, seams)
        self._writes = Writes(ledger, self._follower.caught_up)
        self._places = Places(ledger, self._follower.caught_up)
        downloader = Downloader(ledger, engine.link, engine.remote, seams, _DOWNLOADS)
        self._contents = Contents(ledger, engine.link, downloader, seams)
        self._keeper = Keeper(ledger, engine.link, engine.remote, seams)

    @property
    def staging(self) -> Path:
        """See `View`."""
        return self._directory / _STAGING

    async def begin(self) -> None:
        """Compare with the replica; to be called once, before anything else."""
        await self._follower.begin()

    async def follow(self) -> None:
        """Follow the replica for ever."""
        await self._follower.run()

    def close(self) -> None:
        """Let go of the files."""
        self._follower.end()
        self._index.close()

    # --- reading -----------------------------------------------------------------------------

    async def entry(self, path: str) -> Entry:
        """See `View`."""
        return await self._look(partial(entry_at, path))

    async def find(self, node: str) -> Entry:
        """See `View`."""
        return await self._look(partial(entry_of, node_id(node)))

    async def children(self, path: str) -> list[Entry]:
        """See `View`."""

        def work(look: Look) -> list[Entry]:
            known = known_at(look, path)
            if known.row.kind is not Kind.DIRECTORY:
                raise NotDirectory(path)
            life = look.life().id
            return [entry_in(each, life) for each in look.children(known.row.node)]

        return await self._look(work)

    async def read(
        self, path: str, version: str | None = None, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """See `View`."""
        known = await self._look(lambda look: known_at(look, path))
        if known.row.kind is Kind.DIRECTORY:
            raise IsDirectory(path)
        find = partial(self._content, path, known.row.node, version)
        content, there = await self._do(find)
        async with aclosing(self._contents.pieces(path, content, there, start, length)) as pieces:
            async for piece in pieces:
                yield piece

    async def versions(self, path: str) -> list[Entry]:
        """See `View`."""
        known = await self._look(lambda look: known_at(look, path))
        if known.row.kind is Kind.DIRECTORY:
            raise IsDirectory(path)
        return await self._do(partial(self._versions, path, known))

    async def space(self) -> Space:
        """See `View`."""
        used = await self._look(Look.used)
        free = await self._seams.offload(partial(shutil.disk_usage, self._directory))
        return Space(used, free.free)

    async def conflicts(self) -> int:
        """See `View`."""
        return await self._do(self._engine.inbox.count)

    def _content(
        self, path: str, node: NodeId, version: str | None
    ) -> tuple[Content, InPlace | None]:
        state = self._ledger.replica.tree.get(node)
        content = ShownTree(self._ledger).content(state) if state is not None else None
        if content is None:
            raise NotFound(path)
        if version is not None and content.digest.hex() != version:
            known = [
                each.content
                for each in self._ledger.replica.tree.versions(node)
                if each.content.digest.hex() == version and each.content.detail
            ]
            if not known:
                raise Stale(path)
            content = known[-1]
        return content, self._contents.in_place(node, content.digest)

    def _versions(self, path: str, known: Known) -> list[Entry]:
        found: list[Entry] = []
        for each in reversed(self._ledger.replica.tree.versions(known.row.node)):
            recipe = recipe_in(each.content)
            if recipe is not None:
                row = known.row._replace(
                    digest=each.content.digest, mtime_ns=recipe.mtime_ns, size=recipe.size
                )
                found.append(entry_in(known._replace(row=row), ""))
        return found

    # --- writing -----------------------------------------------------------------------------

    async def write(
        self, path: str, staged: Path, *, base: str | None = None, mtime_ns: int | None = None
    ) -> Written:
        """See `View`."""
        self._check_in_vault()
        await self._do(partial(self._writes.target, path, base))
        time = self._seams.now_ns() if mtime_ns is None else mtime_ns
        time = max(-_LATEST_NS, min(time, _LATEST_NS))
        for _ in range(_ATTEMPTS):
            kept = await self._keeper.keep(staged, time)
            needed: set[PackId] = set()
            try:
                authored, needed = await self._do(
                    partial(self._in_transaction, partial(self._writes.write, path, base, kept))
                )
            except Lacking:
                continue
            finally:
                with trio.CancelScope(shield=True):
                    await self._keeper.let_go(kept, needed=needed)
            return await self._written(authored)
        raise Unavailable(f"{path} could not be kept.", "Send it again.")

    async def make_directory(self, path: str) -> Entry:
        """See `View`."""
        return await self._done(partial(self._places.make_directory, path))

    async def remove(self, path: str, *, base: str | None = None) -> None:
        """See `View`."""
        await self._author(partial(self._places.remove, path, base))

    async def move(
        self, source: str, target: str, *, replace: bool = False, base: str | None = None
    ) -> Entry:
        """See `View`."""
        return await self._done(
            partial(self._places.move, source, target, replace=replace, base=base)
        )

    async def copy(self, source: str, target: str, *, replace: bool = False) -> Entry:
        """See `View`."""
        return await self._done(partial(self._places.copy, source, target, replace=replace))

    async def _done(self, work: Callable[[], NodeId]) -> Entry:
        node = await self._author(work)
        return await self._look(partial(entry_of, node))

    async def _author(self, work: Callable[[], T]) -> T:
        self._check_in_vault()
        result = await self._do(partial(self._in_transaction, work))
        await self._follower.catch_up()
        return result

    def _check_in_vault(self) -> None:
        """Take nothing that would never arrive."""
        alarm = self._engine.alarms.standing
        if alarm is not None and alarm.kind in (AlarmKind.REVOKED, AlarmKind.LOCKED_OUT):
            raise Unavailable(alarm.reason, alarm.remedy)

    def _in_transaction(self, work: Callable[[], T]) -> T:
        with self._ledger.replica.database.transaction():
            return work()

    async def _written(self, authored: Authored) -> Written:
        authored = await self._settled(authored)
        await self._follower.catch_up()

        def work(look: Look) -> Written:
            entry = entry_of(authored.node, look)
            if authored.met is Met.MERGED and entry.version != authored.digest.hex():
                return Written(Outcome.MERGED, entry)
            if authored.met in (Met.BESIDE, Met.INBOX):
                copies = [known for node in authored.copies if (known := look.node(node))]
                beside = sorted(text(known.row.path) for known in copies)
                return Written(Outcome.CONFLICT, entry, tuple(beside))
            return Written(Outcome.WRITTEN, entry)

        return await self._look(work)

    async def _settled(self, authored: Authored) -> Authored:
        """Wait for what has to be fetched first, as long as there is a server to fetch it from."""
        with trio.move_on_after(_MERGE_S):
            while authored.waits and self._engine.link.reachable:
                news = self._follower.news
                authored = await self._do(partial(self._writes.outcome, authored))
                if authored.waits:
                    with trio.move_on_after(_AGAIN_S):
                        await news.wait()
        return authored

    # --- changes -----------------------------------------------------------------------------

    async def changes(self, path: str, cursor: str | None = None, limit: int = 1000) -> Changes:
        """See `View`."""
        return await self._look(partial(changes_since, path, cursor, limit))

    async def wait(self, path: str, cursor: str, timeout_s: float) -> bool:
        """See `View`."""
        end = trio.current_time() + timeout_s
        while True:
            news = self._follower.news
            if await self._look(partial(is_news, path, cursor)):
                return True
            with trio.move_on_at(end) as scope:
                await news.wait()
            if scope.cancelled_caught:
                return False

    async def _do(self, work: Callable[[], T]) -> T:
        """As `Ledger.do`, in the words of the view."""
        try:
            return await self._ledger.do(work)
        except DatabaseUnusable as error:
            code = getattr(error.__cause__, "sqlite_errorcode", 0)
            kind = NoRoom if code & 0xFF == sqlite3.SQLITE_FULL else Unavailable
            raise kind(error.message, error.remedy) from error

    async def _look(self, question: Callable[[Look], T]) -> T:
        return await self._follower.look(question)
