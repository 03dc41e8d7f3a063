"""Watching a folder: hints where to scan, never more."""

import ctypes
import errno
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import trio
from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

from cozysync.disk.posix import PRIVATE

# Events closer together than the step come as one; a larger one only adds to the delay.
STEP_MS = 5
DEBOUNCE_MS = 50
# Where watching is not to be had, the folder is looked through this often; where it is, this is
# how often the watch asks whether its directory is still the one at that path.
POLL_S = 5.0
# After an error of the watch itself it begins anew, this much later.
RESTART_S = 1.0
# The kernel drops what does not fit into its queue (16,384 events), and the library does not say
# so. A file that is made is up to five events, so whoever has missed some hears of more paths than
# this at once; at other times even a busy disk does not bring as many in `DEBOUNCE_MS`.
MANY = 2000

INOTIFY = "inotify"

_IN_DELETE_SELF = 0x400
_libc = ctypes.CDLL(None, use_errno=True)


class Watcher:
    """Watches one folder; `how` says by which means, for `status`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.how = INOTIFY

    async def dirty(self) -> AsyncIterator[set[bytes] | None]:
        """Sets of directories where something may have changed; None means anywhere.

        None comes first, as soon as the watch stands, and after every gap in it.
        """
        while True:
            try:
                watch = await _Watch.begin(self._root)
            except OSError as error:
                self.how = _polling(error)
                yield None
                await trio.sleep(POLL_S)
                continue
            self.how = INOTIFY
            with watch:
                yield None
                while (paths := await watch.changes()) is not None:
                    if directories := self._directories(paths):
                        yield directories
            yield None
            await trio.sleep(RESTART_S)

    def _directories(self, paths: set[str]) -> set[bytes]:
        # Cut off rather than worked out: a wave of files tells of thousands of paths at once.
        root = os.path.join(self._root, "")
        private = os.path.join(root, os.fsdecode(PRIVATE))
        above = {
            path.rpartition("/")[0]
            for path in paths
            if path != private and not path.startswith(private + "/")
        }
        below = {os.fsencode(path[len(root) :]) for path in above if path.startswith(root)}
        # What happened to the root itself, or right in it, has no directory below it.
        return below | {b""} if any(not path.startswith(root) for path in above) else below


class _Watch:
    """One watch of one directory, until it is closed or breaks."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._stop = threading.Event()
        self._identity = _identity(root)
        if self._identity is None:
            # The library takes a path that is not there without a word.
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fspath(root))
        self._notify = RustNotify([str(root)], False, False, 0, True, True)
        if _watches_ran_out(root):
            # The library goes on without a word, blind for the rest of the tree.
            self._notify.close()
            raise OSError(errno.ENOSPC, "there are not enough watches", os.fspath(root))

    @classmethod
    async def begin(cls, root: Path) -> "_Watch":
        """A watch that stands. In a thread: adding a large tree to the watch takes its time."""
        return await trio.to_thread.run_sync(cls, root)

    def __enter__(self) -> "_Watch":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()  # for a thread that was left waiting
        self._notify.close()

    async def changes(self) -> set[str] | None:
        """Paths that changed, perhaps none; None when this watch is of no use any more.

        That is so after so many changes that some may be missing: a directory made among those is
        not watched.
        """
        try:
            told: set[tuple[int, str]] | str = await trio.to_thread.run_sync(
                self._notify.watch,
                DEBOUNCE_MS,
                STEP_MS,
                int(POLL_S * 1000),
                self._stop,
                abandon_on_cancel=True,
            )
        except WatchfilesRustInternalError:
            # A name that the library cannot say (not UTF-8).
            return None
        if isinstance(told, str):
            is_whole = _identity(self._root) == self._identity and not _watches_ran_out(self._root)
            return set() if is_whole else None
        paths = {path for _, path in told}
        return paths if len(paths) < MANY else None


def _watches_ran_out(root: Path) -> bool:
    """Whether the kernel gives out no more watches; asked by taking one more."""
    handle = _libc.inotify_init1(os.O_CLOEXEC)
    if handle < 0:
        return False  # no more instances: that is another limit, and this watch stands
    try:
        added = _libc.inotify_add_watch(handle, os.fsencode(root), _IN_DELETE_SELF)
        return added < 0 and ctypes.get_errno() == errno.ENOSPC
    finally:
        os.close(handle)


def _identity(root: Path) -> tuple[int, int] | None:
    try:
        found = root.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _polling(error: OSError) -> str:
    remedy = "sysctl fs.inotify.max_user_watches=1048576"
    reason = f"{error.strerror}; {remedy}" if error.errno == errno.ENOSPC else error.strerror
    return f"polling every {POLL_S:g} s ({reason})"
