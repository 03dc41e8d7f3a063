"""Binding directories of this device to top-level directories of the vault.

The rules are the same whether the daemon does it or the command line while no daemon runs: both
call these functions, inside a transaction of the replica's database.
"""

import os
from dataclasses import replace
from pathlib import Path

from cozysync.replica import FolderRow, Folders, FolderState
from cozysync.sync.home import Home
from cozysync.vault.errors import CozyError, ExitCode

LONGEST_NAME = 255


class FolderRefused(CozyError):
    """The directory or name cannot be bound, or is not bound."""

    exit_code = ExitCode.USAGE


def bind(folders: Folders, home: Home, path: Path, name: str) -> FolderRow:
    """Remember that `path` keeps the vault's folder `name`; returns the row.

    Binding a path to the name that it has already changes nothing. Raises `FolderRefused` when
    the path is no directory, overlaps another folder or cozysync's own files, or when the name
    is no name or is taken.
    """
    path = _resolved(path)
    _check_name(name)
    if not path.is_dir():
        raise FolderRefused(f"{path} is not a directory.", "Make it first, or name another one.")
    for own in (home.root, home.config_dir, home.log_dir):
        if _overlap(path, own.resolve()):
            raise FolderRefused(
                f"{path} overlaps {own}, where cozysync keeps its own files.",
                "Choose a directory that neither holds nor lies in it.",
            )
    for other in folders.list():
        if other.path == path:
            return _unchanged(other, name)
        if _overlap(path, other.path):
            raise FolderRefused(
                f"{path} overlaps {other.path}, which is in sync already as «{other.name}».",
                "Choose another directory, or remove that folder first "
                f"(cozysync folder remove {other.path}).",
            )
        if other.name == name:
            raise FolderRefused(
                f"The folder «{name}» is on this device already, at {other.path}.",
                "Choose another name (--as NAME), or remove that folder first "
                f"(cozysync folder remove {other.path}).",
            )
    row = FolderRow(path, name)
    folders.put(row)
    return row


def unbind(folders: Folders, path: Path) -> FolderRow:
    """Forget a folder; what is in it stays. Raises `FolderRefused` when it is not bound."""
    row = bound(folders, path)
    folders.remove(row.path)
    return row


def set_state(folders: Folders, path: Path, state: FolderState) -> FolderRow:
    """Pause or resume a folder. Raises `FolderRefused` when it is not bound."""
    row = replace(bound(folders, path), state=state)
    folders.put(row)
    return row


def bound(folders: Folders, path: Path) -> FolderRow:
    """The folder at a path (or of that name, when a bare name is given)."""
    resolved = _resolved(path)
    for row in folders.list():
        if row.path in (path, resolved) or (len(path.parts) == 1 and row.name == str(path)):
            return row
    raise FolderRefused(
        f"{path} is not a folder that is in sync on this device.",
        "See cozysync folder list for those that are.",
    )


def _resolved(path: Path) -> Path:
    return path.expanduser().resolve()


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def _unchanged(row: FolderRow, name: str) -> FolderRow:
    if row.name != name:
        raise FolderRefused(
            f"{row.path} is in sync already, as «{row.name}».",
            f"Remove it first (cozysync folder remove {row.path}) to bind it to another name.",
        )
    return row


def _check_name(name: str) -> None:
    try:
        size = len(os.fsencode(name))
    except UnicodeEncodeError:
        size = 0
    if not 0 < size <= LONGEST_NAME or "/" in name or "\0" in name or name in (".", ".."):
        raise FolderRefused(
            f"{name!r} cannot be the name of a folder.",
            f"Choose a name of 1 to {LONGEST_NAME} bytes without a slash (--as NAME).",
        )
