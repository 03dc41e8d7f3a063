"""Names that a disk takes for one: some fold case, some fold the forms of Unicode, some both."""

import unicodedata
from collections.abc import Callable
from functools import partial

from cozysync.disk.place import STAGING
from cozysync.disk.posix import Disk

Fold = Callable[[bytes], bytes]
"""Maps a name to what stands for all names that the disk takes for the same."""

_PROBE = "probe-\u00e9A"
_OTHER_CASE = "probe-\u00e9a"
_OTHER_FORM = "probe-e\u0301A"


def probe_fold(disk: Disk) -> Fold | None:
    """How a folder's disk folds names, tried out in its staging; None when it keeps them apart."""
    probe = _at(_PROBE)
    if disk.lstat(probe) is not None:
        disk.unlink(probe)
    disk.create(probe).close()
    try:
        case = disk.lstat(_at(_OTHER_CASE)) is not None
        form = disk.lstat(_at(_OTHER_FORM)) is not None
    finally:
        disk.unlink(probe)
    return partial(fold, case=case, form=form) if case or form else None


def fold(name: bytes, *, case: bool, form: bool) -> bytes:
    """What stands for a name. A name that is no text is only itself."""
    try:
        text = name.decode()
    except UnicodeDecodeError:
        return name
    if form:
        text = unicodedata.normalize("NFD", text)
    if case:
        text = text.casefold()
        # Folding case may bring a form about that is not the decomposed one.
        text = unicodedata.normalize("NFD", text) if form else text
    return text.encode()


def _at(name: str) -> bytes:
    return STAGING + b"/" + name.encode()
