"""What an operation of the interface is: what it takes, what it gives, and who does it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.responses import Response

from cozysync.gateway.sync_api.asked import Asked, Parameter

JSON = "application/json"
BINARY = "application/octet-stream"

Handler = Callable[[Asked], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Given:
    """An answer: its body's type (None for no body, bytes for a content), and its headers."""

    description: str
    type: Any = None
    headers: tuple[str, ...] = ()
    media_type: str = JSON
    or_media_type: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """`name` identifies it for programs made from the description.

    `body` is the type of the JSON that it takes, bytes when it takes a content, None for nothing.
    """

    method: str
    path: str
    name: str
    summary: str
    handler: Handler
    given: dict[int, Given]
    parameters: tuple[Parameter, ...] = ()
    body: Any = None
    body_media_type: str = BINARY
    body_required: bool = True


def answer(message: msgspec.Struct, status: int = 200) -> Response:
    """A message as an answer; it is nobody else's to keep."""
    headers = {"cache-control": "no-store"}
    return Response(msgspec.json.encode(message), status, headers, media_type=JSON)
