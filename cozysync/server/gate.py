"""The gate: the application behind it sees only requests that keep to the limits.

Here is counted who asks how often, how much is under way, and what went in and out.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import anyio
from starlette.datastructures import Headers, QueryParams
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cozysync.server.failures import Refusal
from cozysync.server.limits import Limits
from cozysync.server.rates import Places, Rates
from cozysync.server.web import refused
from cozysync_protocol import ErrorCode

Bearer = Callable[[Headers], Hashable | None]
"""Whom a request's token speaks for."""

# An append of so many bytes is small: a hundred changes.
SMALL = 64 * 1024

# What operators ask is never refused: it is asked when things go wrong.
_OPERATORS = ("/healthz", "/readyz", "/metrics")


@dataclass(slots=True)
class Figures:
    """What went through the gate since the server started."""

    answers: Counter[int] = field(default_factory=Counter)
    bytes_in: int = 0
    bytes_out: int = 0
    under_way: int = 0


class Gate:
    """An ASGI application around another one."""

    def __init__(self, app: ASGIApp, bearer: Bearer, limits: Limits) -> None:
        self._app = app
        self._bearer = bearer
        self._limits = limits
        self._devices = Rates(limits.device_rate, limits.device_burst)
        self._strangers = Rates(limits.stranger_rate, limits.stranger_burst)
        self.waiting = Places(limits.device_waiting, limits.all_waiting, "waiting readers")
        self.uploads = Places(limits.device_uploads, limits.all_uploads, "uploads")
        self.appends = Places(limits.device_appends, limits.all_appends, "appends")
        self.small_appends = Places(limits.device_appends, limits.all_small_appends, "appends")
        self.figures = Figures()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        paced = _Paced(receive, self._limits, self.figures)
        counted = _counted(send, self.figures)
        self.figures.under_way += 1
        try:
            with self._admitted(scope):
                await self._app(scope, paced, counted)
        except Refusal as refusal:
            await refused(refusal.problem, refusal.retry_after_s)(scope, paced, counted)
        finally:
            self.figures.under_way -= 1

    @contextmanager
    def _admitted(self, scope: Scope) -> Iterator[None]:
        path: str = scope["path"]
        if path in _OPERATORS:
            yield
            return
        headers = Headers(scope=scope)
        bearer = self._bearer(headers)
        client = scope.get("client")
        asker: Hashable = bearer or (client[0] if client else None)
        rates = self._devices if bearer else self._strangers
        rates.take(asker, anyio.current_time())
        with ExitStack() as held:
            places = self._places(scope["method"], path, scope["query_string"], headers)
            if places is not None:
                held.enter_context(places.hold(asker))
            yield

    def _places(self, method: str, path: str, query: bytes, headers: Headers) -> Places | None:
        if method == "GET" and QueryParams(query).get("wait", "0") != "0":
            return self.waiting
        if method == "PUT" and "/packs/" in path:
            return self.uploads
        if method == "POST" and path.endswith(("/log", "/log/given-back")):
            return self.small_appends if _is_small(headers) else self.appends
        return None


def _is_small(headers: Headers) -> bool:
    """Whether a request says that its body is small; more than it says cannot come."""
    length = headers.get("content-length", "")
    is_said = length.isascii() and length.isdecimal() and len(length) <= 5
    return is_said and int(length) <= SMALL and "transfer-encoding" not in headers


class _Paced:
    """What comes in, or a refusal when it comes too slowly. Only waiting counts."""

    def __init__(self, receive: Receive, limits: Limits, figures: Figures) -> None:
        self._receive = receive
        self._limits = limits
        self._figures = figures
        self._waited_s = 0.0
        self._bytes = 0
        self._complete = False

    async def __call__(self) -> Message:
        if self._complete:
            return await self._receive()  # waits for the other side to hang up
        began = anyio.current_time()
        message: Message | None = None
        with anyio.move_on_after(self._limits.silence_s):
            message = await self._receive()
        self._waited_s += anyio.current_time() - began
        if message is None or self._is_slow():
            raise Refusal(ErrorCode.TOO_SLOW, "the request comes too slowly")
        self._bytes += len(message.get("body", b""))
        self._figures.bytes_in += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        return message

    def _is_slow(self) -> bool:
        due = (self._waited_s - self._limits.grace_s) * self._limits.slowest_bytes_per_s
        return self._bytes < due


def _counted(send: Send, figures: Figures) -> Send:
    async def counted(message: Message) -> None:
        if message["type"] == "http.response.start":
            figures.answers[message["status"]] += 1
        figures.bytes_out += len(message.get("body", b""))
        await send(message)

    return counted
