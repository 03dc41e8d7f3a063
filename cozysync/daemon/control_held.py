"""What the control socket offers about what stands in the way, and deletions that are held."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cozysync.daemon.answers import BadRequest, Json, done, fields_of, route, text
from cozysync.daemon.engine_slot import EngineSlot


def held_routes(slot: EngineSlot) -> list[Route]:
    """The routes, each of which asks the engine."""

    async def held(_: Request) -> Response:
        return Json({"held": slot.require().approvals.list()})

    async def decide(request: Request) -> Response:
        fields = await fields_of(request)
        await slot.require().approvals.decide(
            Path(text(fields, "path")), text(fields, "seen"), allow=fields.get("deny") is not True
        )
        return done()

    async def explain(request: Request) -> Response:
        path = request.query_params.get("path", "")
        if not path.startswith("/"):
            raise BadRequest("«path» is not an absolute path")
        found = await slot.require().explainer.explain(Path(path))
        return Json(found.to_json())

    return [
        route("GET", "/v1/held", held),
        route("POST", "/v1/held", decide),
        route("GET", "/v1/explain", explain),
    ]
