"""Recipes: of what a file's content is made.

A recipe is the opaque `detail` of a content in the replica. Short contents stand in it whole;
others are a list of chunks in order. A list too long for a log entry is itself cut into chunks
(`lists`) and must be expanded before use. The cuts follow the ids, not their numbers, so an
insertion into a huge file changes one or two of the list's chunks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from cozysync.vault import VaultKeys
from cozysync_protocol import MAX_CHUNK, MAX_INTEGER, ChunkId, Malformed, Reader, decode, encode

INLINE_BELOW = 1024
"""Contents shorter than this travel inside the recipe: a small edit then costs one request."""

MAX_DIRECT = 4096
"""Chunks listed in the recipe itself: 2.5 GiB of file at 640 KiB a chunk, in 145 KB of recipe."""

MAX_FILE_CHUNKS = 1 << 24
"""Chunks of one file: 10 TiB at 640 KiB a chunk; what a hostile list may make us hold."""

MAX_LIST_CHUNKS = 1 << 14
"""Chunks that a long list itself may take; also a bound against hostile recipes."""

_VERSION = 1
_INLINE, _DIRECT, _INDIRECT = 0, 1, 2
_ID = 32
_ROW = _ID + 4
# One row in 4,096 ends a chunk of the list: 147 KB on average, and never above 1 MiB.
_LIST_CUT_BITS = 12
_LIST_MOST_ROWS = (1 << 20) // _ROW
_MAX_DETAIL = 1 << 20
# The engine's times are nanoseconds since 1970, before which some files claim to have been made.
_EARLIEST = -(2**62)

Part = tuple[ChunkId, int]
"""A chunk and its length in bytes before sealing."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to make a file of `size` bytes: `inline`, or `chunks`, or `lists` still to be expanded.

    `mtime_ns` is the file's time at its author, in nanoseconds since 1970; it is no part of the
    content's digest.
    """

    size: int
    mtime_ns: int
    inline: bytes | None = None
    chunks: tuple[Part, ...] = ()
    lists: tuple[Part, ...] = ()

    def encode(self) -> bytes:
        """The bytes of a content's detail."""
        if self.inline is not None:
            return encode([_VERSION, _INLINE, self.size, self.mtime_ns, self.inline, []])
        form, parts = (_INDIRECT, self.lists) if self.lists else (_DIRECT, self.chunks)
        ids = b"".join(chunk for chunk, _ in parts)
        lengths = [length for _, length in parts]
        return encode([_VERSION, form, self.size, self.mtime_ns, ids, lengths])


def decode_recipe(detail: bytes) -> Recipe:
    """The recipe in a content's detail; raises `Malformed`."""
    read = Reader(decode(detail, max_bytes=_MAX_DETAIL), "recipe", fields=6)
    version, form = read.integer(), read.integer(_INLINE, _INDIRECT)
    if version != _VERSION:
        raise Malformed(f"recipe: version {version} is not {_VERSION}")
    size, mtime_ns = read.integer(), read.integer(_EARLIEST, MAX_INTEGER)
    data, lengths = read.blob(_MAX_DETAIL), read.array(MAX_LIST_CHUNKS)
    if form == _INLINE:
        if len(data) != size or size >= INLINE_BELOW or lengths:
            raise Malformed("recipe: an inline content of a wrong size")
        return Recipe(size, mtime_ns, inline=data)
    parts = _parts(data, lengths)
    if form == _DIRECT:
        return _checked(Recipe(size, mtime_ns, chunks=parts))
    if not parts or sum(length for _, length in parts) > MAX_FILE_CHUNKS * _ROW:
        raise Malformed("recipe: a list of lists that is empty, or longer than any file needs")
    return Recipe(size, mtime_ns, lists=parts)


def recipe_digest(keys: VaultKeys, recipe: Recipe) -> bytes:
    """The digest of the content that this recipe (expanded, if it was long) makes."""
    if recipe.inline is not None:
        return keys.content_digest([keys.chunk_id(recipe.inline)])
    return keys.content_digest([chunk for chunk, _ in recipe.chunks])


def list_pieces(chunks: Sequence[Part]) -> list[bytes]:
    """A long list of chunks, as the plaintexts of the chunks that hold it."""
    pieces: list[bytes] = []
    rows: list[bytes] = []
    for chunk, length in chunks:
        rows.append(chunk + length.to_bytes(4, "big"))
        cut = int.from_bytes(chunk[:4], "big") & ((1 << _LIST_CUT_BITS) - 1) == 0
        if cut or len(rows) == _LIST_MOST_ROWS:
            pieces.append(b"".join(rows))
            rows = []
    if rows:
        pieces.append(b"".join(rows))
    return pieces


def expand(recipe: Recipe, get: Callable[[ChunkId], bytes]) -> Recipe:
    """The recipe with all chunks listed; `get` returns the opened, verified chunks of `lists`.

    A recipe that lists its chunks already comes back as it is. Raises `Malformed`.
    """
    if not recipe.lists:
        return recipe
    chunks: list[Part] = []
    for chunk, length in recipe.lists:
        rows = get(chunk)
        if len(rows) != length or length % _ROW or len(chunks) > MAX_FILE_CHUNKS:
            raise Malformed("recipe: a list of chunks of a wrong size")
        for at in range(0, length, _ROW):
            size = int.from_bytes(rows[at + _ID : at + _ROW], "big")
            chunks.append((ChunkId(rows[at : at + _ID]), size))
    return _checked(replace(recipe, chunks=tuple(chunks), lists=()))


def _parts(ids: bytes, lengths: Sequence[object]) -> tuple[Part, ...]:
    if len(ids) != _ID * len(lengths):
        raise Malformed("recipe: not one length for each chunk")
    parts: list[Part] = []
    for at, length in enumerate(lengths):
        if type(length) is not int or not 0 < length <= MAX_CHUNK:
            raise Malformed("recipe: a chunk of a length that cannot be")
        parts.append((ChunkId(ids[_ID * at : _ID * at + _ID]), length))
    return tuple(parts)


def _checked(recipe: Recipe) -> Recipe:
    if any(not 0 < length <= MAX_CHUNK for _, length in recipe.chunks):
        raise Malformed("recipe: a chunk of a length that cannot be")
    if sum(length for _, length in recipe.chunks) != recipe.size:
        raise Malformed("recipe: chunks that do not add up to the file's size")
    return recipe
