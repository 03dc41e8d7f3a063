"""What stands in the way of single files as they are put in place; the others go on."""

import errno
from collections.abc import Callable

from cozysync.disk import Disk, InUse, Stat, Unscannable
from cozysync_conflict import NodeId

# Errors that concern one name, not the disk.
_ABOUT_ONE = {
    errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.ENOENT,
    errno.ENOTDIR, errno.ELOOP, errno.EROFS, errno.EXDEV, errno.EBUSY,
    errno.ETXTBSY, errno.EISDIR, errno.EFBIG,
}  # fmt: skip
# What was refused is not fetched again for so long, unless its directory has changed.
REFUSED_NS = 60 * 10**9

_MEND = "Mend that, or move what stands there away; it is tried again by itself."
_REMEDIES = {
    errno.EACCES: "Give yourself the right to write there; it then comes by itself.",
    errno.EPERM: "Give yourself the right to write there; it then comes by itself.",
    errno.EROFS: "Mount that for writing; it then comes by itself.",
    errno.EXDEV: "It belongs on another disk than the folder; bind that as a folder of its own.",
    errno.ENAMETOOLONG: "Give it a shorter name on another device: this disk takes none so long.",
    errno.EINVAL: "Give it another name on another device: this disk does not take this one.",
    errno.EILSEQ: "Give it another name on another device: this disk does not take this one.",
}


class Obstacles:
    """Those that one folder's placing met when it was last at work: `noted`."""

    def __init__(self, disk: Disk, now_ns: Callable[[], int]) -> None:
        self._disk = disk
        self._now_ns = now_ns
        self._refused: dict[NodeId, tuple[int, Stat | None, Unscannable]] = {}
        self.noted: list[Unscannable] = []

    def crowded(self, path: bytes, size: int, room: int) -> None:
        """There is no room for a file."""
        self.noted.append(
            Unscannable(
                path,
                f"there is no room for it: it has {size:,} bytes, and {room:,} are free",
                "Free some space on this disk; it then comes by itself.",
            )
        )

    def twin(self, path: bytes, holder: bytes) -> None:
        """This disk takes the name for another one that is in use."""
        self.noted.append(
            Unscannable(
                path,
                f"this disk takes its name for that of {holder.decode(errors='replace')}, which "
                "is here already; it is safe in the vault and on devices that tell them apart",
                "Rename one of the two, here or elsewhere; the other then comes by itself.",
            )
        )

    def met(self, node: NodeId, path: bytes, error: InUse | OSError) -> None:
        """A step failed. Raises the error again when it is one of the whole disk."""
        if isinstance(error, InUse):
            self.noted.append(
                Unscannable(
                    error.path,
                    "a newer version is here, but a program has this database open, or ended "
                    "without closing it",
                    "Close the program, or open and close it once; the newer version then comes.",
                )
            )
            return
        if error.errno not in _ABOUT_ONE:
            raise error
        reason = f"it cannot be put in place: {error.strerror or error}"
        found = Unscannable(path, reason, _REMEDIES.get(error.errno, _MEND))
        self._refused[node] = (self._now_ns(), self._directory(path), found)
        self.noted.append(found)

    def stands(self, node: NodeId) -> bool:
        """Whether a refusal is so fresh that it need not be tried again; it is noted then."""
        if node not in self._refused:
            return False
        when, directory, found = self._refused[node]
        if abs(self._now_ns() - when) > REFUSED_NS or self._directory(found.path) != directory:
            del self._refused[node]
            return False
        self.noted.append(found)
        return True

    def _directory(self, path: bytes) -> Stat | None:
        try:
            return self._disk.lstat(path.rpartition(b"/")[0])
        except OSError:
            return None
