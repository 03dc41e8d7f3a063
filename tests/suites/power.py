"""Cutting the power: every state in which a disk may be found after some calls (after ALICE, 2014).

What was not flushed may be there or not, in any combination: names one by one, bytes in part or as
zeros. Flushing a file keeps its bytes and not its name; flushing a directory keeps its names.
"""

import errno
import itertools
from collections import defaultdict

from cozysync.server.files import RealFiles


class RecordedFiles(RealFiles):
    """The real calls, noted down; `fails(n, name)` says with what error number call n fails."""

    def __init__(self, fails=lambda number, name: 0):
        self.calls = []
        self.count = 0
        self._fails = fails
        self._paths = {}

    def _note(self, name, *arguments):
        failure = self._fails(self.count, name)
        self.count += 1
        self.calls.append((name, *arguments) if not failure else ("failed", name))
        if failure:
            raise OSError(failure, errno.errorcode[failure])

    def mkdir(self, path):
        self._note("mkdir", path)
        super().mkdir(path)

    def create(self, path):
        self._note("create", path)
        handle = super().create(path)
        self._paths[handle] = path
        return handle

    def write(self, handle, data):
        # As a disk that is nearly full: only some of it, and no word.
        part = bytes(data[: max(1, len(data) // 2)])
        self._note("write", self._paths[handle], part)
        return super().write(handle, part)

    def sync(self, handle):
        self._note("sync", self._paths[handle])
        super().sync(handle)

    def rename(self, old, new):
        self._note("rename", old, new)
        super().rename(old, new)

    def unlink(self, path):
        self._note("unlink", path)
        super().unlink(path)

    def sync_directory(self, path):
        self._note("sync_directory", path)
        super().sync_directory(path)

    def acknowledge(self, what):
        """From here on `what` must survive."""
        self.calls.append(("acknowledged", what))


class _File:
    def __init__(self):
        self.flushed, self.written = b"", b""

    def states(self):
        """What may be found of its bytes."""
        if self.flushed == self.written:
            return [self.written]
        half = self.written[: len(self.flushed) + (len(self.written) - len(self.flushed)) // 2]
        zeros = self.flushed + bytes(len(self.written) - len(self.flushed))
        return [self.flushed, half, zeros, self.written]


class _Disk:
    """Directories as {name: file or directory}, and the changes to them that are not flushed."""

    def __init__(self, root):
        self.root = root
        self.now = {root: {}}
        self.flushed = {root: {}}
        self.pending = defaultdict(list)

    def apply(self, name, *rest):
        match name:
            case "mkdir":
                [path] = rest
                self.now[path], self.flushed[path] = {}, {}
                self._change(path.parent, ("put", path.name, path))
            case "create":
                [path] = rest
                self._change(path.parent, ("put", path.name, _File()))
            case "write":
                path, data = rest
                self.now[path.parent][path.name].written += data
            case "sync":
                file = self.now[rest[0].parent][rest[0].name]
                file.flushed = file.written
            case "rename":
                old, new = rest
                thing = self.now[old.parent][old.name]
                self._change(old.parent, ("move", old.name, new.name, thing))
            case "unlink":
                self._change(rest[0].parent, ("drop", rest[0].name))
            case "sync_directory":
                if rest[0] in self.flushed:
                    self.flushed[rest[0]] = dict(self.now[rest[0]])
                    self.pending[rest[0]].clear()

    def _change(self, directory, change):
        _applied(self.now[directory], change)
        self.pending[directory].append(change)

    def crashes(self):
        """Every legal state, as {path: bytes}, of what can be reached from the root."""
        pending = [(where, change) for where, changes in self.pending.items() for change in changes]
        for kept in itertools.product((False, True), repeat=len(pending)):
            names = {where: dict(there) for where, there in self.flushed.items()}
            for (where, change), stays in zip(pending, kept, strict=True):
                if stays:
                    _applied(names[where], change)
            found = dict(_reached(names, self.root))
            for bytes_of in itertools.product(*(file.states() for file in found.values())):
                yield dict(zip(found, bytes_of, strict=True))


def _applied(names, change):
    match change:
        case "put", name, thing:
            names[name] = thing
        case "move", old, new, thing:
            names.pop(old, None)
            names[new] = thing
        case "drop", name:
            names.pop(name, None)


def _reached(names, directory):
    for name, thing in names[directory].items():
        if isinstance(thing, _File):
            yield directory / name, thing
        else:
            yield from _reached(names, thing)


def crashes(root, calls):
    """(what was acknowledged, the files that are found) for every instant and legal state."""
    disk, acknowledged = _Disk(root), set()
    seen = set()
    for call in [("begin",), *calls]:
        if call[0] == "acknowledged":
            acknowledged.add(call[1])
        else:
            disk.apply(*call)
        for found in disk.crashes():
            state = (frozenset(acknowledged), frozenset(found.items()))
            if state not in seen:
                seen.add(state)
                yield state[0], found
