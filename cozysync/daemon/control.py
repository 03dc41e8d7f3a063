"""The control socket: how the command line talks to the daemon.

HTTP with JSON over a Unix socket that only its owner may open. The handlers hold no knowledge of
their own: each asks the engine and writes down the answer. An error comes as RFC 9457 problem
details, with `remedy` and the `exit_code` that the command line ends with.
"""

import json
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cozysync.daemon.engine_slot import EngineSlot
from cozysync.daemon.pairings import Pairings
from cozysync.vault.errors import CozyError, ExitCode

Handler = Callable[[Request], Awaitable[Response]]

# Requests are a path and a name; anything larger is a mistake.
MAX_BODY = 64 * 1024
LOG_LIMIT = 10_000
# A long poll answers at least this often, so that a client notices a daemon that is gone.
LONGEST_WAIT_S = 60.0

_log = logging.getLogger(__name__)


class BadRequest(CozyError):
    """A request that no client of this version would send."""

    exit_code = ExitCode.USAGE

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The daemon does not understand the request: {what}.",
            "Is it of the same version as this command? Try cozysync restart.",
        )


def create_control(slot: EngineSlot, pairings: Pairings, stop: Callable[[], None]) -> Starlette:
    """The application behind the socket; `stop` asks the daemon to end in good order."""

    async def status(_: Request) -> Response:
        return JSONResponse(slot.status())

    async def settle(request: Request) -> Response:
        timeout = _number(await _fields(request), "timeout")
        reasons: list[str] = ["Not everything was done in the time given."]
        in_sync = False
        with trio.move_on_after(timeout if timeout is not None else float("inf")):
            settled = await slot.require().settle()
            in_sync, reasons = settled.in_sync, list(settled.reasons)
        return JSONResponse({"in_sync": in_sync, "reasons": reasons})

    async def add_folder(request: Request) -> Response:
        fields = await _fields(request)
        await slot.require().add_folder(Path(_text(fields, "path")), _text(fields, "name"))
        return _done()

    async def remove_folder(request: Request) -> Response:
        await slot.require().remove_folder(Path(_text(await _fields(request), "path")))
        return _done()

    async def pause_folder(request: Request) -> Response:
        await slot.require().pause_folder(Path(_text(await _fields(request), "path")))
        return _done()

    async def resume_folder(request: Request) -> Response:
        await slot.require().resume_folder(Path(_text(await _fields(request), "path")))
        return _done()

    async def start_pairing(_: Request) -> Response:
        number, code = await pairings.begin(slot.require())
        return JSONResponse({"pairing": number, "code": code})

    async def wait_for_pairing(request: Request) -> Response:
        wait = min(float(request.query_params.get("wait", "0")), LONGEST_WAIT_S)
        device = await pairings.wait(request.path_params["number"], wait)
        return JSONResponse({"device": device})

    async def cancel_pairing(request: Request) -> Response:
        pairings.cancel(request.path_params["number"])
        return _done()

    async def log(request: Request) -> Response:
        path = request.query_params.get("path")
        limit = min(int(request.query_params.get("limit", "100")), LOG_LIMIT)
        lines = await slot.require().log(Path(path) if path else None, limit)
        return JSONResponse({"lines": [line.to_json() for line in lines]})

    async def stop_daemon(_: Request) -> Response:
        stop()
        return JSONResponse({"stopping": True}, status_code=HTTPStatus.ACCEPTED)

    return Starlette(
        routes=[
            _route("GET", "/v1/status", status),
            _route("POST", "/v1/settle", settle),
            _route("POST", "/v1/folders/add", add_folder),
            _route("POST", "/v1/folders/remove", remove_folder),
            _route("POST", "/v1/folders/pause", pause_folder),
            _route("POST", "/v1/folders/resume", resume_folder),
            _route("POST", "/v1/pairings", start_pairing),
            _route("GET", "/v1/pairings/{number:int}", wait_for_pairing),
            _route("DELETE", "/v1/pairings/{number:int}", cancel_pairing),
            _route("GET", "/v1/log", log),
            _route("POST", "/v1/stop", stop_daemon),
        ],
        exception_handlers={404: _not_found, 405: _not_found},
    )


def _route(method: str, path: str, handler: Handler) -> Route:
    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except CozyError as error:
            return problem(error)
        except ValueError as error:
            return problem(BadRequest(str(error)))
        except Exception as error:  # a person must get an answer, and the log the trace
            _log.exception("%s %s failed", method, path)
            return problem(
                CozyError(
                    f"The daemon failed unexpectedly ({type(error).__name__}).",
                    "The daemon's log tells more. Try again, and report it if it stays so.",
                )
            )

    return Route(path, guarded, methods=[method])


def problem(error: CozyError) -> Response:
    """An error as problem details."""
    status = HTTPStatus.BAD_REQUEST
    if error.exit_code not in (ExitCode.USAGE, ExitCode.ATTENTION):
        status = HTTPStatus.INTERNAL_SERVER_ERROR
    body = {
        "type": "about:blank",
        "title": type(error).__name__,
        "status": int(status),
        "detail": error.message,
        "remedy": error.remedy,
        "exit_code": int(error.exit_code),
    }
    return JSONResponse(body, status_code=status, media_type="application/problem+json")


async def _not_found(request: Request, _: Exception) -> Response:
    return problem(BadRequest(f"{request.method} {request.url.path} is nothing it offers"))


async def _fields(request: Request) -> dict[str, Any]:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY:
            raise BadRequest("it is too long")
    try:
        fields = json.loads(body or b"{}")
    except ValueError:
        raise BadRequest("it is not JSON") from None
    if not isinstance(fields, dict):
        raise BadRequest("it is not a JSON object")
    return fields


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise BadRequest(f"«{name}» is missing")
    return value


def _number(fields: dict[str, Any], name: str) -> float | None:
    value = fields.get(name)
    if value is None:
        return None
    if type(value) not in (int, float) or not value >= 0:
        raise BadRequest(f"«{name}» is not a number of seconds")
    return float(value)


def _done() -> Response:
    return JSONResponse({})
