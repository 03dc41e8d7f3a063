"""The folder's root: how cozysync knows that it looks at the right one.

An unmounted disk leaves an empty directory in the place of a full one, and that must never be
read as a person deleting everything. So each bound folder bears a marker.
"""

import errno
import os
import secrets
from enum import Enum
from pathlib import Path

from cozysync.disk.posix import PRIVATE
from cozysync.vault.errors import CozyError

_MARKER = "folder"
MARKER = PRIVATE + b"/" + _MARKER.encode()
"""The path of the file in a folder by which it is known."""


class RootState(Enum):
    """What stands where a folder should be."""

    OK = "ok"
    ABSENT = "absent"
    FOREIGN = "foreign"
    READ_ONLY = "read-only"


class FolderError(CozyError):
    """A directory that cannot be bound."""


def prepare_root(path: Path) -> str:
    """Make the folder ready to be bound and return its marker's id (32 hex digits).

    A folder that bears a marker keeps it. Raises `FolderError`.
    """
    if not path.is_dir():
        raise FolderError(f"{path} is not a directory.", f"Make it first: mkdir -p '{path}'")
    private = path / os.fsdecode(PRIVATE)
    try:
        for each in (private, private / "staging", private / "aside", private / "trash"):
            each.mkdir(mode=0o700, exist_ok=True)
        marker = private / _MARKER
        if not marker.exists():
            marker.write_text(secrets.token_hex(16) + "\n")
        return marker.read_text().strip()
    except OSError as error:
        raise FolderError(
            f"{path} cannot be written to: {error.strerror or error}.",
            "Give yourself the right to write there, or choose another directory.",
        ) from error


def check_root(path: Path, marker: str) -> RootState:
    """Whether the folder that was bound under this marker is there and can be written to."""
    try:
        found = (path / os.fsdecode(PRIVATE) / _MARKER).read_text().strip()
    except OSError:
        return RootState.FOREIGN if path.is_dir() else RootState.ABSENT
    if found != marker:
        return RootState.FOREIGN
    try:
        if os.statvfs(path).f_flag & os.ST_RDONLY or not os.access(path, os.W_OK):
            return RootState.READ_ONLY
    except OSError as error:
        if error.errno != errno.EACCES:
            return RootState.ABSENT
        return RootState.READ_ONLY
    return RootState.OK
