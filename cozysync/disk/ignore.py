"""What stays out of sync: `.cozyignore`, in the syntax of `.gitignore`, and a few built-in rules.

The file stands in the folder's root and is synced like any other, so all devices agree.
"""

import os

import pathspec

from cozysync.disk.posix import PRIVATE, Disk

IGNORE_FILE = b".cozyignore"

BUILT_IN = (
    # Locks and scratch files that programs write beside a document while it is open.
    ".~lock.*#",
    ".*.sw[a-p]",
    "4913",
    "~$*",
    ".goutputstream-*",
    # What file managers leave behind, of no use on another machine.
    ".DS_Store",
    "Thumbs.db",
    "desktop.ini",
)
"""Ignored everywhere; a line `!NAME` in `.cozyignore` takes one back."""

_MAX_RULES = 1024 * 1024


class Ignore:
    """The rules of one folder, as they stand in its file."""

    def __init__(self, text: str = "") -> None:
        self._spec = pathspec.GitIgnoreSpec.from_lines([*BUILT_IN, *text.splitlines()])

    @classmethod
    def load(cls, disk: Disk) -> "Ignore":
        """The rules in the folder's file; none but the built-in ones when it cannot be read."""
        try:
            with disk.open(IGNORE_FILE) as file:
                return cls(file.read(_MAX_RULES).decode("utf-8", "surrogateescape"))
        except (OSError, ValueError):
            return cls()

    def covers(self, path: bytes, *, directory: bool) -> bool:
        """Whether this path stays out of sync."""
        if path == PRIVATE or path.startswith(PRIVATE + b"/"):
            return True
        name = os.fsdecode(path)
        return bool(self._spec.match_file(name + "/" if directory else name))
