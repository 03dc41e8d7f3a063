"""Refusals as problem details (RFC 9457): what, at which path, and what to do about it."""

import math
from http import HTTPStatus

import msgspec
from starlette.responses import Response

from cozysync.gateway import errors
from cozysync.gateway.sync_api.messages import Problem
from cozysync.gateway.sync_api.spelling import spelled

MEDIA_TYPE = "application/problem+json"

AGAIN_S = 5
"""When to try again what was not to be had just now."""

_OF_THE_VIEW: dict[type[errors.ViewError], tuple[HTTPStatus, str]] = {
    errors.NotFound: (HTTPStatus.NOT_FOUND, "not-found"),
    errors.Exists: (HTTPStatus.CONFLICT, "exists"),
    errors.NotDirectory: (HTTPStatus.CONFLICT, "not-a-directory"),
    errors.IsDirectory: (HTTPStatus.CONFLICT, "is-a-directory"),
    errors.BadPath: (HTTPStatus.BAD_REQUEST, "bad-path"),
    errors.Forbidden: (HTTPStatus.FORBIDDEN, "forbidden"),
    errors.Stale: (HTTPStatus.PRECONDITION_FAILED, "stale"),
    errors.NoRoom: (HTTPStatus.INSUFFICIENT_STORAGE, "no-room"),
    errors.Unavailable: (HTTPStatus.SERVICE_UNAVAILABLE, "unavailable"),
    errors.CursorGone: (HTTPStatus.GONE, "cursor-gone"),
}


class Refusal(Exception):
    """A request that is not done. `remedy` says what to do; neither text names a secret."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        remedy: str,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.remedy = remedy
        self.headers = headers or {}

    @property
    def problem(self) -> Problem:
        """As it goes over the line."""
        return Problem(
            type=f"urn:cozysync:error:{self.code}",
            title=self.code.replace("-", " "),
            status=self.status,
            detail=spelled(self.detail),
            code=self.code,
            remedy=spelled(self.remedy),
        )

    def response(self) -> Response:
        """As an answer."""
        body = msgspec.json.encode(self.problem)
        return Response(body, self.status, self.headers, media_type=MEDIA_TYPE)


def malformed(detail: str, remedy: str = "See /api/v1/openapi.json.") -> Refusal:
    """A request that breaks the rules of this interface."""
    return Refusal(400, "malformed", detail, remedy)


def too_large(most: int) -> Refusal:
    """A body that is larger than what is taken here."""
    return Refusal(
        413, "too-large", f"At most {most} bytes are taken here.",
        "Send it in pieces: POST /api/v1/uploads.", {"connection": "close"},
    )  # fmt: skip


def too_slow(seconds: float) -> Refusal:
    """A body of which nothing came for too long."""
    return Refusal(
        408, "too-slow", f"Nothing came for {math.ceil(seconds)} s.", "Send it again.",
        {"connection": "close"},
    )  # fmt: skip


def refusal_of(error: errors.ViewError) -> Refusal:
    """What the view did not do, as it is told to a phone."""
    for kind in type(error).__mro__:
        if kind in _OF_THE_VIEW:
            status, code = _OF_THE_VIEW[kind]
            headers = {"retry-after": str(AGAIN_S)} if status == 503 else {}
            return Refusal(status, code, error.message, error.remedy, headers)
    return Refusal(503, "unavailable", error.message, error.remedy, {"retry-after": str(AGAIN_S)})


INTERNAL = Refusal(500, "internal", "The gateway failed.", "Its device's log says more.")
