"""What the control socket offers about conflicts and history."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cozysync.daemon.answers import (
    BadRequest,
    Json,
    done,
    fields_of,
    number,
    path_number,
    route,
    text,
)
from cozysync.daemon.engine_slot import EngineSlot
from cozysync_conflict import Policy

LOG_LIMIT = 10_000


def past_routes(slot: EngineSlot) -> list[Route]:
    """The routes, each of which asks the engine."""

    async def log(request: Request) -> Response:
        path = request.query_params.get("path")
        limit = min(int(request.query_params.get("limit", "100")), LOG_LIMIT)
        lines = await slot.require().past.log(Path(path) if path else None, limit)
        return Json({"lines": [line.to_json() for line in lines]})

    async def restore(request: Request) -> Response:
        fields = await fields_of(request)
        at, seen = number(fields, "at"), fields.get("seen")
        plan = await slot.require().past.restore(Path(text(fields, "path")), at, seen)
        return Json(plan.to_json())

    async def rewind(request: Request) -> Response:
        fields = await fields_of(request)
        since = number(fields, "since")
        if since is None:
            raise BadRequest("«since» is missing")
        device, seen = text(fields, "device"), fields.get("seen")
        plan = await slot.require().past.rewind(device, since, seen)
        return Json(plan.to_json())

    async def tidy(_: Request) -> Response:
        return Json((await slot.require().upkeep.tidy()).to_json())

    async def conflicts(_: Request) -> Response:
        found = await slot.require().inbox.conflicts()
        return Json({"conflicts": [each.to_json() for each in found]})

    async def version(request: Request) -> Response:
        id, at = request.path_params["id"], path_number(request, "number")
        content = await slot.require().inbox.content(id, at)
        return Response(content, media_type="application/octet-stream")

    async def decide(request: Request) -> Response:
        fields = await fields_of(request)
        view = await slot.require().inbox.decide(
            request.path_params["id"],
            text(fields, "choice"),
            seen=text(fields, "seen"),
            anyway=fields.get("anyway") is True,
        )
        return Json(view.to_json())

    async def policy(request: Request) -> Response:
        fields = await fields_of(request)
        await slot.require().set_policy(Path(text(fields, "path")), Policy(text(fields, "policy")))
        return done()

    return [
        route("GET", "/v1/log", log),
        route("POST", "/v1/restore", restore),
        route("POST", "/v1/rewind", rewind),
        route("POST", "/v1/tidy", tidy),
        route("GET", "/v1/conflicts", conflicts),
        route("GET", "/v1/conflicts/{id}/versions/{number}", version),
        route("POST", "/v1/conflicts/{id}", decide),
        route("POST", "/v1/folders/conflicts", policy),
    ]
