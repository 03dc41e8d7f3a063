"""Requests and answers of the control socket: JSON in, JSON or problem details out."""

import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cozysync.vault.errors import CozyError, ExitCode

Handler = Callable[[Request], Awaitable[Response]]

# Requests are a path and a name; anything larger is a mistake.
MAX_BODY = 64 * 1024

# Seconds from 1970 to the year 5138; more would leave the integers of the database.
_LAST_SECOND = 1e11
_MOST_DIGITS = 18

_log = logging.getLogger(__name__)


class Json(JSONResponse):
    """JSON in ASCII: a file's name need be no text, and its stray bytes travel as escapes."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":")).encode()


class BadRequest(CozyError):
    """A request that no client of this version would send."""

    exit_code = ExitCode.USAGE

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The daemon does not understand the request: {what}.",
            "Is it of the same version as this command? Try cozysync restart.",
        )


def route(method: str, path: str, handler: Handler) -> Route:
    """A route whose errors are answered as problem details."""

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


def problem(error: CozyError, status: HTTPStatus | None = None) -> Response:
    """An error as problem details."""
    if status is None:
        theirs = error.exit_code in (ExitCode.USAGE, ExitCode.ATTENTION)
        status = HTTPStatus.BAD_REQUEST if theirs else HTTPStatus.INTERNAL_SERVER_ERROR
    body = {
        "type": "about:blank",
        "title": type(error).__name__,
        "status": int(status),
        "detail": error.message,
        "remedy": error.remedy,
        "exit_code": int(error.exit_code),
    }
    return Json(body, status_code=status, media_type="application/problem+json")


async def not_found(request: Request, _: Exception) -> Response:
    """The answer to a request for nothing that is offered."""

    return problem(BadRequest(f"{request.method} {request.url.path} is nothing it offers"))


async def fields_of(request: Request) -> dict[str, Any]:
    """The fields of a JSON request; raises `BadRequest`."""

    body = bytearray()
    async with aclosing(request.stream()) as pieces:
        async for piece in pieces:
            body += piece
            if len(body) > MAX_BODY:
                raise BadRequest("it is too long")
    try:
        fields = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise BadRequest("it is not JSON") from None
    if not isinstance(fields, dict):
        raise BadRequest("it is not a JSON object")
    return fields


def text(fields: dict[str, Any], name: str) -> str:
    """A field that must be a text and not empty; raises `BadRequest`."""

    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise BadRequest(f"«{name}» is missing")
    return value


def number(fields: dict[str, Any], name: str) -> float | None:
    """A field that is a number of seconds, None when it is missing; raises `BadRequest`."""

    value = fields.get(name)
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 <= value <= _LAST_SECOND:
        raise BadRequest(f"«{name}» is not a number of seconds")
    return float(value)


def path_number(request: Request, name: str) -> int:
    """A number in the path; raises `BadRequest`."""
    value: str = request.path_params[name]
    if not (value.isascii() and value.isdecimal() and len(value) <= _MOST_DIGITS):
        raise BadRequest(f"«{name}» is not a number")
    return int(value)


def done() -> Response:
    """The answer that says no more than that it is done."""

    return Json({})
