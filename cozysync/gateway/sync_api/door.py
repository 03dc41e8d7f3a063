"""The interface as a door of the gateway: routes, refusals, and its own description."""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, Router

from cozysync.gateway.app import Asgi, Door, Receive, Scope, Send
from cozysync.gateway.errors import ViewError
from cozysync.gateway.sync_api.asked import asked
from cozysync.gateway.sync_api.openapi import description
from cozysync.gateway.sync_api.operations import operations
from cozysync.gateway.sync_api.pictures import Pictures
from cozysync.gateway.sync_api.problems import INTERNAL, Refusal, refusal_of
from cozysync.gateway.sync_api.spool import clear
from cozysync.gateway.sync_api.table import JSON, Operation
from cozysync.gateway.sync_api.uploads import TusUploads

PREFIX = "/api/v1"

_log = logging.getLogger(__name__)


def sync_door(staging: Path) -> Door:
    """The interface, over views with this staging.

    Takes away what an earlier life left on its way in. Raises `OSError` and `sqlite3.Error`.
    """
    clear(staging)
    pictures = Pictures()
    uploads = TusUploads(staging, pictures)
    return Door(PREFIX, application(operations(uploads, pictures)), chores=(uploads.tend,))


def application(table: Iterable[Operation]) -> Asgi:
    """These operations, served and described."""
    table = list(table)
    by_path: dict[str, dict[str, Operation]] = {}
    for each in table:
        by_path.setdefault(each.path, {})[each.method] = each
    document = msgspec.json.encode(description(table, PREFIX))

    async def describe(_request: Request) -> Response:
        return Response(document, media_type=JSON)

    routes = [Route(path, _Resource(methods)) for path, methods in by_path.items()]
    routes.append(Route("/openapi.json", describe))
    return Router(routes, redirect_slashes=False, default=_nothing)


class _Resource:
    """What a path offers, by method; whatever goes wrong is answered with a problem."""

    def __init__(self, methods: dict[str, Operation]) -> None:
        self._methods = methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await self._answer(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        operation = self._methods.get(_method(request))
        if operation is None:
            return self._other(request)
        try:
            return await operation.handler(
                await asked(request, operation.parameters, operation.body)
            )
        except Refusal as refusal:
            return refusal.response()
        except ViewError as error:
            return refusal_of(error).response()
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except Exception:  # whoever asks must get an answer, and the log the trace
            _log.exception("%s %s failed", operation.method, operation.path)
            return INTERNAL.response()

    def _other(self, request: Request) -> Response:
        allowed = ", ".join(sorted({*self._methods, "OPTIONS"}))
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"allow": allowed})
        return Refusal(
            405, "no-such-method", f"{request.method} is not for this.", f"Use {allowed}.",
            {"allow": allowed},
        ).response()  # fmt: skip


def _method(request: Request) -> str:
    """The method that is meant, where something between lets only common ones through (tus)."""
    if request.method == "POST":
        return request.headers.get("x-http-method-override", "POST").upper()
    return request.method


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    refusal = Refusal(
        404, "no-such-thing", "The interface has no such thing.", f"See {PREFIX}/openapi.json."
    )
    await refusal.response()(scope, receive, send)
