"""The gateway as one application (ASGI): the gate, and behind it the doors.

A door is an ASGI application below a prefix of its own: it is added by a line in `doors.py`. It
finds who asks in `scope["state"]`: `phone`, and `view`, which ends where the phone's rights do.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.responses import PlainTextResponse, RedirectResponse, Response

from cozysync.gateway.gate import Gate, Refusal
from cozysync.gateway.scope import ScopedView
from cozysync.gateway.view import View

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Any], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Door:
    """An application, the prefix that it is below, and paths that lead to it from elsewhere.

    `prefix` begins with a slash and ends with none. What is at the paths in `open_to_all` tells
    nothing of the vault, and anybody may read it without a password. `chores` are to run as long as
    the door is open.
    """

    prefix: str
    app: Asgi
    signposts: tuple[str, ...] = ()
    open_to_all: frozenset[str] = frozenset()
    chores: tuple[Callable[[], Awaitable[None]], ...] = ()


class Gateway:
    """Asks everybody for a password, then hands them on to the door that they want."""

    def __init__(self, gate: Gate, view: View, doors: Iterable[Door]) -> None:
        self._gate = gate
        self._view = view
        self._doors = sorted(doors, key=lambda door: -len(door.prefix))
        self._signposts = {
            path: door.prefix + "/" for door in self._doors for path in door.signposts
        }
        self._open = {path: door for door in self._doors for path in door.open_to_all}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # no door speaks anything else; whoever asks is sent away
        refusal = self._gate.misdirected(scope)
        path = scope["path"]
        if refusal is None and scope["method"] in ("GET", "HEAD") and path in self._open:
            await self._open[path].app(scope, receive, send)
            return
        if refusal is None and path in self._signposts:
            answer: Response = RedirectResponse(
                self._signposts[path], HTTPStatus.MOVED_PERMANENTLY, {"cache-control": "no-store"}
            )
            await answer(scope, receive, send)
            return
        admitted = refusal or await self._gate.admit(scope)
        if isinstance(admitted, Refusal):
            answer = PlainTextResponse(
                admitted.why + "\n", int(admitted.status), admitted.headers()
            )
            await answer(scope, receive, send)
            return
        door = next((each for each in self._doors if _leads(path, each.prefix)), None)
        if door is None:
            await PlainTextResponse("Nothing is here.\n", 404)(scope, receive, send)
            return
        state = {"phone": admitted, "view": ScopedView(self._view, admitted.scope)}
        inner = scope | {"root_path": door.prefix, "state": scope.get("state", {}) | state}
        await door.app(inner, receive, send)


def _leads(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix + "/")
