"""The beginning of a file that grows."""

import io
from typing import BinaryIO


class _FirstBytes(io.RawIOBase):
    def __init__(self, file: BinaryIO, size: int) -> None:
        super().__init__()
        self._file = file
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = base + offset
        self._file.seek(self._at)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._file.read(min(len(buffer), self._size - self._at))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def first_bytes(file: BinaryIO, size: int) -> BinaryIO:
    """The first `size` bytes of a file, from the start, as a file of its own."""
    first = _FirstBytes(file, size)
    first.seek(0)
    return io.BufferedReader(first)
