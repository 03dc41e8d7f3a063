"""The vault's folders as one tree, `/<folder>/<path>`: what every door of the gateway builds on.

A path is absolute, begins with `/`, has no `/` at its end and no empty, `.` or `..` part; `/` alone
is the root, whose children are the folders. Names that are no UTF-8 come with surrogate escapes.
Sizes and ranges are in bytes, times in nanoseconds since 1970 when they stand still and in seconds
when one waits for them. All methods raise `NotFound` for a path (or node) that is not there,
`BadPath` for what is no path, `Forbidden` where the phone's scope ends, and `Unavailable` when a
content cannot be had or kept just now; what else they raise they say.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from cozysync_conflict import Kind

ROOT: Final = "/"

ABSENT: Final = ""
"""As the base of a write: nothing is there, as far as the phone knows (`If-None-Match: *`)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, directory or symbolic link as it stands now.

    `node` (hex) stays the same when it is renamed or moved. `version` may serve as an ETag: of a
    file it changes with the content (and comes again with it), of a directory whenever anything
    below changes, and only then. `size` is that of a file's content, or of a link's target, and 0
    for a directory. Links are never followed.
    """

    path: str
    node: str
    kind: Kind
    version: str
    mtime_ns: int
    size: int = 0
    executable: bool = False

    @property
    def name(self) -> str:
        """The last part of the path; empty for the root."""
        return self.path.rpartition("/")[2]


class Outcome(StrEnum):
    """What became of a write."""

    WRITTEN = "written"
    """It stands as it was sent."""
    MERGED = "merged"
    """It stands together with what others had written since its base; read it again."""
    CONFLICT = "conflict"
    """It could not be brought together with what others wrote since its base: one of the two
    stands, the other beside it, and a person finds both in the inbox. Nothing is lost."""


@dataclass(frozen=True, slots=True)
class Written:
    """The end of a write: what stands now, which need not be what was sent.

    After a merge, `entry` is what holds both; the phone has to read it. `beside` are the paths of
    what a conflict has put beside it.
    """

    outcome: Outcome
    entry: Entry
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Removed:
    """A node that stood at `path` and does so no more.

    `moved_to` is where it stands now, None when that is not below what was asked for.
    """

    node: str
    path: str
    moved_to: str | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """A page of what changed since a cursor.

    Each entry comes once, as it is now. A directory comes when it was made or moved (with all that
    is below it, since their paths are others), not when only something below it changed. Apply
    `removed` before `changed`: another node may stand at a path that one has left. `more` says that
    another page can be had at once.
    """

    changed: tuple[Entry, ...]
    removed: tuple[Removed, ...]
    cursor: str
    more: bool


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes: `used` by the files as they are now; `free` where this gateway keeps them."""

    used: int
    free: int


class View(Protocol):
    """The tree, for one phone. Any number of tasks may use one at a time."""

    @property
    def staging(self) -> Path:
        """A directory of the gateway's own (0700) for contents on their way in.

        It survives restarts; whoever puts a file there takes it away again.
        """

    async def entry(self, path: str) -> Entry:
        """What stands at a path."""

    async def find(self, node: str) -> Entry:
        """Where a node stands now. Raises `NotFound` too for what is no node id."""

    async def children(self, path: str) -> list[Entry]:
        """What a directory holds, by name; `NotDirectory` for anything else."""

    def read(
        self, path: str, version: str | None = None, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """The bytes of a file from `start` on, at most `length`, in pieces of at most some MiB.

        With `version` those of just that version: `Stale` when the history does not hold it (any
        more). All pieces are of one version even when the file changes meanwhile. Of a link, its
        target. Raises `IsDirectory`. Close what was not read to its end (`aclosing`).
        """

    async def versions(self, path: str) -> list[Entry]:
        """The versions of a file that the history still holds, newest first."""

    async def write(
        self, path: str, staged: Path, *, base: str | None = None, mtime_ns: int | None = None
    ) -> Written:
        """Make the staged file's bytes the content at `path`; durable when it returns.

        `base` is the version that the phone had before it: None for whatever stands now, `ABSENT`
        for none. When others have written since, both are brought together as if the phone had been
        a device of its own (see `Outcome`); so an edit lives also where the file has been moved or
        deleted meanwhile. `mtime_ns` is the time that the file bears; now by default.

        Raises `Stale` when the base is not in this file's history, `Exists` when it is `ABSENT` and
        something stands there, `NotDirectory` when the parent is none, `IsDirectory`, and `NoRoom`.
        The staged file is left as it is.
        """

    async def make_directory(self, path: str) -> Entry:
        """Make a directory; directly below the root, a folder of the vault.

        Raises `Exists`, and `NotDirectory` when the parent is none.
        """

    async def remove(self, path: str, *, base: str | None = None) -> None:
        """Remove a file, link, or directory with all that it holds; history keeps the contents.

        Raises `Stale` when `base` is given and not what stands there, and `Forbidden` for a folder
        itself: folders are given up on a device.
        """

    async def move(
        self, source: str, target: str, *, replace: bool = False, base: str | None = None
    ) -> Entry:
        """Move or rename; the node stays the same. Returns what stands at the target.

        With `replace`, what stands at the target goes (in the same step). Raises `Exists` without,
        `Stale` as `remove`, `NotDirectory` when the target's parent is none, `BadPath` for a
        directory that would come into itself, and `Forbidden` for folders themselves.
        """

    async def copy(self, source: str, target: str, *, replace: bool = False) -> Entry:
        """Copy a file, link, or directory with all that it holds, sending no content again.

        Raises as `move`.
        """

    async def changes(self, path: str, cursor: str | None = None, limit: int = 1000) -> Changes:
        """What changed below a directory since a cursor; without one, all that is there.

        Begin with no cursor and go on until `more` is False. A cursor is good for the path that it
        was given for, across restarts. Raises `CursorGone` for one that is unknown or too old.
        """

    async def wait(self, path: str, cursor: str, timeout_s: float) -> bool:
        """Return True as soon as `changes` would tell something, False after so many seconds."""

    async def space(self) -> Space:
        """How much is used and free."""

    async def conflicts(self) -> int:
        """How many conflicts wait in the inbox for a person."""
