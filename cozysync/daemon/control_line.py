"""Listening on the control socket: to this user alone, whatever the modes of files say.

Three fences, of which each would do: the home is closed to others, so is the socket, and the
system tells who is at the other end. Who gets through all the same is answered, and refused.
"""

import logging
import os
import socket
import struct
from functools import partial
from pathlib import Path
from typing import Any, cast

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import LifespanState
from starlette.types import ASGIApp

from cozysync.daemon.control_gate import Refusing, Stranger

# A client that still waits for an answer is let go after so long.
LAST_ANSWERS_S = 1.0
_BACKLOG = 64
# struct ucred of Linux: process, user, group.
_CREDENTIALS = struct.Struct("3i")

_log = logging.getLogger(__name__)


async def serve_control(app: ASGIApp, path: Path, stopping: trio.Event) -> None:
    """Answer at a socket made at `path` until `stopping`; then what is under way is finished."""
    settings = Config()
    settings.accesslog = None
    settings.errorlog = logging.getLogger("hypercorn")
    context = WorkerContext(None)
    known, strange = _wrapped(app), _wrapped(Refusing(Stranger()))

    async def meet(stream: trio.SocketStream) -> None:
        theirs = known if is_own(stream.socket) else strange
        line = cast(Any, stream)
        try:
            await TCPServer(theirs, settings, context, LifespanState(), line).run()
        except Exception:  # one connection that fails must not end the others
            _log.exception("a connection to the control socket failed")

    async with trio.open_nursery() as answering:
        async with trio.open_nursery() as accepting:
            serve = partial(trio.serve_listeners, meet, [_listen(path)], handler_nursery=answering)
            accepting.start_soon(serve)
            await stopping.wait()
            accepting.cancel_scope.cancel()
        await context.terminated.set()
        answering.cancel_scope.deadline = trio.current_time() + LAST_ANSWERS_S


def is_own(line: Any) -> bool:
    """Whether this user is at the other end of a Unix socket, as far as the system tells."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return True
    data = line.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(data)
    return bool(user == os.getuid())


def _wrapped(app: ASGIApp) -> ASGIWrapper:
    return ASGIWrapper(cast(Any, app))


def _listen(path: Path) -> trio.SocketListener:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        path.chmod(0o600)  # nobody can connect before it listens
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        return trio.SocketListener(trio.socket.from_stdlib_socket(listener))
    except BaseException:
        listener.close()
        raise
