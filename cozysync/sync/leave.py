"""Leaving a vault: the device forgets it, and nothing is destroyed."""

import time
from pathlib import Path

from cozysync.sync.beginning import DIRECTORY
from cozysync.sync.home import Home
from cozysync.sync.replica import SPOOL


def leave_vault(home: Home) -> Path:
    """Put keys and database aside, the keys last; returns where to. The caller holds the lock.

    After a kill in between the device is in its vault still, with a database that is built anew.
    """
    place = home.root / "left" / time.strftime("%Y-%m-%d-%H%M%S")
    place.mkdir(mode=0o700, parents=True)
    for suffix in ("", "-wal", "-shm"):
        _move(home.database.with_name(home.database.name + suffix), place)
    _move(home.database.with_name(SPOOL), place)
    _move(home.database.with_name(DIRECTORY), place)
    _move(home.gateway, place)
    _move(home.secrets_file, place)
    home.phrase_unchecked.unlink(missing_ok=True)
    return place


def _move(path: Path, place: Path) -> None:
    if path.exists():
        path.rename(place / path.name)
