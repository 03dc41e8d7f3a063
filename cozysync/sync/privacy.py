"""A directory that holds keys, a socket or logs belongs to this user, and nobody else looks in."""

import os
import stat
from pathlib import Path

from cozysync.vault.errors import CozyError

_OTHERS = 0o077
_ROOT = 0


class NotPrivate(CozyError):
    """A directory of this device's is somebody else's, or stays open to others."""


def make_private(directory: Path, remedy: str) -> None:
    """Make a directory for this user only, or take others' rights away from the one that is there.

    Raises `NotPrivate`, with `remedy`, when it is somebody else's or everybody's (as /tmp is), or
    a link that somebody else has laid; and when the file system keeps no such rights.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    me = os.getuid()
    if directory.lstat().st_uid not in (me, _ROOT) or directory.stat().st_uid != me:
        raise NotPrivate(f"The directory {directory} belongs to another user.", remedy)
    mode = stat.S_IMODE(directory.stat().st_mode)
    if mode & stat.S_ISVTX and mode & _OTHERS:
        raise NotPrivate(f"The directory {directory} is for everybody (mode {mode:04o}).", remedy)
    if not mode & _OTHERS:
        return
    try:
        directory.chmod(mode & ~_OTHERS)
    except OSError as error:
        why = error.strerror or str(error)
        raise NotPrivate(f"Others may look into {directory}: {why}.", remedy) from error
    if directory.stat().st_mode & _OTHERS:
        raise NotPrivate(f"Others may look into {directory}: its disk knows no owners.", remedy)
