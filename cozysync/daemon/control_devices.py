"""What the control socket offers about the devices of the vault."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cozysync.daemon.answers import Json, fields_of, route, text
from cozysync.daemon.engine_slot import EngineSlot
from cozysync.sync.members import Done


def device_routes(slot: EngineSlot) -> list[Route]:
    """The routes, each of which asks the engine."""

    async def rename(request: Request) -> Response:
        fields = await fields_of(request)
        members = slot.require().members
        return _answer(await members.rename(text(fields, "device"), text(fields, "name")))

    async def revoke(request: Request) -> Response:
        fields = await fields_of(request)
        members, last = slot.require().members, fields.get("last") is True
        return _answer(await members.revoke(text(fields, "device"), last=last))

    return [
        route("POST", "/v1/devices/rename", rename),
        route("POST", "/v1/devices/revoke", revoke),
    ]


def _answer(done: Done) -> Response:
    return Json({"device": done.name, "confirmed": done.confirmed})
