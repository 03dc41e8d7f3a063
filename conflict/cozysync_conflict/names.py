"""Names that the resolver gives: derived from what they stand for, so all devices agree."""

from cozysync_conflict.operations import NodeId

MAX_NAME = 255
"""Bytes of a name; what every common file system can hold."""


def conflict_name(name: bytes, label: bytes) -> bytes:
    """`name` of a version kept beside: «stem (conflict, LABEL).ext»."""
    return _with(name, b" (conflict, " + label + b")")


def suffixed_name(name: bytes, node: NodeId) -> bytes:
    """`name` told apart by the node that bears it: «stem (a1b2c3).ext».

    The node's id and no counting: what another device suffixes apart never clashes with it.
    """
    return _with(name, b" (" + node[1:4].hex().encode() + b")")


def _with(name: bytes, addition: bytes) -> bytes:
    stem, dot, extension = name.rpartition(b".")
    if not dot or not stem.strip(b".") or len(extension) > 16:
        stem, dot, extension = name, b"", b""
    room = MAX_NAME - len(addition) - len(dot) - len(extension)
    return _cut(stem, room) + addition + dot + extension


def _cut(stem: bytes, room: int) -> bytes:
    """The stem in so many bytes, not ending inside a character where it is UTF-8."""
    if len(stem) <= room:
        return stem
    try:
        stem.decode()
    except UnicodeDecodeError:
        return stem[:room]
    return stem[:room].decode(errors="ignore").encode()
