"""What the control socket offers about the gateway and its phones."""

from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cozysync.daemon.answers import BadRequest, Json, done, fields_of, route, text
from cozysync.daemon.config import change
from cozysync.daemon.config_keys import Value
from cozysync.daemon.gateway import GatewayPart
from cozysync.gateway.scope import Scope

SETTINGS = ("enabled", "listen", "hosts", "certificate", "key")
"""What may be set while the daemon runs."""


def gateway_routes(config_file: Path, gateway: GatewayPart) -> list[Route]:
    """The routes, each of which asks the gateway."""

    async def configure(request: Request) -> Response:
        config = change(config_file, _settings(await fields_of(request)))
        await gateway.use(config.gateway)
        return Json(gateway.status())

    async def add(request: Request) -> Response:
        fields = await fields_of(request)
        name = text(fields, "name")
        password = gateway.add_phone(name, _scope(fields, gateway))
        return Json({"name": name, "password": password, "url": gateway.url()})

    async def revoke(request: Request) -> Response:
        gateway.revoke_phone(text(await fields_of(request), "name"))
        return done()

    return [
        route("POST", "/v1/gateway", configure),
        route("POST", "/v1/phones/add", add),
        route("POST", "/v1/phones/revoke", revoke),
    ]


def _settings(fields: dict[str, Any]) -> dict[str, Value]:
    unknown = sorted(set(fields) - set(SETTINGS))
    if unknown:
        raise BadRequest(f"«{unknown[0]}» cannot be set")
    return {f"gateway.{name}": value for name, value in fields.items()}


def _scope(fields: dict[str, Any], gateway: GatewayPart) -> Scope:
    read_only = fields.get("read_only", False)
    folders = fields.get("folders")
    if type(read_only) is not bool:
        raise BadRequest("«read_only» is neither true nor false")
    if fields.get("contacts") is True:
        return Scope((gateway.settings.contacts, gateway.settings.calendars), read_only)
    if folders is None:
        return Scope(None, read_only)
    if not isinstance(folders, list) or not all(isinstance(each, str) for each in folders):
        raise BadRequest("«folders» are no names")
    return Scope(tuple(folders), read_only)
