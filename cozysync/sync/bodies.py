"""The bodies of requests and answers: packs are megabytes, and each copy of them counts."""

from collections.abc import AsyncIterator

import httpcore

# What is asked of the socket at once. With the library's 64 KiB a download spent a third of its
# time on passing small pieces from layer to layer.
httpcore.AsyncHTTP11Connection.READ_NUM_BYTES = 512 * 1024

# Pieces are put together now and then: of single bytes, each would take forty times its size.
_CRUMBS = 1024


class Once:
    """The body of a request, let go of when it is sent.

    A request and its answer hold one another until the garbage collector comes, which counts
    objects, not bytes: the packs sent meanwhile took 100 MiB.
    """

    def __init__(self, data: bytes) -> None:
        self._data: bytes | None = data

    def __len__(self) -> int:
        return len(self._data or b"")

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        data, self._data = self._data, None
        if data is None:
            raise StopAsyncIteration
        return data


class Gathered:
    """The pieces of an answer, `size` bytes so far, copied once or twice however many there are."""

    def __init__(self) -> None:
        self.size = 0
        self._pieces: list[bytes] = []
        self._crumbs: list[bytes] = []

    def add(self, piece: bytes) -> None:
        """The next piece."""
        self.size += len(piece)
        self._crumbs.append(piece)
        if len(self._crumbs) == _CRUMBS:
            self._pieces.append(b"".join(self._crumbs))
            self._crumbs = []

    def whole(self) -> bytes:
        """All of them."""
        return b"".join([*self._pieces, *self._crumbs])
