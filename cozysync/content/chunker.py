"""Cutting files into chunks whose ends depend on the content around them."""

from collections.abc import Iterator
from functools import cache
from typing import BinaryIO

from pyfastcdc import FastCDC

WHOLE_UP_TO = 256 * 1024
"""Files up to this size are one chunk: cutting them would cost more than it could save."""

LARGE_FROM = 64 * 1024 * 1024
"""From here on chunks are larger: a 1 GiB file in 2,000 chunks, not 4,000."""

WINDOW = 8 * 1024 * 1024
"""Bytes of a file held while it is cut; several times the largest chunk."""


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
    window = begun + _read(file, WINDOW - len(begun))
    while window:
        at_end = len(window) < WINDOW
        used = 0
        for chunk in cutter.cut_buf(window):
            # The last chunk of a window ends where the window does, unless the file does too.
            if not at_end and chunk.offset + chunk.length == len(window):
                break
            yield window[chunk.offset : chunk.offset + chunk.length]
            used = chunk.offset + chunk.length
        if at_end:
            return
        window = window[used:] + _read(file, WINDOW - (len(window) - used))


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
