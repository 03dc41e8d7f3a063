"""The page for phones: files that a browser runs, over the interface for own apps.

The page itself tells nothing of the vault, so it needs no password: it asks the person for the one
of this phone, and sends it with each request. It loads nothing from elsewhere.
"""

import hashlib
from importlib import resources
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from cozysync.gateway.app import Door

PREFIX = "/app"
INDEX = "index.html"

_KINDS = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "webmanifest": "application/manifest+json",
}

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)

_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-cache",
    "service-worker-allowed": "/",
}


def page_door() -> Door:
    """The page, at `/`."""
    files = {
        each.name: each.read_bytes()
        for each in (resources.files(__package__) / "shell").iterdir()
        if each.name.rpartition(".")[2] in _KINDS
    }
    paths = frozenset({"/"} | {f"{PREFIX}/{name}" for name in files if name != INDEX})
    return Door(PREFIX, _Page(files), open_to_all=paths)


class _Page:
    """The files, as they are."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files
        self._tags = {
            name: f'"{hashlib.sha256(data).hexdigest()[:32]}"' for name, data in files.items()
        }

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._answer(Request(scope))(scope, receive, send)

    def _answer(self, request: Request) -> Response:
        path = request.scope["path"]
        name = INDEX if path == "/" else path.removeprefix(f"{PREFIX}/")
        if name not in self._files or request.method not in ("GET", "HEAD"):
            return PlainTextResponse("Nothing is here.\n", 404)
        headers = _HEADERS | {"etag": self._tags[name]}
        if self._tags[name] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        data = b"" if request.method == "HEAD" else self._files[name]
        media_type = _KINDS[name.rpartition(".")[2]]
        response = Response(data, headers=headers, media_type=media_type)
        response.headers["content-length"] = str(len(self._files[name]))
        return response
