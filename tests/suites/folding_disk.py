"""A disk that keeps names as they are given, and takes those for one that fold to the same."""

import errno

from cozysync.disk.names import fold


class FoldingDisk:
    def __init__(self, disk):
        self._disk = disk

    def __getattr__(self, name):
        return getattr(self._disk, name)

    def _stored(self, path):
        """The path as it is stored, as far as it is there."""
        found = b""
        for name in path.split(b"/") if path else ():
            above, found = found, self._join(found, name)
            if self._disk.lstat(found) is None and self._disk.lstat(above) is not None:
                found = next(
                    (
                        self._join(above, entry.name)
                        for entry in self._entries(above)
                        if key(entry.name) == key(name)
                    ),
                    found,
                )
        return found

    def _entries(self, directory):
        try:
            return list(self._disk.listing(directory))
        except OSError:
            return []

    def _join(self, above, name):
        return above + b"/" + name if above else name

    def _free(self, path):
        """Where something new is to stand; what folds to the same stands in its way."""
        stored = self._stored(path)
        if self._disk.lstat(stored) is not None:
            raise FileExistsError(errno.EEXIST, "File exists", path)
        above, _, _ = stored.rpartition(b"/")
        return self._join(above, path.rpartition(b"/")[2])

    def listing(self, directory):
        return self._disk.listing(self._stored(directory))

    def lstat(self, path):
        return self._disk.lstat(self._stored(path))

    def open(self, path):
        return self._disk.open(self._stored(path))

    def create(self, path):
        return self._disk.create(self._free(path))

    def mkdir(self, path):
        self._disk.mkdir(self._free(path))

    def symlink(self, target, path):
        self._disk.symlink(target, self._free(path))

    def readlink(self, path):
        return self._disk.readlink(self._stored(path))

    def rmdir(self, path):
        self._disk.rmdir(self._stored(path))

    def unlink(self, path):
        self._disk.unlink(self._stored(path))

    def rename(self, old, new):
        self._disk.rename(self._stored(old), self._free(new))

    def exchange(self, one, other):
        return self._disk.exchange(self._stored(one), self._stored(other))

    def set_mtime(self, path, mtime_ns):
        self._disk.set_mtime(self._stored(path), mtime_ns)

    def set_executable(self, path, executable):
        self._disk.set_executable(self._stored(path), executable)

    def respell(self, old, new):
        """As a person's `mv a A`, which such disks allow."""
        self._disk.rename(self._stored(old), new)


def key(name):
    return fold(name, case=True, form=True)
