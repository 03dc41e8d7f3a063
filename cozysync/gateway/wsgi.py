"""Doors that are WSGI applications: they run in threads, and never wait for the network there.

A body is read whole before the application sees it: small ones into memory, files into the view's
staging. So a slow phone holds no thread while it sends; while it reads it holds one of a few.
"""

import io
import logging
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import trio
from starlette.responses import PlainTextResponse

from cozysync.gateway.app import Receive, Scope, Send
from cozysync.gateway.blocking import BlockingView
from cozysync.gateway.errors import ViewError
from cozysync.gateway.names import text
from cozysync.gateway.refusals import status_of

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], None]]
Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]

MOST_IN_MEMORY = 1024 * 1024
"""Bytes of a body that is no file, unless a door says otherwise."""

SILENCE_S = 60.0
"""How long nothing may come of a body that was announced."""

STAGED = "dav-"
"""How the names of files begin that are on their way in."""

VIEW, PHONE, STAGED_FILE = "cozysync.view", "cozysync.phone", "cozysync.staged"

# Threads at once: of all phones, and of one.
_THREADS, _THREADS_EACH = 48, 8

# What only a proxy may say, and this gateway believes no proxy.
_DISTRUSTED = ("x-forwarded-", "x-script-", "x-remote-", "forwarded", "proxy")

_log = logging.getLogger(__name__)


class BodyRefused(Exception):
    """A body that is not taken."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


class WsgiDoor:
    """Calls a WSGI application for each request (in ASGI).

    The path is handed on as it is meant: decoded once, with surrogate escapes, below the door.
    `is_file` says of which requests the body is a file: the application finds it as `STAGED_FILE`.
    `most` is how many bytes the others may have.
    """

    def __init__(
        self, app: Wsgi, is_file: Callable[[Scope], bool], most: int = MOST_IN_MEMORY
    ) -> None:
        self._app = app
        self._most = most
        self._is_file = is_file
        self._threads = trio.CapacityLimiter(_THREADS)
        self._each: dict[str, trio.Semaphore] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        phone, view = scope["state"]["phone"], scope["state"]["view"]
        body, staged = b"", None
        try:
            path = _path(scope)
            if self._is_file(scope):
                staged = view.staging / f"{STAGED}{os.urandom(16).hex()}"
                await _to_file(scope, receive, staged, (await view.space()).free)
            else:
                body = await _to_memory(receive, self._most)
        except BodyRefused as refused:
            answer = PlainTextResponse(f"{refused.why}\n", int(refused.status))
            await answer(scope, receive, send)
            await _away(staged)
            return
        except ViewError as error:
            await PlainTextResponse(f"{error}\n", int(status_of(error)))(scope, receive, send)
            await _away(staged)
            return
        except BaseException:
            await _away(staged)
            raise
        environ = _environ(scope, path, body) | {
            "REMOTE_USER": phone.name,
            VIEW: BlockingView(view),
            PHONE: phone,
            STAGED_FILE: staged,
        }
        turn = self._each.setdefault(phone.name, trio.Semaphore(_THREADS_EACH))
        try:
            async with turn:
                await trio.to_thread.run_sync(_run, self._app, environ, send, limiter=self._threads)
        finally:
            await _away(staged)


def clear_staging(staging: Path) -> None:
    """Remove what an earlier life left of files on their way in. Raises `OSError`."""
    for each in staging.glob(f"{STAGED}*"):
        each.unlink(missing_ok=True)


def _path(scope: Scope) -> str:
    """The path below the door. Raises `BodyRefused` for one that means two things."""
    raw = scope["raw_path"]
    whole = text(unquote_to_bytes(raw))
    root = scope["root_path"]
    strange = any(each in (".", "..") for each in whole.split("/"))
    if strange or b"%2f" in raw.lower() or "\0" in whole or not whole.startswith(root):
        raise BodyRefused(HTTPStatus.BAD_REQUEST, "That is no path.")
    return whole[len(root) :] or "/"


def _environ(scope: Scope, path: str, body: bytes) -> Environ:
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": scope["root_path"],
        "PATH_INFO": path,
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": scope["server"][0] if scope.get("server") else "",
        "SERVER_PORT": str(scope["server"][1]) if scope.get("server") else "",
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": scope["client"][0] if scope.get("client") else "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name in ("authorization", "content-length") or name.startswith(_DISTRUSTED):
            continue
        key = "CONTENT_TYPE" if name == "content-type" else f"HTTP_{name.upper().replace('-', '_')}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    environ["CONTENT_LENGTH"] = str(len(body))
    return environ


async def _event(receive: Receive) -> dict[str, Any]:
    with trio.move_on_after(SILENCE_S):
        event = await receive()
        if event["type"] == "http.request":
            return event
        raise BodyRefused(HTTPStatus.BAD_REQUEST, "The body ended early.")
    raise BodyRefused(HTTPStatus.REQUEST_TIMEOUT, "The body came too slowly.")


async def _to_memory(receive: Receive, most: int) -> bytes:
    body = bytearray()
    while True:
        event = await _event(receive)
        body += event.get("body", b"")
        if len(body) > most:
            raise BodyRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "That is too much.")
        if not event.get("more_body", False):
            return bytes(body)


async def _to_file(scope: Scope, receive: Receive, staged: Path, free: int) -> None:
    """Write a body to the disk; refuse at once what has no room there."""
    lengths = [value for name, value in scope["headers"] if name.lower() == b"content-length"]
    if lengths and int(lengths[0]) > free:
        raise _no_room()
    handle = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        async with await trio.open_file(handle, "wb", buffering=0) as file:
            gathered = bytearray()
            more = True
            while more:
                event = await _event(receive)
                gathered += event.get("body", b"")
                more = event.get("more_body", False)
                if len(gathered) >= MOST_IN_MEMORY or not more:
                    written = 0
                    while written < len(gathered):
                        written += await file.write(gathered[written:])
                    gathered.clear()
    except OSError as error:
        raise _no_room() from error


def _no_room() -> BodyRefused:
    return BodyRefused(
        HTTPStatus.INSUFFICIENT_STORAGE, "There is no room for it where this gateway runs."
    )


async def _away(staged: Path | None) -> None:
    if staged is not None:
        with trio.CancelScope(shield=True), suppress(OSError):
            await trio.to_thread.run_sync(lambda: staged.unlink(missing_ok=True))


def _run(app: Wsgi, environ: Environ, send: Send) -> None:
    """Call the application, in a thread, and send what it answers from the loop."""
    head: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], exc_info: object = None
    ) -> Callable[[bytes], None]:
        head[:] = [(status, headers)]
        return lambda _: None

    def say(message: dict[str, Any]) -> None:
        trio.from_thread.run(send, message)

    started = False

    def begin() -> None:
        nonlocal started
        if not started:
            status, headers = head[0]
            started = True
            say(
                {
                    "type": "http.response.start",
                    "status": int(status.split()[0]),
                    "headers": [_header(*each) for each in headers if each[0].lower() != "date"],
                }
            )

    pieces = app(environ, start_response)
    try:
        for piece in pieces:
            if piece:
                begin()
                say({"type": "http.response.body", "body": piece, "more_body": True})
        begin()
        say({"type": "http.response.body", "body": b""})
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()


def _header(name: str, value: str) -> tuple[bytes, bytes]:
    """A header for ASGI; nothing that a phone sent ends a line."""
    plain = value.replace("\r", " ").replace("\n", " ")
    return name.lower().encode("latin-1"), plain.encode("latin-1", "replace")
