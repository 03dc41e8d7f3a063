"""Listening for phones: hypercorn's connections, with bounds against slow and greedy peers.

hypercorn waits without end for who does not read the answer, and for who sends a body that nobody
wants; both end here.
"""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import LifespanState

from cozysync.gateway.app import Asgi, Receive, Scope, Send
from cozysync.vault.errors import CozyError

HANDSHAKE_S = 15.0

IDLE_S = 30.0
"""From the first byte until the headers are complete, and between two requests."""

UNREAD_S = 60.0
"""How long a peer may leave unread what was sent to it while more waits to be sent."""

UNWANTED_S = 10.0
"""How long what was not wanted of a body is read on, so that the peer reads the answer."""

MOST_HEADER_BYTES = 32 * 1024

MOST_CONNECTIONS, MOST_EACH = 512, 128
"""Of all, and of one address: all phones behind one router come from one."""

_LAST_WORDS_S = 5.0
_PIECE = 64 * 1024

_log = logging.getLogger(__name__)


class CannotListen(CozyError):
    """The address cannot be had."""

    def __init__(self, host: str, port: int, why: str) -> None:
        super().__init__(
            f"The gateway cannot listen at {host}, port {port}: {why}.",
            "Choose another address: cozysync gateway enable --listen HOST:PORT.",
        )


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate (with its chain) and its key, in PEM; one file may hold both."""

    certificate: Path
    key: Path | None = None


async def serve(
    app: Asgi,
    host: str,
    port: int,
    tls: Tls | None,
    *,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer until cancelled; tells the port once it listens. Raises `CannotListen`."""
    settings = _settings(tls)
    secure = settings.create_ssl_context() if tls else None
    room = _Room()
    context = WorkerContext(None)

    async def meet(stream: trio.SocketStream) -> None:
        with room.place(stream) as found:
            if not found:
                await trio.aclose_forcefully(stream)
                return
            line: Any = stream
            if secure is not None:
                line = trio.SSLStream(stream, secure, server_side=True, https_compatible=True)
            await _Connection(app, settings, context, line).live()

    try:
        listeners = await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        raise CannotListen(host, port, error.strerror or str(error)) from error
    task_status.started(listeners[0].socket.getsockname()[1])
    await trio.serve_listeners(meet, listeners)


def _settings(tls: Tls | None) -> Config:
    settings = Config()
    settings.alpn_protocols = ["http/1.1"]
    settings.h2_max_concurrent_streams = 16
    settings.h11_max_incomplete_size = MOST_HEADER_BYTES
    settings.include_server_header = False
    settings.keep_alive_timeout = IDLE_S
    settings.ssl_handshake_timeout = HANDSHAKE_S
    settings.accesslog = None
    settings.errorlog = logging.getLogger("hypercorn")
    if tls is not None:
        settings.certfile = str(tls.certificate)
        settings.keyfile = str(tls.key or tls.certificate)
    return settings


class _Room:
    """Counts connections."""

    def __init__(self) -> None:
        self._each: Counter[str] = Counter()

    @contextmanager
    def place(self, stream: trio.SocketStream) -> Iterator[bool]:
        """Hold a place for a connection, if there is one."""
        try:
            address = str(stream.socket.getpeername()[0])
        except OSError:
            address = ""
        if self._each.total() >= MOST_CONNECTIONS or self._each[address] >= MOST_EACH:
            yield False
            return
        self._each[address] += 1
        try:
            yield True
        finally:
            self._each[address] -= 1
            if not self._each[address]:
                del self._each[address]


class _Connection(TCPServer):
    """One connection, which ends when its peer breaks a bound, and never takes others along."""

    def __init__(self, app: Asgi, settings: Config, context: WorkerContext, line: Any) -> None:
        wrapped = ASGIWrapper(cast(Any, self._answer))
        super().__init__(wrapped, settings, context, LifespanState(), line)
        self._wanted = app
        self._cut = trio.CancelScope()
        self._gone = False

    async def live(self) -> None:
        """Answer requests until the peer goes."""
        try:
            with self._cut:
                await self.run()
        except Exception:  # one connection that fails must not end the others
            _log.exception("a connection of the gateway failed")

    async def _read_data(self) -> None:
        """Read until the peer goes; then nothing waits for a next request any more."""
        await super()._read_data()
        self._gone = True
        await self.idle_task.stop()

    async def protocol_send(self, event: Event) -> None:
        if isinstance(event, Updated) and self._gone:
            return
        if not isinstance(event, RawData):
            await super().protocol_send(event)
            return
        async with self.send_lock:
            try:
                for at in range(0, len(event.data), _PIECE):
                    with trio.fail_after(UNREAD_S):
                        await self.stream.send_all(event.data[at : at + _PIECE])
                return
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass
            except trio.TooSlowError:
                self._cut.cancel()
        await self.protocol.handle(Closed())

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application, and take off the line what it has not read of the body.

        The last word waits for that: hypercorn, having said it, waits without end for room among
        what it keeps for an application that reads no more.
        """
        whole = False

        async def noticing() -> dict[str, Any]:
            nonlocal whole
            event = await receive()
            whole = not event.get("more_body", False)
            return event

        async def read_on() -> None:
            with trio.move_on_after(UNWANTED_S):
                while not whole:
                    await noticing()
            if not whole:
                self._cut.cancel()

        async def saying(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                if message.get("body"):
                    await send(message | {"more_body": True})
                await read_on()
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        try:
            await self._wanted(scope, noticing, saying)
        finally:
            await read_on()

    async def _close(self) -> None:
        with trio.move_on_after(_LAST_WORDS_S, shield=True):
            await super()._close()
        await trio.aclose_forcefully(self.stream)
