"""The server as a process: one data directory, one address, until told to stop."""

import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn

from cozysync.server.app import Server
from cozysync.server.collection import Keeping
from cozysync.server.failures import ServerError
from cozysync.server.files import RealFiles, make_directories
from cozysync.server.layout import DATABASE, PACKS
from cozysync.server.packs import DirectoryPacks
from cozysync.server.patience import PatientProtocol, allow_connections
from cozysync.server.store import SqliteStore

# Enough for an upload of one pack on a slow line to end in peace.
STOP_WITHIN_S = 5


@dataclass(frozen=True, slots=True)
class Tls:
    """Files in PEM: the certificate with its chain, and its key (None: in the same file)."""

    certificate: Path
    key: Path | None = None


class _Runner(uvicorn.Server):
    """uvicorn, but waiting readers are let go as soon as it is told to stop."""

    def __init__(self, config: uvicorn.Config, server: Server) -> None:
        super().__init__(config)
        self._ours = server

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._ours.stop_waiting()


def serve(
    data: Path,
    host: str,
    port: int,
    *,
    ready: Callable[[str], None],
    keeping: Keeping | None = None,
    quota_bytes: int | None = None,
    tls: Tls | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is told the URL once requests are answered.

    A vault may keep `quota_bytes` here, or whatever fits the disk. Without `tls` it speaks plain
    HTTP. Port 0 takes a free one. Raises `ServerError` when the directory is in use or damaged, or
    the address cannot be had.
    """
    with locked(data):
        packs = DirectoryPacks(data / PACKS)
        store = SqliteStore(data / DATABASE, packs.missing, time.time)
        server = Server(
            store,
            packs,
            now_s=time.time,
            entropy=os.urandom,
            keeping=keeping,
            quota_bytes=quota_bytes,
        )
        PatientProtocol.most_connections = allow_connections()
        listener = _listen(host, port)
        config = uvicorn.Config(
            server.app(),
            log_level="warning",
            access_log=False,
            server_header=False,
            http=PatientProtocol,
            timeout_graceful_shutdown=STOP_WITHIN_S,
            timeout_keep_alive=75,
            ssl_certfile=tls.certificate if tls else None,
            ssl_keyfile=tls.key if tls else None,
        )
        shown = f"[{host}]" if ":" in host else host
        scheme = "https" if tls else "http"
        ready(f"{scheme}://{shown}:{listener.getsockname()[1]}")
        _Runner(config, server).run(sockets=[listener])


def create_invitation(data: Path) -> str:
    """A code with which one vault can be made on the server of this directory, running or not."""
    _prepare(data)
    store = SqliteStore(data / DATABASE, lambda _vault, _packs: [], time.time)
    try:
        return store.invite()
    finally:
        store.close()


def _prepare(data: Path) -> None:
    try:
        make_directories(RealFiles(), data)
    except OSError as error:
        raise ServerError(
            f"The data directory {data} cannot be made: {error.strerror}.",
            "Choose another one with --data, or give yourself the right to write there.",
        ) from error


@contextmanager
def locked(data: Path) -> Iterator[None]:
    """Work on a data directory alone, made if there is none; raises `ServerError`."""
    _prepare(data)
    handle = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ServerError(
                f"Another server is at work on {data}.",
                "Use that one, or stop it first.",
            ) from None
        yield
    finally:
        os.close(handle)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise ServerError(
            f"The address {host}:{port} cannot be used: {error.strerror}.",
            "Choose another one with --listen HOST:PORT.",
        ) from error
    return listener
