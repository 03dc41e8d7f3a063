"""Whether a folder stands on the ground on which it was bound.

A disk that is not mounted, a directory that was put in its place, a copy on another disk: none
of them is a person deleting things. The marker tells the first two. A copy bears the same marker,
in another file: what such a copy lacks is not deleted elsewhere before somebody has said so.
"""

from pathlib import Path

from cozysync.disk import MARKER, Disk, FolderError, Ground, RootState
from cozysync.replica import Settings
from cozysync.sync.status import Blocked

MARKER_KEY = "marker/"
"""Setting, by path: the marker that the folder bore when it was bound."""
_PLACE = "place/"


class Footing:
    """Knows the marker of one folder, and which file it was. For the folder's one worker."""

    def __init__(self, ground: Ground, disk: Disk, root: Path, settings: Settings) -> None:
        self._ground = ground
        self._disk = disk
        self._root = root
        self._settings = settings

    def trouble(self) -> Blocked | None:
        """Why nothing there may be believed now; None when it may. Work of `Ledger.do`."""
        try:
            state = self._ground.check(self._root, self._marker())
        except FolderError:
            state = RootState.ABSENT  # it went before it was ever looked at
        return Blocked(str(self._root), *_ROOT_TROUBLE[state]) if state in _ROOT_TROUBLE else None

    def is_moved(self) -> bool:
        """Whether the folder has been looked at before, on another ground. Work of `Ledger.do`."""
        known = self._settings.get(_PLACE + str(self._root))
        if known is None:
            self.remember()
            return False
        # Changing owners changes the one, mounting some file systems changes the other.
        return not set(known.split()) & set(self._place().split())

    def remember(self) -> None:
        """From now on the folder is at home where it is. Work of `Ledger.do`."""
        self._settings.set(_PLACE + str(self._root), self._place())

    def _place(self) -> bytes:
        stat = self._disk.lstat(MARKER)
        return b"i%d c%d" % (stat.inode, stat.ctime_ns) if stat is not None else b"none"

    def _marker(self) -> str:
        """The marker that the folder bore when it was bound; made at the first start."""
        key = MARKER_KEY + str(self._root)
        known = self._settings.get(key)
        if known is not None:
            return known.decode()
        marker = self._ground.prepare(self._root)
        self._settings.set(key, marker.encode())
        return marker


_ROOT_TROUBLE = {
    RootState.ABSENT: (
        "the folder is not there; nothing was deleted elsewhere",
        "Mount its disk or put it back, or unbind it: cozysync folder remove PATH.",
    ),
    RootState.FOREIGN: (
        "what stands there is not the folder that was bound (its marker .cozysync/folder is "
        "missing or another's); nothing was deleted elsewhere",
        "Mount its disk or put the right one back, or unbind it: cozysync folder remove PATH.",
    ),
    RootState.READ_ONLY: (
        "the folder cannot be written to",
        "Give yourself the right to write there, or mount its disk for writing.",
    ),
}
