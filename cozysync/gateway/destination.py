"""Where a phone wants something copied or moved to: the Destination header, read once and well."""

from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from cozysync.gateway.names import text


class NoDestination(Exception):
    """A header that names no place behind this door."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


def destination_of(environ: dict[str, Any], mount: str) -> str:
    """The path below the door at `mount`. Raises `NoDestination`.

    The host must be the one that was asked. The scheme is not looked at: a proxy may speak TLS for
    this gateway.
    """
    try:
        parts = urlsplit(environ["HTTP_DESTINATION"])
    except (KeyError, ValueError):
        raise NoDestination(HTTPStatus.BAD_REQUEST, "There is no proper Destination.") from None
    if parts.netloc and parts.netloc.lower() != environ.get("HTTP_HOST", "").lower():
        raise NoDestination(HTTPStatus.BAD_GATEWAY, "The destination is at another host.")
    if parts.query or parts.fragment or "%2f" in parts.path.lower():
        raise NoDestination(HTTPStatus.BAD_REQUEST, "The destination is no path.")
    path = text(unquote_to_bytes(parts.path.encode("latin-1", "replace")))
    if not path.startswith(mount + "/"):
        raise NoDestination(HTTPStatus.BAD_GATEWAY, "The destination is behind another door.")
    return path[len(mount) :].rstrip("/") or "/"
