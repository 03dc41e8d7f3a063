"""Making sure that nobody has a database open while it is replaced, moved or removed.

Linux lends a file to a process only when nobody else has it open, and lets whoever opens it
meanwhile wait (fcntl's F_SETLEASE). Where it does not, the time that has passed since the last
change is all there is to go by.
"""

import errno
import fcntl
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cozysync.disk.databases import InUse, is_database, is_unfinished
from cozysync.disk.posix import Disk, PosixDisk, Stat

# Without a lease: a program that has not written for so long is taken to have closed it.
QUIET_NS = 30 * 10**9

_SETSIG = getattr(fcntl, "F_SETSIG", None)


@contextmanager
def alone(disk: Disk, path: bytes, stat: Stat) -> Iterator[Callable[[], bool]]:
    """Hold a database that nobody has open; what is given tells whether that is still so.

    Other files are not looked at. Raises `InUse`.
    """
    if not is_database(disk, path, stat):
        yield _always
        return
    if is_unfinished(disk, path):
        raise InUse(path)
    if not isinstance(disk, PosixDisk):
        yield _always
        return
    with disk.open(path) as file:
        if not _lease(file.fileno(), path):
            if abs(time.time_ns() - stat.mtime_ns) < QUIET_NS:
                raise InUse(path)
            yield _always
            return
        try:
            yield lambda: fcntl.fcntl(file.fileno(), fcntl.F_GETLEASE) == fcntl.F_WRLCK
        finally:
            fcntl.fcntl(file.fileno(), fcntl.F_SETLEASE, fcntl.F_UNLCK)


def _lease(handle: int, path: bytes) -> bool:
    """Whether the file is ours alone; False where that cannot be known. Raises `InUse`."""
    if _SETSIG is None:
        return False
    # Told of one who waits by a signal that nobody hears; the usual one would end the process.
    try:
        fcntl.fcntl(handle, _SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError as error:
        if error.errno == errno.EAGAIN:
            raise InUse(path) from error
        return False
    return True


def _always() -> bool:
    return True
