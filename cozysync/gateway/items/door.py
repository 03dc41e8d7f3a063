"""The door for contacts and calendars: Radicale, with the vault for its storage."""

import logging
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from radicale import config
from radicale.app import Application
from radicale.auth.none import Auth
from radicale.rights import BaseRights

from cozysync.gateway.app import Door
from cozysync.gateway.destination import NoDestination, destination_of
from cozysync.gateway.items.asking import NOW, Asking, Told
from cozysync.gateway.items.homes import Homes
from cozysync.gateway.items.parsed import LARGEST
from cozysync.gateway.items.storage import VaultStorage
from cozysync.gateway.names import raw
from cozysync.gateway.refusals import status_of
from cozysync.gateway.view import Outcome
from cozysync.gateway.wsgi import PHONE, VIEW, Environ, StartResponse, WsgiDoor
from cozysync.gateway.xml import is_harmless

ITEMS = "/dav/items"

SIGNPOSTS = ("/", "/dav", "/dav/", "/principals/", "/.well-known/caldav", "/.well-known/carddav")
"""Where phones that were told the host alone begin to look."""

_WRITES = ("PUT", "DELETE")
_READ_AS_XML = ("PROPFIND", "REPORT", "PROPPATCH", "MKCALENDAR", "MKCOL")


def items_door(homes: Homes) -> Door:
    """CalDAV and CardDAV for all address books and calendars that a phone may see."""
    logging.getLogger("radicale").setLevel(logging.CRITICAL + 1)  # it logs every request
    settings = config.load()
    settings.update(
        {
            "auth": {"type": _Admitted, "delay": "0"},
            "rights": {"type": _Rights, "permit_overwrite_collection": "False"},
            "storage": {"type": lambda settings: VaultStorage(settings, homes)},
            "web": {"type": "none"},
            "server": {"validate_path_value": "minimal", "delay_on_error": "0"},
        },
        "cozysync",
    )
    items = WsgiDoor(_Items(Application(settings)), lambda _: False, LARGEST)
    return Door(ITEMS, items, SIGNPOSTS)


class _Admitted(Auth):
    """The gate has asked for the password already."""

    def get_external_login(self, environ: Any) -> tuple[str, str]:
        return environ["REMOTE_USER"], ""


class _Rights(BaseRights):
    """A phone's own principal, and what its scope allows there; the view looks again."""

    def authorization(self, user: str, user_groups: set[str], path: str) -> str:
        asking = NOW.get()
        parts = [each for each in path.split("/") if each]
        if not parts:
            return "R"
        if parts[0] != asking.phone.name or len(parts) > 2:
            return ""
        read, write = ("R", "W") if len(parts) == 1 else ("r", "w")
        return read if asking.phone.scope.read_only else read + write


class _Items:
    """Radicale, told who asks."""

    def __init__(self, radicale: Application) -> None:
        self._radicale = radicale

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        asking = Asking(environ[VIEW], environ[PHONE], environ["wsgi.input"].getvalue())
        if environ["REQUEST_METHOD"] in _READ_AS_XML and not is_harmless(asking.body):
            return _say(start_response, HTTPStatus.BAD_REQUEST, "The body is no proper XML.")
        if environ["REQUEST_METHOD"] == "MOVE":
            try:
                to = destination_of(environ, ITEMS)
            except NoDestination as none:
                return _say(start_response, none.status, none.why)
            if set("?;#") & set(to):  # Radicale decodes before it takes apart
                return _say(start_response, HTTPStatus.BAD_REQUEST, "An item has no such name.")
            environ["HTTP_DESTINATION"] = quote(raw(ITEMS + to))
        if environ["REQUEST_METHOD"] in _WRITES:
            asking.preconditions = {
                name: environ[name]
                for name in ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH")
                if name in environ
            }
        if environ["REQUEST_METHOD"] == "PUT":
            environ.pop("HTTP_IF_MATCH", None)  # a stale one is merged, which Radicale refuses

        def start(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Any:
            if asking.outcome not in (None, Outcome.WRITTEN):
                headers = [each for each in headers if each[0].lower() != "etag"]
            return start_response(status, headers, exc_info)

        token = NOW.set(asking)
        try:
            return list(self._radicale(environ, start))
        except Told as told:
            return _say(start_response, status_of(told.error), told.error.message)
        finally:
            NOW.reset(token)


def _say(start_response: StartResponse, status: HTTPStatus, why: str) -> list[bytes]:
    body = f"{why}\n".encode("utf-8", "replace")
    length = ("Content-Length", str(len(body)))
    head = [("Content-Type", "text/plain; charset=utf-8"), length]
    start_response(f"{int(status)} {status.phrase}", head)
    return [body]
