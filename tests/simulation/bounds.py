"""Where an engine may write: in its folder as placing may, and in its own home; nowhere else.

Two watchers. One hears every call of the disk's seam and knows what placing never does: a file
that people see is moved, and never written to, removed or put there in pieces. The other hears
what Python itself does to the real disk, where homes and databases are.
"""

import os
import sys
from contextlib import contextmanager

from cozysync.disk import ASIDE, PRIVATE, STAGING, TRASH

LOOKING = frozenset({"listing", "lstat", "open", "read", "readlink", "room"})
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
# Where each deed may be done: to its first path, to its second.
_STAGING, _OWN, _ANYWHERE = (STAGING,), (STAGING, ASIDE, TRASH), (b"", STAGING, ASIDE, TRASH)
_ALLOWED = {
    "create": (_STAGING,),
    "write": (_STAGING,),
    "symlink": (_STAGING,),
    "set_mtime": (_STAGING,),
    "set_executable": ((b"", ASIDE, STAGING),),
    "unlink": ((STAGING, TRASH),),
    "mkdir": ((b"", ASIDE, TRASH),),
    "rmdir": ((b"", ASIDE, TRASH),),
    "rename": (_ANYWHERE, _ANYWHERE),
    "exchange": (_STAGING, (b"", ASIDE)),
    "sync": (),
}


def strays(deed, paths):
    """What is wrong with a call of the seam, a sentence each."""
    for path in paths:
        # The root itself may be looked at, and no more.
        names = path.split(b"/") if path or deed not in LOOKING else ()
        if any(name in (b"", b".", b"..") or b"\0" in name for name in names):
            yield f"{deed} of {path!r}, which leads out of the folder"
    if deed in LOOKING:
        return
    for path, places in zip(paths, _ALLOWED[deed], strict=True):
        if not any(_is_in(path, place) for place in places):
            yield f"{deed} of {path!r}, where nothing of the kind is done"


def _is_in(path, place):
    """Below `place`, which is b"" for all that people see."""
    if not place:
        return path != PRIVATE and not path.startswith(PRIVATE + b"/")
    return path.startswith(place + b"/")


class Real:
    """Changes to the real disk. `within` says where they may be now; `found` gathers the rest."""

    def __init__(self):
        self._places = ()
        self.found = []

    @contextmanager
    def within(self, place):
        """From here on only below this directory."""
        before, self._places = self._places, (os.fspath(place), os.fspath(place) + "/")
        if not before:
            self.found = []
        try:
            yield
        finally:
            self._places = before

    def heard(self, event, arguments):
        """An audit event of Python's."""
        if not self._places or event not in _CHANGES:
            return
        for path in _CHANGES[event](*arguments):
            exact, below = self._places
            inside = path == exact or path.startswith(below)
            if not inside and path != os.devnull and "__pycache__" not in path:
                self.found.append(f"{event} of {path}, outside of {exact}")


def _opened(path, _, flags):
    return [_full(path)] if flags & _WRITING else []


def _connected(database):
    name = os.fsdecode(database)
    return [] if name in (":memory:", "") or "mode=ro" in name else [_full(name)]


def _full(path, directory=-1):
    if isinstance(path, int):  # open already
        path = os.readlink(f"/proc/self/fd/{path}")
    path = os.fsdecode(path)
    if directory != -1 and not path.startswith("/"):
        path = os.readlink(f"/proc/self/fd/{directory}") + "/" + path
    return os.path.abspath(path)


_CHANGES = {
    "open": _opened,
    "sqlite3.connect": _connected,
    "os.rename": lambda old, new, here, there: [_full(old, here), _full(new, there)],
    "os.link": lambda _, new, __, there: [_full(new, there)],
    "os.symlink": lambda _, path, directory: [_full(path, directory)],
    "os.mkdir": lambda path, _, directory: [_full(path, directory)],
    "os.remove": lambda path, directory: [_full(path, directory)],
    "os.rmdir": lambda path, directory: [_full(path, directory)],
    "os.truncate": lambda path, _: [_full(path)],
    "os.chmod": lambda path, _, directory: [_full(path, directory)],
    "os.utime": lambda path, _, __, directory: [_full(path, directory)],
}

real = Real()
"""Of this process: what hears of audits cannot be taken away again."""
sys.addaudithook(real.heard)
