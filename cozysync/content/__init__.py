"""What files hold: chunks, packs, recipes."""

from cozysync.content.chunker import (
    LARGE_FROM,
    WHOLE_UP_TO,
    WINDOW,
    chunks_of,
)
from cozysync.content.compress import (
    pack_chunk,
    unpack_chunk,
)
from cozysync.content.fetch import (
    MOST_GAP,
    MOST_READ,
    Read,
    open_read,
    plan_reads,
)
from cozysync.content.ingest import (
    PACK_SIZE,
    Ingest,
    Ingested,
    Known,
    inline_content,
)
from cozysync.content.recipe import (
    INLINE_BELOW,
    MAX_DIRECT,
    MAX_FILE_CHUNKS,
    MAX_LIST_CHUNKS,
    Part,
    Recipe,
    decode_recipe,
    expand,
    list_pieces,
    recipe_digest,
)

__all__ = [
    "INLINE_BELOW",
    "LARGE_FROM",
    "MAX_DIRECT",
    "MAX_FILE_CHUNKS",
    "MAX_LIST_CHUNKS",
    "MOST_GAP",
    "MOST_READ",
    "PACK_SIZE",
    "WHOLE_UP_TO",
    "WINDOW",
    "Ingest",
    "Ingested",
    "Known",
    "Part",
    "Read",
    "Recipe",
    "chunks_of",
    "decode_recipe",
    "expand",
    "inline_content",
    "list_pieces",
    "open_read",
    "pack_chunk",
    "plan_reads",
    "recipe_digest",
    "unpack_chunk",
]
