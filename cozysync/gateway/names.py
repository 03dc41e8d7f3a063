"""Paths of the view: checked once, taken apart, put together."""

import os

from cozysync.gateway.errors import BadPath

LONGEST_NAME = 255
"""Bytes of one name: what the common file systems keep."""

LONGEST_PATH = 4096
"""Bytes of a whole path."""


def parts_of(path: str) -> tuple[str, ...]:
    """The names of a path, folder first; none for the root. Raises `BadPath`."""
    if not path.startswith("/"):
        raise BadPath(path, "a path begins with a slash")
    if path == "/":
        return ()
    parts = tuple(path[1:].split("/"))
    for part in parts:
        _check(path, part)
    if len(path) > LONGEST_PATH or len(raw(path)) > LONGEST_PATH:
        raise BadPath(path[:80], "it is too long")
    return parts


def joined(parts: tuple[str, ...]) -> str:
    """The path that these names make."""
    return "/" + "/".join(parts)


def parent_of(path: str) -> str:
    """The path above; the root's is the root."""
    return path.rpartition("/")[0] or "/"


def below(path: str, directory: str) -> bool:
    """Whether a path lies below a directory, or is it."""
    return directory == "/" or path == directory or path.startswith(directory + "/")


def raw(name: str) -> bytes:
    """A name as a disk keeps it. Raises `BadPath` for what no disk can keep."""
    try:
        return name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise BadPath(ascii(name), "it is no text") from None


def text(name: bytes) -> str:
    """The name that `raw` makes these bytes of."""
    return name.decode("utf-8", "surrogateescape")


def _check(path: str, part: str) -> None:
    if part in ("", os.curdir, os.pardir):
        raise BadPath(path, "a part of it is empty, . or ..")
    if "\0" in part:
        raise BadPath(ascii(path), "it holds a zero character")
    if len(raw(part)) > LONGEST_NAME:
        raise BadPath(path[:80], f"a name has more than {LONGEST_NAME} bytes")
