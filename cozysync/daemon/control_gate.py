"""Who may not ask at the control socket: web pages, and other users of this machine.

A browser does not speak to Unix sockets by itself, but whatever passes its requests on might. It
says from which page a request comes, or to which name it believes to speak; our own client says
just one name, which leads nowhere else.
"""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from cozysync.daemon.answers import problem
from cozysync.vault.errors import CozyError

HOST = "daemon"
"""The name that the command goes by when it asks."""

_FROM_A_PAGE = ("origin", "referer", "sec-fetch-site")


class Stranger(CozyError):
    """Another user of this machine asks."""

    def __init__(self) -> None:
        super().__init__(
            "This daemon belongs to another user, and answers nobody else.",
            "Ask as the user whose daemon it is.",
        )


class FromElsewhere(CozyError):
    """A request that a web page may have sent."""

    def __init__(self) -> None:
        super().__init__(
            "The daemon answers the cozysync command alone: this comes from a web page, or was "
            "passed on.",
            "Use the command, and let nothing pass requests on to the control socket.",
        )


class Refusing:
    """An application that answers everything with one error."""

    def __init__(self, error: CozyError) -> None:
        self._error = error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await problem(self._error, HTTPStatus.FORBIDDEN)(scope, receive, send)


class Gate:
    """The application behind it sees only what the command may have sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._refusing = Refusing(FromElsewhere())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or (scope["type"] == "http" and _is_own(scope)):
            await self._app(scope, receive, send)
        else:
            await self._refusing(scope, receive, send)


def _is_own(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return headers.getlist("host") == [HOST] and not any(name in headers for name in _FROM_A_PAGE)
