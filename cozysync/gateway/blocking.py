"""The view for threads that block, as WSGI applications have them."""

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import trio

from cozysync.gateway.view import Changes, Entry, Space, View, Written

T = TypeVar("T")


class BlockingView:
    """Every method of `View`, to be called from a thread while trio runs in another.

    Make it on the event loop. When the loop ends, whatever waits raises `trio.RunFinishedError`.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._token = trio.lowlevel.current_trio_token()

    @property
    def staging(self) -> Path:
        """As `View.staging`."""
        return self._view.staging

    def entry(self, path: str) -> Entry:
        """As `View.entry`."""
        return self._run(partial(self._view.entry, path))

    def find(self, node: str) -> Entry:
        """As `View.find`."""
        return self._run(partial(self._view.find, node))

    def children(self, path: str) -> list[Entry]:
        """As `View.children`."""
        return self._run(partial(self._view.children, path))

    def read(
        self, path: str, version: str | None = None, start: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        """As `View.read`; nothing is raised before the first piece is asked for."""
        pieces = self._view.read(path, version, start, length)

        async def piece() -> bytes | None:
            return await anext(pieces, None)

        try:
            while (data := self._run(piece)) is not None:
                yield data
        finally:
            self._run(pieces.aclose)

    def versions(self, path: str) -> list[Entry]:
        """As `View.versions`."""
        return self._run(partial(self._view.versions, path))

    def write(
        self, path: str, staged: Path, *, base: str | None = None, mtime_ns: int | None = None
    ) -> Written:
        """As `View.write`."""
        return self._run(partial(self._view.write, path, staged, base=base, mtime_ns=mtime_ns))

    def make_directory(self, path: str) -> Entry:
        """As `View.make_directory`."""
        return self._run(partial(self._view.make_directory, path))

    def remove(self, path: str, *, base: str | None = None) -> None:
        """As `View.remove`."""
        self._run(partial(self._view.remove, path, base=base))

    def move(
        self, source: str, target: str, *, replace: bool = False, base: str | None = None
    ) -> Entry:
        """As `View.move`."""
        return self._run(partial(self._view.move, source, target, replace=replace, base=base))

    def copy(self, source: str, target: str, *, replace: bool = False) -> Entry:
        """As `View.copy`."""
        return self._run(partial(self._view.copy, source, target, replace=replace))

    def changes(self, path: str, cursor: str | None = None, limit: int = 1000) -> Changes:
        """As `View.changes`."""
        return self._run(partial(self._view.changes, path, cursor, limit))

    def wait(self, path: str, cursor: str, timeout_s: float) -> bool:
        """As `View.wait`."""
        return self._run(partial(self._view.wait, path, cursor, timeout_s))

    def space(self) -> Space:
        """As `View.space`."""
        return self._run(self._view.space)

    def conflicts(self) -> int:
        """As `View.conflicts`."""
        return self._run(self._view.conflicts)

    def _run(self, call: Callable[[], Awaitable[T]]) -> T:
        return trio.from_thread.run(call, trio_token=self._token)
