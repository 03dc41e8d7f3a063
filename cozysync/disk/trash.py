"""The local trash: what was replaced or deleted rests here by days, and leaves after a while."""

import re

from cozysync.disk.posix import PRIVATE, Disk
from cozysync_conflict import Kind

TRASH = PRIVATE + b"/trash"

_DAY = re.compile(rb"\d{4}-\d\d-\d\d")


def empty_trash(disk: Disk, before: str) -> None:
    """Remove the days before this one (`YYYY-MM-DD`). What no day names is left alone."""
    for name, stat in list(disk.listing(TRASH)):
        if stat.kind is Kind.DIRECTORY and _DAY.fullmatch(name) and name < before.encode():
            _remove(disk, TRASH + b"/" + name)
    disk.forget()


def _remove(disk: Disk, path: bytes) -> None:
    for name, stat in list(disk.listing(path)):
        if stat.kind is Kind.DIRECTORY:
            _remove(disk, path + b"/" + name)
        else:
            disk.unlink(path + b"/" + name)
    disk.forget()
    disk.rmdir(path)
