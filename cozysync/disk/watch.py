"""Watching a folder: hints where to scan, never more."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import trio
from watchfiles import Change, awatch

from cozysync.disk.posix import PRIVATE

# Events closer together than the step come as one; a larger one only adds to the delay.
STEP_MS = 5
DEBOUNCE_MS = 50
# Where watching is not to be had, the folder is looked through this often.
POLL_S = 5.0


class Watcher:
    """Watches one folder; `how` says by which means, for `status`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.how = "inotify"

    async def dirty(self) -> AsyncIterator[set[bytes] | None]:
        """Sets of directories where something may have changed; None means anywhere."""
        try:
            async for changes in awatch(
                self._root,
                watch_filter=self._wanted,
                step=STEP_MS,
                debounce=DEBOUNCE_MS,
                recursive=True,
            ):
                yield {self._directory(path) for _, path in changes}
        except OSError as error:
            self.how = (
                f"polling every {POLL_S:g} s ({error}; raise fs.inotify.max_user_watches: "
                "sysctl fs.inotify.max_user_watches=1048576)"
            )
        while True:
            await trio.sleep(POLL_S)
            yield None

    def _wanted(self, _change: Change, path: str) -> bool:
        first = os.fsencode(os.path.relpath(path, self._root)).partition(b"/")[0]
        return first != PRIVATE

    def _directory(self, path: str) -> bytes:
        relative = os.fsencode(os.path.relpath(path, self._root))
        return relative.rpartition(b"/")[0] if relative != b"." else b""
