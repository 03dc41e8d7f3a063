"""Files and directories of the view, as WsgiDAV wants to see them."""

import mimetypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from wsgidav.dav_error import HTTP_FORBIDDEN, HTTP_NOT_FOUND, DAVError
from wsgidav.dav_provider import DAVCollection, DAVNonCollection, DAVProvider

from cozysync.gateway.blocking import BlockingView
from cozysync.gateway.errors import BadPath, NoRoom, NotDirectory, NotFound, ViewError
from cozysync.gateway.files.memory import BoundedProperties, new_locks
from cozysync.gateway.names import raw, text
from cozysync.gateway.refusals import status_of
from cozysync.gateway.view import ABSENT, Entry, Space
from cozysync.gateway.wsgi import STAGED, VIEW, Environ
from cozysync_conflict import Kind

# What stands in no URL bare but these: some clients do not decode them (WsgiDAV found out which).
_BARE = "/!*'(),$-_|."

_SPACE = "cozysync.space"


@contextmanager
def told() -> Iterator[None]:
    """Say what a view did not do in WsgiDAV's way."""
    try:
        yield
    except ViewError as error:
        raise DAVError(int(status_of(error)), error.message) from error


def plain(path: str) -> str:
    """The view's path for one of a URL, which may end with a slash."""
    return path.rstrip("/") or "/"


def url_of(path: str) -> str:
    """A path as part of a URL, whatever bytes its names are of."""
    return quote(raw(path), safe=_BARE)


class _Resource:
    """What files and directories have in common."""

    path: str
    name: str
    environ: Environ
    provider: Any
    is_collection: bool
    entry: Entry

    def get_href(self) -> str:
        return url_of(str(self.provider.mount_path) + self.get_preferred_path())

    def get_ref_url(self) -> str:
        return url_of(self.get_preferred_path())

    def get_preferred_path(self) -> str:
        path = plain(self.path)
        return path + "/" if self.is_collection and path != "/" else path

    def get_display_name(self) -> str:
        # What XML cannot hold is in the URL all the same.
        return "".join(each if each.isprintable() else "\ufffd" for each in self.name)

    def get_etag(self) -> str:
        return self.entry.version

    def support_etag(self) -> bool:
        return True

    def get_last_modified(self) -> float:
        return max(self.entry.mtime_ns / 1e9, 0.0)

    def get_property_value(self, name: str) -> Any:
        if name == "{DAV:}getetag":
            return f'"{self.entry.version}"'
        try:
            return super().get_property_value(name)  # type: ignore[misc]
        except AttributeError:  # WsgiDAV, of a lock whose place went this moment
            raise DAVError(HTTP_NOT_FOUND) from None

    def finalize_headers(self, environ: Environ, headers: list[tuple[str, str]]) -> None:
        """A file is shown as it is, never runs as a page of ours, and rests in no cache."""
        headers += [
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Content-Security-Policy", "sandbox; default-src 'none'"),
        ]


class File(_Resource, DAVNonCollection):  # type: ignore[misc]
    """A file, or a symbolic link as the path that it holds."""

    def __init__(self, path: str, environ: Environ, entry: Entry) -> None:
        super().__init__(path, environ)
        self.entry = entry

    def get_content_length(self) -> int:
        return self.entry.size

    def get_content_type(self) -> str:
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"

    def support_ranges(self) -> bool:
        return True

    def get_content(self) -> "Content":
        return Content(self.environ[VIEW], self.entry)


class Directory(_Resource, DAVCollection):  # type: ignore[misc]
    """A directory, a folder of the vault, or the root that holds these."""

    def __init__(self, path: str, environ: Environ, entry: Entry) -> None:
        super().__init__(path, environ)
        self.entry = entry

    def get_member_list(self) -> list[_Resource]:
        with told():
            return [
                resource(each, self.environ)
                for each in self.environ[VIEW].children(self.entry.path)
            ]

    def get_member_names(self) -> list[str]:
        return [each.name for each in self.get_member_list()]

    def get_member(self, name: str) -> _Resource | None:
        return found(self.entry.path.rstrip("/") + "/" + name, self.environ)

    def get_used_bytes(self) -> int:
        return self._space().used

    def get_available_bytes(self) -> int:
        return self._space().free

    def create_collection(self, name: str) -> None:
        with told():
            self.environ[VIEW].make_directory(self.entry.path.rstrip("/") + "/" + name)

    def create_empty_resource(self, name: str) -> _Resource:
        """As a lock on a name that nothing bears yet wants it."""
        path = self.entry.path.rstrip("/") + "/" + name
        view = self.environ[VIEW]
        staged = view.staging / f"{STAGED}{os.urandom(16).hex()}"
        with told():
            try:
                staged.touch(mode=0o600, exist_ok=False)
                return resource(view.write(path, staged, base=ABSENT).entry, self.environ)
            except OSError as error:
                raise NoRoom(f"{path} cannot be written.", "Make room.") from error
            finally:
                staged.unlink(missing_ok=True)

    def _space(self) -> Space:
        """Asked once for each request."""
        known = self.environ.get(_SPACE)
        if not isinstance(known, Space):
            with told():
                known = self.environ[_SPACE] = self.environ[VIEW].space()
        assert isinstance(known, Space)
        return known


class Content:
    """The bytes of one version of a file, read onwards from one place."""

    def __init__(self, view: BlockingView, entry: Entry) -> None:
        self._view = view
        self._entry = entry
        self._start = 0
        self._pieces: Iterator[bytes] | None = None
        self._rest = b""

    def seek(self, start: int) -> None:
        """Begin there; before anything is read."""
        self._start = start

    def read(self, size: int) -> bytes:
        """At most so many bytes; none at the end."""
        if self._pieces is None:
            version = self._entry.version if self._entry.kind is Kind.FILE else None
            self._pieces = self._view.read(self._entry.path, version, self._start)
        with told():
            while not self._rest and (piece := next(self._pieces, None)) is not None:
                self._rest = piece
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def close(self) -> None:
        """Give up what was not read."""
        close = getattr(self._pieces, "close", None)
        if close is not None:
            with suppress(ViewError):
                close()


def resource(entry: Entry, environ: Environ) -> _Resource:
    """An entry as WsgiDAV wants to see it."""
    kind = Directory if entry.kind is Kind.DIRECTORY else File
    return kind(entry.path, environ, entry)


def found(path: str, environ: Environ) -> _Resource | None:
    """What stands at a path of a URL, if anything. Raises `DAVError`."""
    try:
        with told():
            entry = environ[VIEW].entry(plain(path))
    except DAVError as error:
        if isinstance(error.__cause__, NotFound | NotDirectory | BadPath):
            return None
        raise
    if entry.kind is not Kind.DIRECTORY and path.endswith("/"):
        return None
    assert isinstance(entry, Entry)
    return resource(entry, environ)


class Tree(DAVProvider):  # type: ignore[misc]
    """The view, as WsgiDAV wants to see it. Which view it is stands in the request."""

    def __init__(self) -> None:
        super().__init__()
        self.verbose = 1
        self.locks = new_locks()
        self.properties = BoundedProperties()

    def set_lock_manager(self, _lock_manager: object) -> None:
        self.lock_manager = self.locks

    def set_prop_manager(self, _prop_manager: object) -> None:
        self.prop_manager = self.properties

    def ref_url_to_path(self, ref_url: str) -> str:
        return text(unquote_to_bytes(ref_url))

    def get_resource_inst(self, path: str, environ: Environ) -> _Resource | None:
        if "/../" in path + "/" or "/./" in path + "/":
            raise DAVError(HTTP_FORBIDDEN)
        return found(path, environ)
