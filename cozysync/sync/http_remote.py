"""The server over HTTP/1.1, with httpx."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from email.utils import mktime_tz
from email.utils import parsedate_tz as parse_date
from typing import Any

import httpx
import trio

from cozysync.sync.bodies import Gathered, Once
from cozysync.sync.headers import end_of, head_of, retry_after
from cozysync.sync.remote import End, Refused, Unreachable
from cozysync.sync.trust import NobodyVouches, ServerTrust, is_about_certificate
from cozysync_protocol import (
    MAX_ENTRY,
    MAX_MAILBOX_MESSAGE,
    MAX_MESSAGE,
    NOWHERE,
    PROTOCOL_VERSION,
    Append,
    Appended,
    Begun,
    Challenge,
    CreateVault,
    DeviceId,
    ErrorCode,
    FrameReader,
    GivenBack,
    HeadHash,
    Info,
    LogFrame,
    Malformed,
    PackId,
    PackList,
    Position,
    Problem,
    Reader,
    RolledBack,
    Session,
    SessionProof,
    SessionRequest,
    SnapshotPointer,
    VaultId,
    decode,
    session_signed_part,
)

CONNECT_S = 5.0
# A request for which nothing moves for so long is given up; transfers themselves may take longer.
SILENCE_S = 30.0
# A waiting read, some transfers, a push: more connections would only share the same line.
CONNECTIONS = 12

# Transfers may take their time, but no less than so many bytes a second after a start: else a drop
# now and then, each within the silence that is allowed, keeps everything waiting for ever.
SLOW_S = 60.0
SLOWEST = 1024

_MESSAGEPACK = {"content-type": "application/msgpack"}
# One answer of control entries: the server stops once it has passed 8 MiB.
_MOST_CONTROLS = 8 * 1024 * 1024 + MAX_ENTRY
_LONGEST_TAG = 20
# One answer of the log is full at 8 MiB, with the entry that filled it (protocol/SPEC.md, 6).
_MOST_LOG = 8 * 1024 * 1024 + MAX_ENTRY + 64 * 1024
# A refusal's text is shown to people: what steers a terminal, or fills it, is cut away.
_MOST_DETAIL = 300


class HttpRemote:
    """A `Remote` that speaks to a real server. Close it when done.

    `sign` is the device's signature, None for a device that has no vault yet and may only use
    mailboxes and `create_vault`. `heard_time` is told the server's wall-clock time, in seconds
    since 1970, with every answer. `trust` says how the server is known when it speaks TLS;
    `Downgraded` is raised when its key is known and it would not. `transport` carries the
    requests; None for the network.
    """

    def __init__(
        self,
        url: str,
        vault: VaultId | None = None,
        device: DeviceId | None = None,
        sign: Callable[[bytes], bytes] | None = None,
        heard_time: Callable[[float], None] | None = None,
        trust: ServerTrust | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._vault = vault
        self._device = device
        self._sign = sign
        self._heard_time = heard_time
        self._token: str | None = None
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(SILENCE_S, connect=CONNECT_S),
            headers={"accept-encoding": "identity"},
            limits=httpx.Limits(max_connections=CONNECTIONS, keepalive_expiry=60),
            trust_env=False,
            verify=(trust or ServerTrust()).context(self.url),
            transport=transport,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def info(self) -> Info:
        """What the server speaks; raises `Unreachable` when it is not this version."""
        try:
            info = Info.decode(await self._ask("GET", "/v1/info", b""))
        except Malformed as error:
            raise Unreachable(self.url, "its answer makes no sense") from error
        if not info.oldest_version <= PROTOCOL_VERSION <= info.newest_version:
            spoken = f"{info.oldest_version} to {info.newest_version}"
            raise Unreachable(self.url, f"it speaks version {spoken}, not {PROTOCOL_VERSION}")
        return info

    async def create_vault(self, invitation: str, entry: bytes) -> HeadHash:
        data = await self._ask("POST", "/v1/vaults", CreateVault(invitation, entry).encode())
        with self._understanding():
            read = Reader(_decoded(data), "vault", fields=2)
            read.integer(1, 1)
            return HeadHash(read.exactly(32))

    async def append(self, entries: Sequence[bytes], verified: Position = NOWHERE) -> Appended:
        path = self._path(f"log?verified={verified}")
        data = await self._ask("POST", path, Append(tuple(entries)).encode(), own=True)
        with self._understanding():
            appended = Appended.decode(data)
        if len(appended.positions) != len(entries):
            raise Unreachable(self.url, "its answer does not fit the question")
        return appended

    async def give_back(
        self, goal: Position, frames: Sequence[LogFrame], invitation: str = ""
    ) -> Position:
        given = GivenBack(goal, tuple(frames), invitation).encode()
        data = await self._ask("POST", self._path("log/given-back"), given, own=not invitation)
        with self._understanding():
            return Position(Reader(_decoded(data), "given back", fields=1).integer())

    async def begin(self, begun: Begun) -> None:
        await self._ask("POST", self._path("log/begun"), begun.encode())

    async def lose(self, packs: Sequence[PackId]) -> None:
        await self._ask("POST", self._path("packs/lost"), PackList(tuple(packs)).encode(), own=True)

    async def log(self, after: Position, wait_s: int) -> AsyncGenerator[Sequence[LogFrame], None]:
        """See `Remote.log`; frames come in batches as they arrive."""
        while True:
            asked = after
            frames = FrameReader()
            path = self._path(f"log?after={after}&wait={wait_s}")
            timeout = httpx.Timeout(SILENCE_S + wait_s, connect=CONNECT_S)
            async with self._request("GET", path, own=True, timeout=timeout) as response:
                end = end_of(response)
                if end < asked:
                    raise RolledBack(end, asked)
                # Whole: entries that do not verify must not leave an answer half read.
                data = await self._body(response, _MOST_LOG)
            with self._understanding():
                batch = frames.feed(data)
            if batch:
                after = batch[-1].position
                yield batch
            if not frames.is_between_frames:
                raise Unreachable(self.url, "its answer breaks off")
            if after >= end:
                return
            if after == asked:
                raise Unreachable(self.url, "it holds back entries that it says it has")
            wait_s = 0

    async def controls(self) -> Sequence[LogFrame]:
        found: list[LogFrame] = []
        while True:
            after = found[-1].position if found else 0
            path = self._path(f"log?after={after}&control=1")
            async with self._request("GET", path, own=True) as response:
                data = await self._body(response, _MOST_CONTROLS)
            with self._understanding():
                frames = FrameReader().feed(data)
            if not frames:
                return found
            if found and frames[0].position <= found[-1].position:
                raise Unreachable(self.url, "its answer does not fit the question")
            found += frames

    async def snapshot(self) -> tuple[int, SnapshotPointer | None]:
        async with self._request("GET", self._path("snapshot"), own=True) as response:
            data = await self._body(response, MAX_MESSAGE)
            tag = response.headers.get("etag", "").strip('"')
        if not (tag.isascii() and tag.isdecimal() and len(tag) < _LONGEST_TAG):
            raise Unreachable(self.url, "it does not answer as a cozysync server does")
        with self._understanding():
            return int(tag), SnapshotPointer.decode(data) if data else None

    async def set_snapshot(self, expected: int, pointer: SnapshotPointer) -> None:
        headers = {"if-match": f'"{expected}"'}
        path, data = self._path("snapshot"), pointer.encode()
        async with self._request("PUT", path, own=True, content=data, headers=headers):
            pass

    async def missing_packs(self, packs: Sequence[PackId]) -> Sequence[PackId]:
        path, asked = self._path("packs/missing"), PackList(tuple(packs)).encode()
        headers, most = _MESSAGEPACK, len(asked) + MAX_MESSAGE
        async with self._request("POST", path, own=True, content=asked, headers=headers) as answer:
            data = await self._body(answer, most)
        with self._understanding():
            return PackList.decode(data).packs

    async def end(self) -> End:
        path = self._path(f"log?after={2**62}&wait=0")
        async with self._request("GET", path, own=True) as response:
            return End(end_of(response), head_of(response))

    async def put_pack(self, pack: PackId, data: bytes) -> None:
        await self._ask("PUT", self._path(f"packs/{pack.hex()}"), data, own=True)

    async def get_pack(self, pack: PackId, start: int, length: int) -> bytes:
        headers = {"range": f"bytes={start}-{start + length - 1}"}
        path = self._path(f"packs/{pack.hex()}")
        async with self._request("GET", path, own=True, headers=headers) as response:
            return await self._body(response, length)

    async def open_mailbox(self) -> int:
        data = await self._ask("POST", "/v1/mailbox", b"", own=True)
        with self._understanding():
            return Reader(_decoded(data), "mailbox", fields=1).integer(1)

    async def leave(self, box: int, side: str, index: int, message: bytes) -> None:
        await self._ask("PUT", f"/v1/mailbox/{box}/{side}/{index}", message)

    async def collect(self, box: int, side: str, index: int, wait_s: int) -> bytes | None:
        path = f"/v1/mailbox/{box}/{side}/{index}?wait={wait_s}"
        timeout = httpx.Timeout(SILENCE_S + wait_s, connect=CONNECT_S)
        async with self._request("GET", path, timeout=timeout) as response:
            data = await self._body(response, MAX_MAILBOX_MESSAGE)
            return None if response.status_code == 204 else data

    async def close_mailbox(self, box: int) -> None:
        await self._ask("DELETE", f"/v1/mailbox/{box}", b"", own=True)

    # --- one exchange

    def _path(self, rest: str) -> str:
        assert self._vault is not None, "this remote is not for a vault"
        return f"/v1/vaults/{self._vault.hex()}/{rest}"

    async def _ask(self, method: str, path: str, content: bytes, *, own: bool = False) -> bytes:
        async with self._request(
            method, path, own=own, content=content, headers=_MESSAGEPACK
        ) as response:
            return await self._body(response, MAX_MESSAGE)

    @contextmanager
    def _understanding(self) -> Iterator[None]:
        try:
            yield
        except Malformed as error:
            raise Unreachable(self.url, "its answer makes no sense") from error

    async def _body(self, response: httpx.Response, most: int) -> bytes:
        """The whole answer, as it came: nothing is decompressed, and no more is held than that."""
        gathered = Gathered()
        began = trio.current_time()
        async for piece in response.aiter_raw():
            gathered.add(piece)
            if gathered.size > most:
                raise Unreachable(self.url, "it sent more than was asked for")
            if trio.current_time() - began > SLOW_S + gathered.size / SLOWEST:
                raise Unreachable(self.url, "its answer comes too slowly")
        return gathered.whole()

    @asynccontextmanager
    async def _request(
        self,
        method: str,
        path: str,
        *,
        own: bool = False,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        **rest: Any,
    ) -> AsyncIterator[httpx.Response]:
        """One request; `own` asks on behalf of the vault, with a session.

        A session that has run out is renewed once.
        """
        for last in (False, True):
            sent = dict(headers or {})
            if own:
                sent["authorization"] = f"Bearer {await self._session()}"
            if content is not None:
                sent["content-length"] = str(len(content))
                rest["content"] = Once(content)
            try:
                async with AsyncExitStack() as stack:
                    response = await self._begun(stack, method, path, headers=sent, **rest)
                    self._hear_time(response)
                    if response.is_success:
                        if response.headers.get("content-encoding", "identity") != "identity":
                            raise Unreachable(self.url, "it sent what was not asked for")
                        yield response
                        return
                    problem, retry_after_s = await self._problem(response), retry_after(response)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                if is_about_certificate(error):
                    raise NobodyVouches(self.url) from error
                raise Unreachable(self.url, _said(error)) from error
            if problem.code is not ErrorCode.NO_SESSION or not own or last:
                raise Refused(problem.code, problem.detail, retry_after_s)
            self._token = None

    async def _begun(
        self, stack: AsyncExitStack, method: str, path: str, **rest: Any
    ) -> httpx.Response:
        """An answer whose headers are here; a drop now and then is no answer."""
        patience = rest["timeout"].read if "timeout" in rest else SILENCE_S
        patience += SLOW_S + len(rest.get("content", ())) / SLOWEST
        url = self.url + path  # whole: httpx parses a part of one three times over
        try:
            with trio.fail_after(patience):
                return await stack.enter_async_context(self._client.stream(method, url, **rest))
        except trio.TooSlowError as error:
            raise Unreachable(self.url, "no answer in time") from error

    async def _session(self) -> str:
        if self._token is None:
            assert self._vault is not None
            assert self._device is not None
            assert self._sign is not None
            request = SessionRequest(self._vault, self._device)
            data = await self._ask("POST", "/v1/sessions", request.encode())
            with self._understanding():
                nonce = Challenge.decode(data).nonce
            signature = self._sign(session_signed_part(self._vault, self._device, nonce))
            proof = SessionProof(self._vault, self._device, nonce, signature)
            data = await self._ask("POST", "/v1/sessions/proof", proof.encode())
            with self._understanding():
                token = Session.decode(data).token
            if not (token.isascii() and token.isprintable()):
                raise Unreachable(self.url, "its answer makes no sense")
            self._token = token
        return self._token

    def _hear_time(self, response: httpx.Response) -> None:
        if self._heard_time is None:
            return
        with suppress(ValueError, OverflowError):  # no date that there can be
            date = parse_date(response.headers.get("date", ""))
            if date is not None:
                self._heard_time(mktime_tz(date))

    async def _problem(self, response: httpx.Response) -> Problem:
        data = await self._body(response, MAX_MESSAGE)
        try:
            problem = Problem.decode(data)
            text = "".join(c if c.isprintable() else "\ufffd" for c in problem.detail)
            return Problem(problem.code, text[:_MOST_DETAIL])
        except Malformed as error:
            why = f"it answers {response.status_code}, and not as a cozysync server does"
            raise Unreachable(self.url, why) from error


def _decoded(data: bytes) -> object:
    return decode(data, max_bytes=MAX_MESSAGE)


def _said(error: Exception) -> str:
    match error:
        case httpx.ConnectError():
            return "no connection"
        case httpx.TimeoutException():
            return "no answer in time"
        case httpx.InvalidURL() | httpx.UnsupportedProtocol():
            return "that is no address of a server"
    return str(error) or type(error).__name__
