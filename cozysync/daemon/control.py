"""The control socket: how the command line talks to the daemon.

HTTP with JSON over a Unix socket for its owner alone (`control_line`, `control_gate`). The handlers
hold no knowledge of their own: each asks the engine and writes down the answer. An error comes as
RFC 9457 problem details, with `remedy` and the `exit_code` that the command line ends with.
"""

from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import trio
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from cozysync.daemon.answers import (
    Json,
    done,
    fields_of,
    not_found,
    number,
    path_number,
    route,
    text,
)
from cozysync.daemon.control_devices import device_routes
from cozysync.daemon.control_gate import Gate
from cozysync.daemon.control_gateway import gateway_routes
from cozysync.daemon.control_held import held_routes
from cozysync.daemon.control_past import past_routes
from cozysync.daemon.control_trust import trust_routes
from cozysync.daemon.engine_slot import EngineSlot
from cozysync.daemon.gateway import GatewayPart
from cozysync.daemon.pairings import Pairings

# A long poll answers at least this often, so that a client notices a daemon that is gone.
LONGEST_WAIT_S = 60.0


def create_control(
    slot: EngineSlot,
    pairings: Pairings,
    gateway: GatewayPart,
    config_file: Path,
    stop: Callable[[], None],
) -> Starlette:
    """The application behind the socket; `stop` asks the daemon to end in good order."""

    async def status(_: Request) -> Response:
        return Json(slot.status() | {"gateway": gateway.status()})

    async def settle(request: Request) -> Response:
        timeout = number(await fields_of(request), "timeout")
        reasons: list[str] = ["Not everything was done in the time given."]
        in_sync = False
        with trio.move_on_after(timeout if timeout is not None else float("inf")):
            settled = await slot.require().settle()
            in_sync, reasons = settled.in_sync, list(settled.reasons)
        return Json({"in_sync": in_sync, "reasons": reasons})

    async def add_folder(request: Request) -> Response:
        fields = await fields_of(request)
        await slot.require().add_folder(Path(text(fields, "path")), text(fields, "name"))
        return done()

    async def remove_folder(request: Request) -> Response:
        await slot.require().remove_folder(Path(text(await fields_of(request), "path")))
        return done()

    async def pause_folder(request: Request) -> Response:
        await slot.require().pause_folder(Path(text(await fields_of(request), "path")))
        return done()

    async def resume_folder(request: Request) -> Response:
        await slot.require().resume_folder(Path(text(await fields_of(request), "path")))
        return done()

    async def start_pairing(_: Request) -> Response:
        number, code = await pairings.begin(slot.require())
        return Json({"pairing": number, "code": code})

    async def wait_for_pairing(request: Request) -> Response:
        wait = min(float(request.query_params.get("wait", "0")), LONGEST_WAIT_S)
        device = await pairings.wait(path_number(request, "number"), wait)
        return Json({"device": device})

    async def cancel_pairing(request: Request) -> Response:
        pairings.cancel(path_number(request, "number"))
        return done()

    async def give(request: Request) -> Response:
        await slot.require().give(text(await fields_of(request), "invitation"))
        return done()

    async def stop_daemon(_: Request) -> Response:
        stop()
        return Json({"stopping": True}, status_code=HTTPStatus.ACCEPTED)

    app = Starlette(
        routes=[
            route("GET", "/v1/status", status),
            route("POST", "/v1/settle", settle),
            route("POST", "/v1/give", give),
            route("POST", "/v1/folders/add", add_folder),
            route("POST", "/v1/folders/remove", remove_folder),
            route("POST", "/v1/folders/pause", pause_folder),
            route("POST", "/v1/folders/resume", resume_folder),
            route("POST", "/v1/pairings", start_pairing),
            route("GET", "/v1/pairings/{number}", wait_for_pairing),
            route("DELETE", "/v1/pairings/{number}", cancel_pairing),
            *past_routes(slot),
            *held_routes(slot),
            *trust_routes(slot),
            *device_routes(slot),
            *gateway_routes(config_file, gateway),
            route("POST", "/v1/stop", stop_daemon),
        ],
        middleware=[Middleware(Gate)],
        exception_handlers={404: not_found, 405: not_found},
    )
    app.router.redirect_slashes = False
    return app
