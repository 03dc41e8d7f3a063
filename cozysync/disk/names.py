"""Paths inside a folder, and the private directory that every folder has.

A path is bytes, relative to the folder, its parts joined by b"/"; the folder itself is b"".
Names come from the vault, that is from other devices: they are checked before they touch a disk.
"""

import unicodedata
from dataclasses import dataclass

PRIVATE = b".cozysync"
MARKER = PRIVATE + b"/marker"
STAGING = PRIVATE + b"/staging"
ASIDE = PRIVATE + b"/aside"
TRASH = PRIVATE + b"/trash"

ROOT_PATH = b""


def join(parent: bytes, name: bytes) -> bytes:
    """The path of `name` inside the directory `parent`."""
    return parent + b"/" + name if parent else name


def split(path: bytes) -> tuple[bytes, bytes]:
    """The parent's path and the last name; (b"", b"") for the folder itself."""
    parent, _, name = path.rpartition(b"/")
    return parent, name


def depth(path: bytes) -> int:
    """How many names a path has."""
    return path.count(b"/") + 1 if path else 0


def is_below(path: bytes, directory: bytes) -> bool:
    """Whether `path` is `directory` or something inside it."""
    return not directory or path == directory or path.startswith(directory + b"/")


def is_private(path: bytes) -> bool:
    """Whether a path is the private directory or inside it."""
    return path.startswith(PRIVATE) and path[len(PRIVATE) : len(PRIVATE) + 1] in (b"", b"/")


def is_name(name: bytes) -> bool:
    """Whether these bytes can be one name of a path."""
    return name not in (b"", b".", b"..") and b"/" not in name and b"\0" not in name


def is_path(path: bytes) -> bool:
    """Whether every part is a name; the folder itself is a path, too."""
    return not path or (b"\0" not in path and all(map(is_name, path.split(b"/"))))


@dataclass(frozen=True, slots=True)
class Folds:
    """Which differing names a disk takes for the same one.

    `case`: `A` and `a` are one name. `unicode`: spellings of one text (é composed or not) are.
    """

    case: bool = False
    unicode: bool = False

    def __bool__(self) -> bool:
        return self.case or self.unicode

    def key(self, name: bytes) -> bytes:
        """The same for all names that this disk takes for one, and only for those.

        Names that are not UTF-8 stay as they are: disks that fold refuse them or keep them.
        """
        if not self or (name.isascii() and not self.case):
            return name
        try:
            text = name.decode()
        except UnicodeDecodeError:
            return name
        if self.case:
            text = text.casefold()
        if self.unicode or self.case:
            text = unicodedata.normalize("NFC", text)
        return text.encode()


# What some disks drop from a name unseen: joiners, direction marks, the byte order mark.
_INVISIBLE = {*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF}
_STRICTEST = Folds(case=True, unicode=True)


def lands_in_private(path: bytes, folds: Folds) -> bool:
    """Whether a disk could take the first name of `path` for the private directory.

    On a disk that folds, everything that any folding disk is known to fold counts, whichever
    it was found to do: a name from the vault must never reach our own files.
    """
    first = path.partition(b"/")[0]
    if first == PRIVATE:
        return True
    if not folds:
        return False
    try:
        text = first.decode()
    except UnicodeDecodeError:
        return False
    visible = "".join(each for each in text if ord(each) not in _INVISIBLE)
    return _STRICTEST.key(visible.rstrip(". ").encode()) == PRIVATE
