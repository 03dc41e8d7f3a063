"""The server's interface over HTTP (protocol/SPEC.md, «Server interface»).

The server orders, stores and checks what can be checked without keys. Whoever lacks a session for
a vault learns nothing of it, not even whether it exists.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import anyio
from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from cozysync.server.failures import Refusal
from cozysync.server.mailbox import SIDES, Mailboxes
from cozysync.server.packs import DirectoryPacks
from cozysync.server.sessions import Sessions
from cozysync.server.store import SqliteStore, is_enrolled, refusal_of
from cozysync_protocol import (
    MAX_APPEND_BYTES,
    MAX_MAILBOX_MESSAGE,
    MAX_MESSAGE,
    MAX_PACK,
    MAX_PACK_LIST,
    MAX_WAIT_SECONDS,
    Append,
    Appended,
    Challenge,
    CreateVault,
    DeviceId,
    ErrorCode,
    PackId,
    PackList,
    Problem,
    ProtocolError,
    SessionProof,
    SessionRequest,
    VaultId,
    check_signature,
    encode,
    encode_frame,
    session_signed_part,
    this_server,
)

T = TypeVar("T")

# One answer to a reader: it verifies and applies as it reads, so more would only wait.
ENTRIES_PER_READ = 256
BYTES_PER_READ = 8 * 1024 * 1024
# Pieces in which a pack is read from the disk and sent: fewer thread hops, bounded memory.
PIECE = 1024 * 1024

_PROBLEM = "application/problem+json"
_BINARY = "application/octet-stream"
_MESSAGEPACK = "application/msgpack"

Handler = Callable[[Request], Awaitable[Response]]


class Server:
    """The handlers, and what they share."""

    def __init__(
        self,
        store: SqliteStore,
        packs: DirectoryPacks,
        *,
        now_s: Callable[[], float],
        entropy: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._packs = packs
        self._now_s = now_s
        self._sessions = Sessions(store.secret("sessions"), now_s, entropy)
        self._mailboxes = Mailboxes(now_s)
        self._news: dict[VaultId, anyio.Event] = {}
        self._lock = anyio.Lock()
        self._closing = anyio.Event()
        self._appended = 0

    def app(self) -> Starlette:
        """The ASGI application."""
        vault = "/v1/vaults/{vault}"
        routes = [
            _route("/v1/info", self.info, "GET"),
            _route("/v1/vaults", self.create_vault, "POST"),
            _route("/v1/sessions", self.open_session, "POST"),
            _route("/v1/sessions/proof", self.prove_session, "POST"),
            _route(vault + "/log", self.read_log, "GET"),
            _route(vault + "/log", self.append, "POST"),
            _route(vault + "/packs/missing", self.missing_packs, "POST"),
            _route(vault + "/packs/{pack}", self.put_pack, "PUT"),
            _route(vault + "/packs/{pack}", self.get_pack, "GET"),
            _route(vault + "/snapshot", self.get_snapshot, "GET"),
            _route(vault + "/snapshot", self.put_snapshot, "PUT"),
            _route("/v1/mailbox", self.open_mailbox, "POST"),
            _route("/v1/mailbox/{number:int}/{side}/{index:int}", self.put_message, "PUT"),
            _route("/v1/mailbox/{number:int}/{side}/{index:int}", self.get_message, "GET"),
            _route("/v1/mailbox/{number:int}", self.close_mailbox, "DELETE"),
            _route("/healthz", self.health, "GET"),
            _route("/readyz", self.health, "GET"),
            _route("/metrics", self.metrics, "GET"),
        ]
        return Starlette(routes=routes, lifespan=self._lifespan)

    def stop_waiting(self) -> None:
        """Let every waiting reader go, so that the server can stop."""
        self._closing.set()
        for event in self._news.values():
            event.set()

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        yield
        self.stop_waiting()
        self._store.close()

    async def _in_store(self, work: Callable[[], T]) -> T:
        async with self._lock:
            return await to_thread.run_sync(work)

    # --- everybody

    async def info(self, _request: Request) -> Response:
        return _message(this_server(int(self._now_s() * 1000)).encode())

    async def health(self, _request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def metrics(self, _request: Request) -> Response:
        lines = [
            "# TYPE cozysync_entries_appended_total counter",
            f"cozysync_entries_appended_total {self._appended}",
        ]
        return PlainTextResponse("\n".join(lines) + "\n")

    async def create_vault(self, request: Request) -> Response:
        message = CreateVault.decode(await _body(request, MAX_MESSAGE))
        head = await self._in_store(
            lambda: self._store.create_vault(message.invitation, message.entry)
        )
        return _message(encode([1, head]))

    async def open_session(self, request: Request) -> Response:
        message = SessionRequest.decode(await _body(request, MAX_MESSAGE))
        # Given to anybody: whether the vault or device exists shows only to who can sign.
        return _message(Challenge(self._sessions.challenge(message.vault, message.device)).encode())

    async def prove_session(self, request: Request) -> Response:
        proof = SessionProof.decode(await _body(request, MAX_MESSAGE))
        refusal = Refusal(ErrorCode.NO_SESSION, "the device is not known here, or did not sign")
        if not self._sessions.is_challenge(proof.vault, proof.device, proof.nonce):
            raise refusal
        state = await self._in_store(lambda: self._store.state(proof.vault))
        if state is None or not is_enrolled(state, proof.device):
            raise refusal
        text = session_signed_part(proof.vault, proof.device, proof.nonce)
        try:
            check_signature(state.devices[proof.device].keys.signing, proof.signature, text)
        except ProtocolError as error:
            raise refusal from error
        return _message(self._sessions.token(proof.vault, proof.device).encode())

    # --- the log

    async def append(self, request: Request) -> Response:
        vault = await self._vault(request)
        message = Append.decode(await _body(request, MAX_APPEND_BYTES + MAX_MESSAGE))
        places = await self._in_store(lambda: self._store.append(vault, message.entries))
        self._appended += len(places)
        news = self._news.pop(vault, None)
        if news is not None:
            news.set()
        return _message(Appended(tuple(places)).encode())

    async def read_log(self, request: Request) -> Response:
        vault = await self._vault(request)
        after = _integer(request, "after", 2**62)
        wait = _integer(request, "wait", MAX_WAIT_SECONDS)
        frames = await self._read(vault, after)
        if not frames and wait:
            with anyio.move_on_after(wait):
                while not frames and not self._closing.is_set():
                    news = self._news.setdefault(vault, anyio.Event())
                    frames = await self._read(vault, after)
                    if frames:
                        break
                    await news.wait()
        state = await self._in_store(lambda: self._store.state(vault))
        end = str(state.position if state is not None else 0)
        data = b"".join(frames)
        return Response(data, media_type=_BINARY, headers={"cozysync-end": end})

    async def _read(self, vault: VaultId, after: int) -> list[bytes]:
        frames = await self._in_store(
            lambda: self._store.read(vault, after, ENTRIES_PER_READ, BYTES_PER_READ)
        )
        return [encode_frame(frame) for frame in frames]

    # --- packs

    async def put_pack(self, request: Request) -> Response:
        vault, pack = await self._vault(request), _pack(request)
        length = request.headers.get("content-length", "")
        if not length.isdigit() or int(length) > MAX_PACK:
            raise Refusal(ErrorCode.TOO_LARGE, f"a pack has at most {MAX_PACK} bytes")
        if self._packs.size(vault, pack) is not None:
            return Response(status_code=204)
        writer = self._packs.writer(vault, pack)
        try:
            size = 0
            pending = bytearray()
            async for data in request.stream():
                size += len(data)
                if size > MAX_PACK:
                    raise Refusal(ErrorCode.TOO_LARGE, f"a pack has at most {MAX_PACK} bytes")
                pending += data
                if len(pending) >= PIECE:
                    await to_thread.run_sync(writer.write, bytes(pending))
                    pending.clear()
            await to_thread.run_sync(writer.write, bytes(pending))
            await to_thread.run_sync(writer.finish)
        finally:
            writer.abandon()
        return Response(status_code=204)

    async def get_pack(self, request: Request) -> Response:
        vault, pack = await self._vault(request), _pack(request)
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
        return StreamingResponse(pieces, status, headers, media_type=_BINARY)

    async def _pieces(
        self, vault: VaultId, pack: PackId, start: int, end: int
    ) -> AsyncIterator[bytes]:
        while start < end:
            length = min(PIECE, end - start)
            piece = await to_thread.run_sync(self._packs.read, vault, pack, start, length)
            if not piece:
                return
            start += len(piece)
            yield piece

    async def missing_packs(self, request: Request) -> Response:
        vault = await self._vault(request)
        asked = PackList.decode(await _body(request, MAX_PACK_LIST * 34 + 8))
        return _message(PackList(tuple(self._packs.missing(vault, asked.packs))).encode())

    # --- snapshots

    async def get_snapshot(self, request: Request) -> Response:
        vault = await self._vault(request)
        version, pointer = await self._in_store(lambda: self._store.snapshot(vault))
        return Response(pointer, media_type=_BINARY, headers={"etag": f'"{version}"'})

    async def put_snapshot(self, request: Request) -> Response:
        vault = await self._vault(request)
        expected = request.headers.get("if-match", "").strip('"')
        if not expected.isdigit():
            raise Refusal(ErrorCode.MALFORMED, "a snapshot is set with If-Match")
        pointer = await _body(request, MAX_MESSAGE)
        version = await self._in_store(
            lambda: self._store.set_snapshot(vault, int(expected), pointer)
        )
        return Response(status_code=204, headers={"etag": f'"{version}"'})

    # --- mailboxes

    async def open_mailbox(self, request: Request) -> Response:
        self._bearer(request)  # only a device of some vault here has anything to offer
        return _message(encode([self._mailboxes.open()]))

    async def put_message(self, request: Request) -> Response:
        number, side, index = _place(request)
        message = await _body(request, MAX_MAILBOX_MESSAGE)
        self._mailboxes.put(number, side, index, message)
        return Response(status_code=204)

    async def get_message(self, request: Request) -> Response:
        number, side, index = _place(request)
        wait = _integer(request, "wait", MAX_WAIT_SECONDS)
        message = await self._mailboxes.get(number, side, index, wait)
        if message is None:
            return Response(status_code=204)
        return Response(message, media_type=_BINARY)

    async def close_mailbox(self, request: Request) -> Response:
        self._mailboxes.close(request.path_params["number"])
        return Response(status_code=204)

    # --- who asks

    def _bearer(self, request: Request) -> tuple[VaultId, DeviceId]:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        bearer = self._sessions.bearer(token) if scheme.lower() == "bearer" else None
        if bearer is None:
            raise Refusal(ErrorCode.NO_SESSION, "open a session first")
        return bearer

    async def _vault(self, request: Request) -> VaultId:
        vault, device = self._bearer(request)
        if request.path_params["vault"] != vault.hex():
            raise Refusal(ErrorCode.NO_SESSION, "the session is for another vault")
        state = await self._in_store(lambda: self._store.state(vault))
        if state is None or not is_enrolled(state, device):
            raise Refusal(ErrorCode.DEVICE_REVOKED, "the device was revoked")
        return vault


def _route(path: str, handler: Handler, method: str) -> Route:
    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except ProtocolError as error:
            return _refused(refusal_of(error).problem)
        except Refusal as refusal:
            return _refused(refusal.problem)
        except ClientDisconnect:
            return Response(status_code=400)

    return Route(path, guarded, methods=[method])


def _refused(problem: Problem) -> Response:
    return Response(problem.encode(), problem.status, media_type=_PROBLEM)


def _message(data: bytes) -> Response:
    return Response(data, media_type=_MESSAGEPACK)


async def _body(request: Request, most: int) -> bytes:
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > most:
            raise Refusal(ErrorCode.TOO_LARGE, f"a body has at most {most} bytes here")
    return bytes(data)


def _integer(request: Request, name: str, most: int) -> int:
    value = request.query_params.get(name, "0")
    if not value.isascii() or not value.isdigit() or len(value) > 20 or int(value) > most:
        raise Refusal(ErrorCode.MALFORMED, f"{name} is not an integer from 0 to {most}")
    return int(value)


def _pack(request: Request) -> PackId:
    name = request.path_params["pack"]
    try:
        pack = bytes.fromhex(name)
    except ValueError:
        pack = b""
    if len(pack) != 32 or pack.hex() != name:
        raise Refusal(ErrorCode.MALFORMED, "a pack's name has 64 hex digits")
    return PackId(pack)


def _place(request: Request) -> tuple[int, str, int]:
    side = request.path_params["side"]
    if side not in SIDES:
        raise Refusal(ErrorCode.NOT_FOUND, "a mailbox has two sides: offer and join")
    return request.path_params["number"], side, request.path_params["index"]


def _range(header: str | None, size: int) -> tuple[int, int]:
    """Start and end (exclusive) of a single byte range; the whole without a header."""
    if header is None:
        return 0, size
    unit, _, span = header.partition("=")
    first, _, last = span.partition("-")
    if unit.strip() != "bytes" or not first.isdigit() or (last and not last.isdigit()):
        raise Refusal(ErrorCode.MALFORMED, "only ranges of the form bytes=FIRST-LAST are served")
    start = int(first)
    end = min(int(last) + 1 if last else size, size)
    if start >= end:
        raise Refusal(ErrorCode.MALFORMED, "a range outside the pack")
    return start, end
