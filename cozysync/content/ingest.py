"""From files to packs: read, cut, name, compress, seal, gather.

One `Ingest` takes files one after another and gathers what is new of them into packs. It blocks
and holds about one pack in memory; the engine runs it in a thread and uploads what it gives.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from cozysync.content.chunker import chunks_of
from cozysync.content.compress import pack_chunk
from cozysync.content.recipe import (
    INLINE_BELOW,
    MAX_DIRECT,
    Part,
    Recipe,
    list_pieces,
    recipe_digest,
)
from cozysync.vault import VaultKeys
from cozysync_conflict import Content
from cozysync_protocol import MAX_PACK_CHUNKS, ChunkId, Pack, PackBuilder

PACK_SIZE = 8 * 1024 * 1024
"""A pack is finished when it is this large. Larger ones begin to arrive later at the other side
and hold more memory; smaller ones cost more requests."""

Known = Callable[[Iterable[ChunkId]], set[ChunkId]]
"""Which of these chunks the vault has already."""


@dataclass(frozen=True, slots=True)
class Ingested:
    """What a file holds; `chunks` are all that the content is made of."""

    content: Content
    chunks: tuple[ChunkId, ...] = ()


class Ingest:
    """Turns files into contents and packs; `emit` is handed each pack as it is finished."""

    def __init__(self, keys: VaultKeys, known: Known, emit: Callable[[Pack], None]) -> None:
        self._keys = keys
        self._known = known
        self._builder = PackBuilder()
        self._begun: set[ChunkId] = set()
        self._emit = emit

    def file(
        self,
        file: BinaryIO,
        size: int,
        mtime_ns: int,
        hear: Callable[[int], None] = lambda taken: None,
    ) -> Ingested:
        """Take a file in. Its packs are all out only after `flush`.

        `hear` is told now and then how many bytes were taken, and may raise something to give up.
        """
        if size < INLINE_BELOW:
            data = file.read(INLINE_BELOW) or b""
            if len(data) < INLINE_BELOW:
                return self.inline(data, mtime_ns)
            file.seek(0)
        parts: list[Part] = []
        total = 0
        for chunk in chunks_of(file, size):
            parts.append((self._take(chunk), len(chunk)))
            total += len(chunk)
            hear(total)
        recipe = Recipe(total, mtime_ns, chunks=tuple(parts))
        digest = recipe_digest(self._keys, recipe)
        lists: tuple[Part, ...] = ()
        if len(parts) > MAX_DIRECT:
            lists = tuple((self._take(piece), len(piece)) for piece in list_pieces(parts))
            recipe = Recipe(total, mtime_ns, lists=lists)
        chunks = tuple(chunk for chunk, _ in (*parts, *lists))
        return Ingested(Content(digest, recipe.encode()), chunks)

    def inline(self, data: bytes, mtime_ns: int) -> Ingested:
        """A content that travels in its recipe: a small file, or a link's target."""
        return Ingested(_inline(self._keys, data, mtime_ns))

    def data(self, data: bytes, mtime_ns: int) -> Ingested:
        """Take in what is in memory already; as `file`."""
        return self.file(BytesIO(data), len(data), mtime_ns)

    def flush(self) -> None:
        """Finish the pack that was begun."""
        if len(self._builder):
            pack = self._builder.finish(self._keys.seal_index)
            self._builder = PackBuilder()
            self._emit(pack)

    def _take(self, plaintext: bytes) -> ChunkId:
        chunk = self._keys.chunk_id(plaintext)
        if chunk in self._begun or self._known((chunk,)):
            return chunk
        # By number too: chunks that compress well are so small that their index would overflow.
        if self._builder.size >= PACK_SIZE or len(self._builder) >= MAX_PACK_CHUNKS:
            self.flush()
        self._builder.add(chunk, self._keys.seal_chunk(chunk, pack_chunk(plaintext)))
        self._begun.add(chunk)
        return chunk


def inline_content(keys: VaultKeys, data: bytes, mtime_ns: int) -> Content | None:
    """The content of a file that is short enough to need no chunks; None for a longer one."""
    return _inline(keys, data, mtime_ns) if len(data) < INLINE_BELOW else None


def _inline(keys: VaultKeys, data: bytes, mtime_ns: int) -> Content:
    recipe = Recipe(len(data), mtime_ns, inline=data)
    return Content(recipe_digest(keys, recipe), recipe.encode())
