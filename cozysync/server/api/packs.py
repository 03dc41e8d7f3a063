"""Packs: uploads as a stream, downloads whole or in ranges, and which are missing."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from functools import partial

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from cozysync.server.access import Access
from cozysync.server.failures import Refusal
from cozysync.server.offload import Offload
from cozysync.server.packs import DirectoryPacks, PackWriter
from cozysync.server.quota import Quota
from cozysync.server.returns import LOST_PACK_BYTES
from cozysync.server.store import SqliteStore
from cozysync.server.turns import Turns
from cozysync.server.web import BINARY, body_of, message, pack_of, route, whole_number
from cozysync_protocol import (
    MAX_INTEGER,
    MAX_PACK,
    MAX_PACK_LIST,
    ErrorCode,
    PackId,
    PackList,
    VaultId,
)

# Pieces in which a pack is read from the disk and sent: fewer thread hops, bounded memory.
PIECE = 1024 * 1024


class PacksApi:
    """The handlers, and the packs that they hand in and out."""

    def __init__(
        self,
        packs: DirectoryPacks,
        store: SqliteStore,
        quota: Quota,
        turns: Turns,
        access: Access,
        offload: Offload,
    ) -> None:
        self._packs = packs
        self._store = store
        self._quota = quota
        self._turns = turns
        self._access = access
        self._offload = offload

    def routes(self) -> list[Route]:
        packs = "/v1/vaults/{vault}/packs"
        return [
            route(packs + "/missing", self.missing, "POST"),
            route(packs + "/lost", self.lose, "POST"),
            route(packs + "/{pack}", self.put, "PUT"),
            route(packs + "/{pack}", self.get, "GET"),
        ]

    async def put(self, request: Request) -> Response:
        vault, pack = await self._access.vault(request), pack_of(request)
        length = whole_number(request.headers.get("content-length", ""), MAX_INTEGER, "the length")
        if length > MAX_PACK:
            raise Refusal(ErrorCode.TOO_LARGE, f"a pack has at most {MAX_PACK} bytes")
        if self._packs.size(vault, pack) is not None:
            # Whoever sends it means to name it: it begins its grace anew.
            await self._offload(partial(self._packs.touch, vault, pack))
            return Response(status_code=204)
        await self._turns.take(partial(self._quota.expect_pack, vault, length))
        whole = False
        try:
            await self._take_in(request, vault, pack)
            whole = True
        finally:
            self._quota.came(vault, length, whole=whole)
        return Response(status_code=204)

    async def _take_in(self, request: Request, vault: VaultId, pack: PackId) -> None:
        writer = await self._offload(partial(self._packs.writer, vault, pack))
        try:
            await self._receive(request, writer)
            await self._offload(writer.finish)
        finally:
            writer.abandon()

    async def get(self, request: Request) -> Response:
        vault, pack = await self._access.vault(request), pack_of(request)
        size = self._packs.size(vault, pack)
        if size is None:
            raise Refusal(ErrorCode.NOT_FOUND, "no such pack")
        start, end = _range(request.headers.get("range"), size)
        status = 200 if end - start == size else 206
        headers = {"content-length": str(end - start), "accept-ranges": "bytes"}
        if status == 206:
            headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers)
        pieces = self._pieces(vault, pack, start, end)
        return StreamingResponse(pieces, status, headers, media_type=BINARY)

    async def _pieces(
        self, vault: VaultId, pack: PackId, start: int, end: int
    ) -> AsyncIterator[bytes]:
        while start < end:
            length = min(PIECE, end - start)
            piece = await self._offload(partial(self._packs.read, vault, pack, start, length))
            if not piece:
                return
            start += len(piece)
            yield piece

    async def _receive(self, request: Request, writer: PackWriter) -> None:
        size = 0
        pending: list[bytes] = []
        waiting = 0
        async with aclosing(request.stream()) as pieces:
            async for data in pieces:
                size += len(data)
                if size > MAX_PACK:
                    raise Refusal(ErrorCode.TOO_LARGE, f"a pack has at most {MAX_PACK} bytes")
                pending.append(data)
                waiting += len(data)
                if waiting >= PIECE:
                    await self._offload(partial(_write, writer, pending))
                    pending, waiting = [], 0
        await self._offload(partial(_write, writer, pending))

    async def missing(self, request: Request) -> Response:
        vault = await self._access.vault(request)
        asked = PackList.decode(await body_of(request, MAX_PACK_LIST * 34 + 8))
        doomed = await self._turns.take(lambda: self._store.marks.doomed(vault, asked.packs))
        missing = dict.fromkeys([*self._packs.missing(vault, asked.packs), *doomed])
        return message(PackList(tuple(missing)).encode())

    async def lose(self, request: Request) -> Response:
        vault = await self._access.vault(request)
        asked = PackList.decode(await body_of(request, MAX_PACK_LIST * 34 + 8))
        await self._turns.take(partial(self._lose, vault, asked.packs))
        return Response(status_code=204)

    def _lose(self, vault: VaultId, packs: Sequence[PackId]) -> None:
        size = LOST_PACK_BYTES * len(packs)
        self._quota.check_entries(vault, size)
        self._store.returns.lose(vault, packs)
        self._quota.add(vault, size)


def _write(writer: PackWriter, pieces: list[bytes]) -> None:
    writer.write(b"".join(pieces))  # in the thread, each byte is copied once


def _range(header: str | None, size: int) -> tuple[int, int]:
    """Start and end (exclusive) of a single byte range; the whole without a header."""
    if header is None:
        return 0, size
    unit, _, span = header.partition("=")
    first, dash, last = span.partition("-")
    if unit.strip() != "bytes" or not dash:
        raise Refusal(ErrorCode.MALFORMED, "only ranges of the form bytes=FIRST-LAST are served")
    start = whole_number(first, MAX_INTEGER, "a range's start")
    end = min(whole_number(last, MAX_INTEGER, "a range's end") + 1 if last else size, size)
    if start >= end:
        raise Refusal(ErrorCode.MALFORMED, "a range outside the pack")
    return start, end
