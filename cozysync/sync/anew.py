"""A replica that is made anew: the one before was damaged, is gone, or was set aside by a person.

Everything in it comes again from the server and from the folders, but for what only this device
had done and not sent. So a damaged file is moved aside, never repaired or deleted, and which
folders were bound is read from the file beside it.
"""

import logging
import time
from pathlib import Path

from cozysync.replica import DamagedDatabase
from cozysync.sync.bindings_file import bring_bindings, keep_bindings
from cozysync.sync.home import Home
from cozysync.sync.replica import SPOOL, Replica, open_replica
from cozysync.sync.status import Blocked

_SET_ASIDE = "set_aside"
_WHY = "set_aside_because"
_BEGUN = "begun"
# The database before what hangs on it: a log without its database is thrown away by SQLite, a
# database without its log would be believed, and is older.
_FILES = ("", "-wal", "-shm")

_log = logging.getLogger(__name__)


def open_or_renew(home: Home) -> Replica:
    """The replica of a home; one that is damaged is set aside, and a new one begun.

    Raises `NewerDatabase`, or `DatabaseUnusable` where a disk is full or broken.
    """
    try:
        replica = open_replica(home.database)
    except DamagedDatabase as error:
        _log.error("%s It is set aside and built anew.", error.message)
        aside = set_aside(home)
        replica = open_replica(home.database)
        _remember(replica, aside, error.message)
    _begin(home, replica)
    replica.spool.keep_only(replica.outbox.packs())
    return replica


def set_aside(home: Home) -> Path:
    """Move the database out of the way; returns the directory that holds it now."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    aside = home.root / f"set-aside-{stamp}-{time.time_ns() % 1_000_000:06}"
    aside.mkdir(mode=0o700)
    for suffix in _FILES:
        path = home.database.with_name(home.database.name + suffix)
        if path.exists():
            path.replace(aside / path.name)
    spool = home.database.with_name(SPOOL)
    if spool.exists():
        spool.replace(aside / SPOOL)
    return aside


def rejoin(home: Home) -> Path:
    """Let this device take up the server's history, whatever it knew; returns where that is kept.

    The folders stay as they are, and are compared with the vault when the daemon starts. The
    caller holds the home's lock. Raises `NewerDatabase` or `DatabaseUnusable`.
    """
    replica = open_or_renew(home)
    keep_bindings(home, replica)
    replica.close()
    aside = set_aside(home)
    replica = open_replica(home.database)
    _remember(replica, aside, "This device has taken up the server's history (cozysync rejoin).")
    _begin(home, replica)
    replica.close()
    return aside


def what_was_set_aside(replica: Replica) -> tuple[Blocked, ...]:
    """What to tell of the database before this one, as long as it is kept."""
    aside, why = replica.settings.get(_SET_ASIDE), replica.settings.get(_WHY)
    if aside is None or not Path(aside.decode()).is_dir():
        return ()
    told = Blocked(
        aside.decode(),
        (why or b"").decode().rstrip(".") + ". What was known before is kept here",
        "The replica is built anew from the server and your folders. Delete that directory when "
        "nothing is missing.",
    )
    return (told,)


def old_database(replica: Replica) -> Path | None:
    """The database before this one, if it is kept and was sound."""
    aside, why = replica.settings.get(_SET_ASIDE), replica.settings.get(_WHY)
    if aside is None or why is None or b"rejoin" not in why:
        return None
    path = Path(aside.decode()) / "replica.db"
    return path if path.is_file() else None


def _begin(home: Home, replica: Replica) -> None:
    """Bring over what was bound, once, when the database is a new one."""
    settings = replica.settings
    with replica.database.transaction():
        is_new = replica.cursor.load() is None and not replica.folders.list()
        if settings.get(_BEGUN) is None and is_new:
            bring_bindings(home, replica)
        settings.set(_BEGUN, b"1")


def _remember(replica: Replica, aside: Path, why: str) -> None:
    with replica.database.transaction():
        replica.settings.set(_SET_ASIDE, str(aside).encode())
        replica.settings.set(_WHY, why.encode())
