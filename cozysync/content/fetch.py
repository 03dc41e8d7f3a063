"""From packs to chunks: which bytes to read, and opening what came."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from cozysync.content.compress import unpack_chunk
from cozysync.vault import CannotOpen, MissingEpoch, VaultKeys
from cozysync_protocol import ChunkId, ChunkLocation, Malformed, PackId

# Reading through a gap is cheaper than another request (about 1 ms, or 300 KB on loopback).
MOST_GAP = 256 * 1024
# One answer in memory; several are under way at once. The largest pack that `ingest` makes (its
# bound and one more chunk) fits, so that a whole pack is one request.
MOST_READ = 12 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Read:
    """One request: `length` bytes from `start` of a pack, and the chunks that lie in it."""

    pack: PackId
    start: int
    length: int
    locations: tuple[ChunkLocation, ...]


def plan_reads(locations: Iterable[ChunkLocation]) -> list[Read]:
    """Requests that bring these chunks: few, in order of place, none too large."""
    reads: list[Read] = []
    run: list[ChunkLocation] = []
    for each in sorted(set(locations), key=lambda location: (location.pack, location.offset)):
        if run and not _continues(run, each):
            reads.append(_read(run))
            run = []
        run.append(each)
    if run:
        reads.append(_read(run))
    return reads


def open_read(
    keys: VaultKeys, read: Read, data: bytes
) -> tuple[dict[ChunkId, bytes], set[ChunkId]]:
    """The plaintexts of a read's chunks, and the chunks whose bytes are not what was stored.

    Each is checked against its id; one that is spoiled, cut off or swapped spoils no other.
    """
    view = memoryview(data)
    opened: dict[ChunkId, bytes] = {}
    for each in read.locations:
        with suppress(Malformed, CannotOpen, MissingEpoch):  # the epoch stands in the bytes, too
            opened[each.chunk] = _opened(keys, read, view, each)
    return opened, {each.chunk for each in read.locations} - opened.keys()


def _opened(keys: VaultKeys, read: Read, view: memoryview, each: ChunkLocation) -> bytes:
    at = each.offset - read.start
    plain = unpack_chunk(keys.open_chunk(view[at : at + each.length], each.chunk))
    if keys.chunk_id(plain) != each.chunk:
        raise Malformed("a chunk whose content does not fit its name")
    return plain


def _continues(run: list[ChunkLocation], each: ChunkLocation) -> bool:
    end = run[-1].offset + run[-1].length
    return (
        each.pack == run[0].pack
        and each.offset - end <= MOST_GAP
        and each.offset + each.length - run[0].offset <= MOST_READ
    )


def _read(run: list[ChunkLocation]) -> Read:
    start = run[0].offset
    end = max(each.offset + each.length for each in run)
    return Read(run[0].pack, start, end - start, tuple(run))
