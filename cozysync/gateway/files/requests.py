"""WsgiDAV's requests, with those that write done in one step each by the view.

WsgiDAV copies, moves and removes trees file by file, takes a `?` in a destination for a query, and
refuses a write whose base is not what stands there. The view does better: whole trees at once, and
what others wrote meanwhile is merged.
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, NoReturn

from wsgidav.dav_error import (
    HTTP_BAD_REQUEST,
    HTTP_CONFLICT,
    HTTP_FORBIDDEN,
    HTTP_METHOD_NOT_ALLOWED,
    HTTP_NOT_FOUND,
    HTTP_NOT_IMPLEMENTED,
    HTTP_PRECONDITION_FAILED,
    DAVError,
)
from wsgidav.request_server import RequestServer

from cozysync.gateway.destination import NoDestination, destination_of
from cozysync.gateway.files.resources import Directory, found, plain, told
from cozysync.gateway.names import below, parent_of
from cozysync.gateway.preconditions import base_of, tags_in
from cozysync.gateway.view import Entry, Outcome
from cozysync.gateway.wsgi import STAGED_FILE, VIEW, Environ, StartResponse

NS_PER_S = 1_000_000_000

# They say something of what is copied or moved, not of what stands at the target.
_OF_THE_SOURCE = (
    "HTTP_IF_MATCH",
    "HTTP_IF_NONE_MATCH",
    "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_UNMODIFIED_SINCE",
)

Body = Iterable[bytes]


class Requests(RequestServer):  # type: ignore[misc]
    """Answers one request."""

    def __init__(self, provider: Any) -> None:
        super().__init__(provider)
        self.allow_propfind_infinite = False  # a whole vault is no answer

    def do_PUT(self, environ: Environ, start_response: StartResponse) -> Body:
        """Write a file, merging what others wrote since the version that the phone names."""
        path = plain(environ["PATH_INFO"])
        for header in ("HTTP_CONTENT_ENCODING", "HTTP_CONTENT_RANGE"):
            if header in environ:
                _refuse(HTTP_NOT_IMPLEMENTED, "Only whole files are taken, as they are.")
        before = found(environ["PATH_INFO"], environ)
        if before is not None and before.is_collection:
            _refuse(HTTP_METHOD_NOT_ALLOWED, "A directory stands there.")
        self._require_parent(path, environ)
        base = base_of(environ, None if before is None else before.entry)
        self._evaluate_if_headers(before, environ)
        self._check_write_permission(before or self._parent(path, environ), "0", environ)
        with told():
            written = environ[VIEW].write(
                path, environ[STAGED_FILE], base=base, mtime_ns=_mtime_ns(environ)
            )
        headers = []
        if written.outcome is Outcome.WRITTEN:
            headers.append(("ETag", f'"{written.entry.version}"'))
        if "HTTP_X_OC_MTIME" in environ:
            headers.append(("X-OC-MTime", "accepted"))
        return _answer(start_response, _created(before is None), headers)

    def do_DELETE(self, environ: Environ, start_response: StartResponse) -> Body:
        """Remove a file, or a directory with all that it holds."""
        there = found(environ["PATH_INFO"], environ)
        if there is None:
            _refuse(HTTP_NOT_FOUND)
        depths = ("infinity",) if there.is_collection else ("0", "infinity")
        if environ.get("HTTP_DEPTH", "infinity") not in depths:
            _refuse(HTTP_BAD_REQUEST, "A directory is removed with all that it holds.")
        self._evaluate_if_headers(there, environ)
        self._check_leaving(there, environ)
        with told():
            environ[VIEW].remove(there.entry.path, base=_seen(environ, there.entry))
        self._forget(there.get_ref_url())
        return _answer(start_response, HTTPStatus.NO_CONTENT)

    def _copy_or_move(self, environ: Environ, start_response: StartResponse, is_move: bool) -> Body:
        source = found(environ["PATH_INFO"], environ)
        if source is None:
            _refuse(HTTP_NOT_FOUND)
        target = _destination(environ, str(self._davProvider.mount_path))
        whole = _whole(environ, source.is_collection, is_move)
        path = source.entry.path
        if below(target, path):
            _refuse(HTTP_FORBIDDEN, "Nothing can be copied or moved onto or into itself.")
        self._require_parent(target, environ)
        there = found(target, environ)
        self._evaluate_if_headers(source, environ)
        base = _seen(environ, source.entry)
        for header in _OF_THE_SOURCE:
            environ.pop(header, None)
        self._evaluate_if_headers(there, environ)
        if is_move:
            self._check_leaving(source, environ)
        if there is None:
            self._check_write_permission(self._parent(target, environ), "0", environ)
        else:
            self._check_write_permission(there, "infinity", environ)
            if environ.get("HTTP_OVERWRITE", "T") != "T":
                _refuse(HTTP_PRECONDITION_FAILED, "Something stands there already.")
        view = environ[VIEW]
        with told():
            if is_move:
                view.move(path, target, replace=there is not None, base=base)
            elif whole:
                view.copy(path, target, replace=there is not None)
            else:
                if there is not None:
                    view.remove(target)
                view.make_directory(target)
        moved = found(target, environ)
        if there is not None:
            self._forget(there.get_ref_url())
        if moved is not None:
            self._davProvider.prop_manager.copy_below(source.get_ref_url(), moved.get_ref_url())
        if is_move:
            self._forget(source.get_ref_url())
        return _answer(start_response, _created(there is None))

    def _parent(self, path: str, environ: Environ) -> Any:
        return found(parent_of(path), environ)

    def _require_parent(self, path: str, environ: Environ) -> None:
        if not isinstance(self._parent(path, environ), Directory):
            _refuse(HTTP_CONFLICT, "There is no directory to hold it.")

    def _check_leaving(self, there: Any, environ: Environ) -> None:
        """Check that nobody holds a lock on it, on anything in it, or on where it stands."""
        self._check_write_permission(there, "infinity", environ)
        self._check_write_permission(self._parent(there.entry.path, environ), "0", environ)

    def _forget(self, url: str) -> None:
        self._davProvider.prop_manager.remove_below(url)
        self._davProvider.lock_manager.remove_all_locks_from_url(url, recursive=True)


def _seen(environ: Environ, entry: Entry) -> str | None:
    """The version that must still stand there when a deed is done, after `If-Match` fitted."""
    match = environ.get("HTTP_IF_MATCH")
    return None if match is None or "*" in tags_in(match) else entry.version


def _refuse(status: int, why: str | None = None) -> NoReturn:
    raise DAVError(status, why)


def _created(anew: bool) -> HTTPStatus:
    return HTTPStatus.CREATED if anew else HTTPStatus.NO_CONTENT


def _answer(
    start_response: StartResponse, status: HTTPStatus, headers: Iterable[tuple[str, str]] = ()
) -> Body:
    start_response(f"{int(status)} {status.phrase}", [("Content-Length", "0"), *headers])
    return [b""]


def _mtime_ns(environ: Environ) -> int | None:
    """The time that the file bears on the phone, as Nextcloud's clients send it."""
    given = environ.get("HTTP_X_OC_MTIME")
    if given is None:
        return None
    whole, _, fraction = str(given).strip().partition(".")
    if not (whole.isascii() and whole.isdecimal() and len(whole) <= 11):
        _refuse(HTTP_BAD_REQUEST, "X-OC-Mtime is no number of seconds.")
    if fraction and not (fraction.isascii() and fraction.isdecimal()):
        _refuse(HTTP_BAD_REQUEST, "X-OC-Mtime is no number of seconds.")
    return int(whole) * NS_PER_S + int(fraction[:9].ljust(9, "0"))


def _whole(environ: Environ, is_collection: bool, is_move: bool) -> bool:
    """Whether a directory is meant with all that it holds."""
    depth = environ.get("HTTP_DEPTH", "infinity")
    if depth not in ("0", "infinity") or (is_move and is_collection and depth == "0"):
        _refuse(HTTP_BAD_REQUEST, "A depth like this means nothing here.")
    if environ.get("HTTP_OVERWRITE", "T") not in ("T", "F"):
        _refuse(HTTP_BAD_REQUEST, "Overwrite is T or F.")
    return not is_collection or depth == "infinity"


def _destination(environ: Environ, mount: str) -> str:
    try:
        return destination_of(environ, mount)
    except NoDestination as none:
        _refuse(int(none.status), none.why)
