"""In which order, and how many at a time, contents come onto the disk."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cozysync.replica import ChunkIndex
from cozysync.sync.plan import WriteContent
from cozysync.sync.portions import portions
from cozysync_protocol import ChunkId

# Files put in place and made durable together: `syncfs` costs the same for one as for many.
FILES_PER_WAVE = 1000

# Plaintext of a wave, which is held at once.
BYTES_PER_WAVE = 16 * 1024 * 1024

_INLINE = (b"", 0)


class Coming(NamedTuple):
    """A content that is to come onto the disk: its bytes, and the first of its chunks, if any."""

    step: WriteContent
    size: int
    first: ChunkId | None


def in_pack_order(contents: Sequence[Coming], chunks: ChunkIndex) -> list[Coming]:
    """The contents in the order in which their first chunks lie in packs.

    In the order of the plan every wave would fetch nearly every pack: W2 fetched each four times.
    """
    places = chunks.locate({each.first for each in contents if each.first is not None})

    def place(each: Coming) -> tuple[bytes, int]:
        found = places.get(each.first) if each.first is not None else None
        return (found.pack, found.offset) if found is not None else _INLINE

    return sorted(contents, key=place)


def waves(contents: Sequence[Coming]) -> Iterator[list[Coming]]:
    """The contents in portions that are staged at once and put in place together."""
    return portions(contents, lambda each: each.size, BYTES_PER_WAVE, FILES_PER_WAVE)
