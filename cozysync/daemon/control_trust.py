"""What the control socket offers about a server that may not be trusted."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cozysync.daemon.answers import Json, fields_of, route, text
from cozysync.daemon.engine_slot import EngineSlot


def trust_routes(slot: EngineSlot) -> list[Route]:
    """The routes, each of which asks the engine."""

    async def try_again(_: Request) -> Response:
        ended = await slot.require().alarms.end()
        return Json({"ended": str(ended.kind) if ended is not None else None})

    async def verify(request: Request) -> Response:
        fields = await fields_of(request)
        verifier = slot.require().verifier
        if fields.get("quick") is True:
            portion = await verifier.quick()
        else:
            after = text(fields, "after") if fields.get("after") is not None else None
            portion = await verifier.portion(after)
        return Json(portion.to_json())

    return [
        route("POST", "/v1/alarm/try-again", try_again),
        route("POST", "/v1/verify", verify),
    ]
