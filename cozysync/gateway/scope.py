"""What one phone may see and do: all folders or some, writing or only reading; a view of it."""

import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

import trio

from cozysync.gateway.errors import Forbidden, NotFound
from cozysync.gateway.names import parts_of
from cozysync.gateway.view import ROOT, Changes, Entry, Removed, Space, View, Written


@dataclass(frozen=True, slots=True)
class Scope:
    """`folders` are the names of the vault's folders that a phone sees; None is all of them."""

    folders: tuple[str, ...] | None = None
    read_only: bool = False

    def holds(self, path: str) -> bool:
        """Whether the phone may know of this path. Raises `BadPath`."""
        parts = parts_of(path)
        return not parts or self.folders is None or parts[0] in self.folders


class ScopedView:
    """A view within a scope: the rest is not there for reading, and forbidden for writing."""

    def __init__(self, view: View, scope: Scope) -> None:
        self._view = view
        self._scope = scope

    @property
    def staging(self) -> Path:
        return self._view.staging

    async def entry(self, path: str) -> Entry:
        self._check(path)
        entry = await self._view.entry(path)
        return await self._narrowed(entry) if path == ROOT else entry

    async def find(self, node: str) -> Entry:
        entry = await self._view.find(node)
        if not self._scope.holds(entry.path):
            raise NotFound(node)
        return await self._narrowed(entry) if entry.path == ROOT else entry

    async def children(self, path: str) -> list[Entry]:
        self._check(path)
        return [each for each in await self._view.children(path) if self._scope.holds(each.path)]

    async def read(
        self, path: str, version: str | None = None, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        self._check(path)
        async with aclosing(self._view.read(path, version, start, length)) as pieces:
            async for piece in pieces:
                yield piece

    async def versions(self, path: str) -> list[Entry]:
        self._check(path)
        return await self._view.versions(path)

    async def write(
        self, path: str, staged: Path, *, base: str | None = None, mtime_ns: int | None = None
    ) -> Written:
        self._check_write(path)
        return await self._view.write(path, staged, base=base, mtime_ns=mtime_ns)

    async def make_directory(self, path: str) -> Entry:
        self._check_write(path)
        return await self._view.make_directory(path)

    async def remove(self, path: str, *, base: str | None = None) -> None:
        self._check_write(path)
        await self._view.remove(path, base=base)

    async def move(
        self, source: str, target: str, *, replace: bool = False, base: str | None = None
    ) -> Entry:
        self._check(source)
        self._check_write(source)
        self._check_write(target)
        return await self._view.move(source, target, replace=replace, base=base)

    async def copy(self, source: str, target: str, *, replace: bool = False) -> Entry:
        self._check(source)
        self._check_write(target)
        return await self._view.copy(source, target, replace=replace)

    async def changes(self, path: str, cursor: str | None = None, limit: int = 1000) -> Changes:
        self._check(path)
        page = await self._view.changes(path, cursor, limit)
        if path != ROOT or self._scope.folders is None:
            return page
        return replace(
            page,
            changed=tuple(each for each in page.changed if self._scope.holds(each.path)),
            removed=tuple(
                self._without_strange_places(each)
                for each in page.removed
                if self._scope.holds(each.path)
            ),
        )

    async def wait(self, path: str, cursor: str, timeout_s: float) -> bool:
        self._check(path)
        end = trio.current_time() + timeout_s
        while await self._view.wait(path, cursor, max(end - trio.current_time(), 0)):
            page = await self.changes(path, cursor)
            if page.changed or page.removed:
                return True
            cursor = page.cursor  # what happened is none of this phone's business
        return False

    async def space(self) -> Space:
        return await self._view.space()

    async def conflicts(self) -> int:
        return await self._view.conflicts()

    def _check(self, path: str) -> None:
        if not self._scope.holds(path):
            raise NotFound(path)

    def _check_write(self, path: str) -> None:
        """Say the same whether something is there or not."""
        if not self._scope.holds(path):
            raise Forbidden(path, "it is outside what this phone may see")
        if self._scope.read_only:
            raise Forbidden(path, "this phone may only read")

    async def _narrowed(self, root: Entry) -> Entry:
        """The root, whose version tells nothing of folders that the phone does not see."""
        if self._scope.folders is None:
            return root
        digest = hashlib.sha256()
        for each in await self.children(ROOT):
            digest.update(f"{each.node} {each.version}\n".encode())
        return replace(root, version=digest.hexdigest()[:32])

    def _without_strange_places(self, removed: Removed) -> Removed:
        if removed.moved_to is None or self._scope.holds(removed.moved_to):
            return removed
        return replace(removed, moved_to=None)
