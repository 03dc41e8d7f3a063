"""Cutting files into chunks whose ends depend on the content around them."""

from collections.abc import Iterator
from functools import cache
from typing import BinaryIO

from pyfastcdc import FastCDC

WHOLE_UP_TO = 256 * 1024
"""Files up to this size are one chunk: cutting them would cost more than it could save."""

LARGE_FROM = 64 * 1024 * 1024
"""From here on chunks are larger: a 1 GiB file in 2,000 chunks, not 4,000."""

WINDOW = 4 * 1024 * 1024
"""Bytes of a file held while it is cut; twice the largest chunk."""

_PIECE = 1024 * 1024


def chunks_of(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The chunks of a file of about `size` bytes, in order, in bounded memory.

    The ends of chunks depend on nothing but the bytes and on whether `size` is large.
    """
    if size <= WHOLE_UP_TO:
        data = _read(file, size + 1)
        if len(data) > size:  # it grew since it was looked at
            data += _read(file, WHOLE_UP_TO + 1 - len(data))
        if len(data) <= WHOLE_UP_TO:
            if data:
                yield data
            return
        yield from _cut(file, data, size)
        return
    yield from _cut(file, b"", size)


def _cut(file: BinaryIO, begun: bytes, size: int) -> Iterator[bytes]:
    cutter = _cutter(size >= LARGE_FROM)
    # One window for the whole file: fresh memory costs more than the copying into it.
    window = memoryview(bytearray(WINDOW))
    held = len(begun)
    window[:held] = begun
    held += _fill(file, window[held:])
    while held:
        at_end = held < WINDOW
        used = 0
        for chunk in cutter.cut_buf(window[:held]):
            # The last chunk of a window ends where the window does, unless the file does too.
            if not at_end and chunk.offset + chunk.length == held:
                break
            yield bytes(window[chunk.offset : chunk.offset + chunk.length])
            used = chunk.offset + chunk.length
        if at_end:
            return
        rest = held - used
        window[:rest] = window[used:held]
        held = rest + _fill(file, window[rest:])


def _fill(file: BinaryIO, place: memoryview) -> int:
    """Read into `place` until it is full or the file ends; returns how many bytes."""
    held = 0
    while held < len(place) and (piece := file.read(min(_PIECE, len(place) - held))):
        place[held : held + len(piece)] = piece
        held += len(piece)
    return held


def _read(file: BinaryIO, size: int) -> bytes:
    pieces: list[bytes] = []
    while size > 0:
        piece = file.read(size)
        if not piece:
            break
        pieces.append(piece)
        size -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


@cache
def _cutter(large: bool) -> FastCDC:
    average = (512 if large else 256) * 1024
    return FastCDC(avg_size=average, min_size=average // 4, max_size=average * 4)
