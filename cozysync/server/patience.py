"""What uvicorn lacks against slow and greedy peers, in one place: its protocol, with bounds.

uvicorn waits without end for headers that come drop by drop, gathers as many of them as anybody
sends, and waits without end for who does not read the answer.
"""

import asyncio
import resource
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADERS_S = 15.0
"""From the first byte of a request (or the connection) until its headers are complete."""

UNREAD_S = 60.0
"""How long the peer may leave what was sent to it unread while more waits to be sent."""

MOST_HEADER_BYTES = 32 * 1024
"""A request line and headers; ours have about 300 bytes, proxies add some."""

_MOST_FILES = 65_536
# Besides connections: packs under way, the database, the log.
_OTHER_FILES = 512


class PatientProtocol(HttpToolsProtocol):
    """One connection. Whoever breaks a bound is cut off."""

    most_connections = 512

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._limit: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._header_bytes = 0
        self._in_headers = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            transport.abort()
            return
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_headers:
            self._header_bytes += len(data)
            if self._limit is None:
                self._await_headers()
        super().data_received(data)
        if self._in_headers and self._header_bytes > MOST_HEADER_BYTES:
            self._cut_off()

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._header_bytes = 0
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        # What comes next are the headers of another request.
        self._in_headers = True
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(UNREAD_S, self._cut_off)

    def resume_writing(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        super().resume_writing()

    def _await_headers(self) -> None:
        self._limit = self.loop.call_later(HEADERS_S, self._cut_off)

    def _cut_off(self) -> None:
        self._cancel()
        if self.transport is not None:
            self.transport.abort()

    def _cancel(self) -> None:
        for timer in (self._limit, self._unread):
            if timer is not None:
                timer.cancel()
        self._limit = self._unread = None


def allow_connections() -> int:
    """Raise this process's bound on open files; returns how many connections it leaves."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    files = _MOST_FILES if soft == resource.RLIM_INFINITY else soft
    return max(files - _OTHER_FILES, files // 2)
