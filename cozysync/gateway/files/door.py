"""The door for files: WsgiDAV, with this view below it and its requests as we want them."""

import logging
from collections.abc import Iterator
from http import HTTPStatus

from wsgidav.dav_error import DAVError
from wsgidav.mw.base_mw import BaseMiddleware
from wsgidav.wsgidav_app import WsgiDAVApp

from cozysync.gateway.app import Door
from cozysync.gateway.files.requests import Requests
from cozysync.gateway.files.resources import Tree
from cozysync.gateway.wsgi import Environ, StartResponse, WsgiDoor
from cozysync.gateway.xml import is_harmless

FILES = "/dav/files"

_READ_AS_XML = ("PROPFIND", "PROPPATCH", "LOCK")


def files_door() -> Door:
    """WebDAV for all files that a phone may see."""
    logging.getLogger("wsgidav").setLevel(logging.CRITICAL)  # refusals are no news
    dav = WsgiDAVApp(
        {
            "mount_path": FILES,
            "provider_mapping": {"/": Tree()},
            "middleware_stack": [_Answers],
            "property_manager": None,
            "lock_storage": False,
            "verbose": 1,
            "logging": {"enable": False},
            "hotfixes": {"re_encode_path_info": False},
        }
    )
    return Door(
        FILES,
        WsgiDoor(dav, lambda scope: scope["method"] == "PUT"),
        signposts=("/.well-known/webdav",),
    )


def _refuse_bombs(environ: Environ) -> None:
    if not is_harmless(environ["wsgi.input"].getvalue()):
        raise DAVError(int(HTTPStatus.BAD_REQUEST), "The body is no XML as WebDAV has it.")


class _Answers(BaseMiddleware):  # type: ignore[misc]
    """All of WsgiDAV's chain: answers a request, or says why not."""

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        environ["wsgidav.auth.user_name"] = environ["REMOTE_USER"]
        try:
            if environ["REQUEST_METHOD"] in _READ_AS_XML:
                _refuse_bombs(environ)
            yield from Requests(environ["wsgidav.provider"])(environ, start_response)
        except DAVError as error:
            kind, body = "text/plain; charset=utf-8", (error.context_info or "") + "\n"
            if error.err_condition:
                kind, body = "application/xml; charset=utf-8", error.err_condition.as_string()
            data = body.encode("utf-8", "replace")
            if error.value in (HTTPStatus.NOT_MODIFIED, HTTPStatus.NO_CONTENT):
                data = b""
            head = [("Content-Type", kind), ("Content-Length", str(len(data)))]
            start_response(f"{error.value} Refused", head + (error.add_headers or []))
            yield data
