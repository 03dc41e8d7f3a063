"""Requests and answers: routes, bounded reading, and refusals as problem details."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from cozysync.server.failures import Refusal, refusal_of
from cozysync_protocol import ErrorCode, PackId, Problem, ProtocolError, VaultId

PROBLEM = "application/problem+json"
NOTHING_THERE = "this server offers no such thing"
BINARY = "application/octet-stream"
MESSAGEPACK = "application/msgpack"

Handler = Callable[[Request], Awaitable[Response]]

_log = logging.getLogger(__name__)
_LONGEST_NUMBER = 20
_WITHOUT_THE_BODY = (
    ErrorCode.TOO_LARGE,
    ErrorCode.TOO_SLOW,
    ErrorCode.STORAGE_FULL,
    ErrorCode.VAULT_FULL,
)


def route(path: str, handler: Handler, method: str) -> Route:
    """A route that answers whatever goes wrong with problem details."""

    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except ProtocolError as error:
            return refused(refusal_of(error).problem)
        except Refusal as refusal:
            return refused(refusal.problem, refusal.retry_after_s)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except Exception:  # whoever asks must get an answer, and the log the trace
            _log.exception("%s %s failed", method, path)
            return refused(Problem(ErrorCode.INTERNAL, "the server failed; its log says more"))

    return Route(path, guarded, methods=[method])


async def nothing_there(_request: Request, _error: Exception) -> Response:
    """The answer to a request for nothing that is offered."""
    return refused(Problem(ErrorCode.NOT_FOUND, NOTHING_THERE))


def refused(problem: Problem, retry_after_s: int | None = None) -> Response:
    """A problem as an answer."""
    headers: dict[str, str] = {}
    if retry_after_s is not None:
        headers["retry-after"] = str(retry_after_s)
    if problem.code in _WITHOUT_THE_BODY:
        headers["connection"] = "close"  # the rest of the body is not waited for
    return Response(problem.encode(), problem.status, headers, media_type=PROBLEM)


def message(data: bytes) -> Response:
    """An encoded message as an answer."""
    return Response(data, media_type=MESSAGEPACK)


async def body_of(request: Request, most: int) -> bytes:
    """The request's body; raises `Refusal` when it has more than `most` bytes."""
    data = bytearray()
    async with aclosing(request.stream()) as pieces:
        async for piece in pieces:
            data += piece
            if len(data) > most:
                raise Refusal(ErrorCode.TOO_LARGE, f"a body has at most {most} bytes here")
    return bytes(data)


def whole_number(text: str, most: int, what: str) -> int:
    """A number in plain digits; raises `Refusal` for anything else and for more than `most`."""
    if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER and int(text) <= most:
        return int(text)
    raise Refusal(ErrorCode.MALFORMED, f"{what} is not an integer from 0 to {most}")


def asked_number(request: Request, name: str, most: int) -> int:
    """The number in a query; 0 when it is not there."""
    return whole_number(request.query_params.get(name, "0"), most, name)


def vault_of(request: Request) -> VaultId:
    """The vault that the path names."""
    name = request.path_params["vault"]
    try:
        vault = bytes.fromhex(name)
    except ValueError:
        vault = b""
    if len(vault) != 16 or vault.hex() != name:
        raise Refusal(ErrorCode.MALFORMED, "a vault's name has 32 hex digits")
    return VaultId(vault)


def pack_of(request: Request) -> PackId:
    """The pack that the path names."""
    name = request.path_params["pack"]
    try:
        pack = bytes.fromhex(name)
    except ValueError:
        pack = b""
    if len(pack) != 32 or pack.hex() != name:
        raise Refusal(ErrorCode.MALFORMED, "a pack's name has 64 hex digits")
    return PackId(pack)
