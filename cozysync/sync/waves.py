"""In which order, and how many at a time, contents come onto the disk."""

from collections.abc import Iterator, Sequence

from cozysync.content import decode_recipe
from cozysync.replica import ChunkIndex
from cozysync.sync.plan import WriteContent
from cozysync_protocol import ChunkId

# Files put in place and made durable together: `syncfs` costs the same for one as for many.
FILES_PER_WAVE = 1000

# Plaintext of a wave, which is held at once.
BYTES_PER_WAVE = 16 * 1024 * 1024

_INLINE = (b"", 0)


def in_pack_order(steps: Sequence[WriteContent], chunks: ChunkIndex) -> list[WriteContent]:
    """The steps in the order in which their first chunks lie in packs.

    In the order of the plan every wave would fetch nearly every pack: W2 fetched each four times.
    """
    firsts: dict[int, ChunkId] = {}
    for n, step in enumerate(steps):
        assert step.wanted.content is not None
        recipe = decode_recipe(step.wanted.content.detail)
        for chunk, _ in (recipe.chunks or recipe.lists)[:1]:
            firsts[n] = chunk
    places = chunks.locate(set(firsts.values()))

    def place(n: int) -> tuple[bytes, int]:
        found = places.get(firsts[n]) if n in firsts else None
        return (found.pack, found.offset) if found is not None else _INLINE

    return [steps[n] for n in sorted(range(len(steps)), key=place)]


def waves(steps: Sequence[WriteContent]) -> Iterator[list[WriteContent]]:
    """The steps in portions that are staged at once and put in place together."""
    wave: list[WriteContent] = []
    size = 0
    for step in steps:
        assert step.wanted.content is not None
        own = decode_recipe(step.wanted.content.detail).size
        if wave and (size + own > BYTES_PER_WAVE or len(wave) == FILES_PER_WAVE):
            yield wave
            wave, size = [], 0
        wave.append(step)
        size += own
    if wave:
        yield wave
