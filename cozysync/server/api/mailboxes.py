"""Mailboxes: where devices that pair leave each other messages."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cozysync.server.access import Access
from cozysync.server.failures import Refusal
from cozysync.server.mailbox import SIDES, Mailboxes
from cozysync.server.web import (
    BINARY,
    asked_number,
    body_of,
    message,
    route,
    whole_number,
)
from cozysync_protocol import (
    MAX_INTEGER,
    MAX_MAILBOX_MESSAGE,
    MAX_WAIT_SECONDS,
    ErrorCode,
    encode,
)


class MailboxesApi:
    """The handlers, and the mailboxes behind them."""

    def __init__(self, mailboxes: Mailboxes, access: Access) -> None:
        self._mailboxes = mailboxes
        self._access = access

    def routes(self) -> list[Route]:
        place = "/v1/mailbox/{number}/{side}/{index}"
        return [
            route("/v1/mailbox", self.open, "POST"),
            route(place, self.put, "PUT"),
            route(place, self.get, "GET"),
            route("/v1/mailbox/{number}", self.close, "DELETE"),
        ]

    async def open(self, request: Request) -> Response:
        # Only a device of some vault here has anything to offer.
        vault, _ = self._access.bearer(request)
        return message(encode([self._mailboxes.open(vault)]))

    async def put(self, request: Request) -> Response:
        number, side, index = _place(request)
        left = await body_of(request, MAX_MAILBOX_MESSAGE)
        self._mailboxes.put(number, side, index, left)
        return Response(status_code=204)

    async def get(self, request: Request) -> Response:
        number, side, index = _place(request)
        wait = asked_number(request, "wait", MAX_WAIT_SECONDS)
        found = await self._mailboxes.get(number, side, index, wait)
        if found is None:
            return Response(status_code=204)
        return Response(found, media_type=BINARY)

    async def close(self, request: Request) -> Response:
        vault, _ = self._access.bearer(request)
        self._mailboxes.close(_number(request, "number"), vault)
        return Response(status_code=204)


def _number(request: Request, name: str) -> int:
    return whole_number(request.path_params[name], MAX_INTEGER, f"a mailbox's {name}")


def _place(request: Request) -> tuple[int, str, int]:
    side = request.path_params["side"]
    if side not in SIDES:
        raise Refusal(ErrorCode.NOT_FOUND, "a mailbox has two sides: offer and join")
    return _number(request, "number"), side, _number(request, "index")
