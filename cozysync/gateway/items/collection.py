"""One address book or calendar, as Radicale wants to see it."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, overload

from radicale.item import Item
from radicale.storage import BaseCollection

from cozysync.gateway.errors import (
    CursorGone,
    IsDirectory,
    NoRoom,
    NotDirectory,
    NotFound,
    ViewError,
)
from cozysync.gateway.items import about
from cozysync.gateway.items.asking import NOW, Told
from cozysync.gateway.items.homes import Sort
from cozysync.gateway.items.parsed import LARGEST, Remembered, understood
from cozysync.gateway.preconditions import base_of, tags_in
from cozysync.gateway.view import ABSENT, Entry, Written
from cozysync.gateway.wsgi import STAGED
from cozysync_conflict import Kind

SYNC = "https://cozysync.invalid/ns/sync/"
"""Before a cursor of the view, to make an URI of it as RFC 6578 wants."""


@contextmanager
def told() -> Iterator[None]:
    """Say what the view did not do past Radicale."""
    try:
        yield
    except ViewError as error:
        raise Told(error) from error


def when(entry: Entry) -> str:
    """When an entry changed, as HTTP says it."""
    seconds = min(max(entry.mtime_ns // 1_000_000_000, 0), 2**33)
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)


class Collection(BaseCollection):
    """A directory of items. `path` is the one that phones know, `entry` where it is in the view."""

    def __init__(self, path: str, sort: Sort, entry: Entry, remembered: Remembered) -> None:
        self._path = path
        self._sort = sort
        self._entry = entry
        self._remembered = remembered

    @property
    def path(self) -> str:
        return self._path

    @property
    def etag(self) -> str:
        """It changes with everything below, and only then: the CTag of calendars, too."""
        return f'"{self._entry.version}"'

    @property
    def last_modified(self) -> str:
        return when(self._entry)

    # --- items -----------------------------------------------------------------------------------

    def get_all(self) -> Iterable[Item]:
        with told():
            children = NOW.get().view.children(self._entry.path)
        for each in children:
            item = self._item(each)
            if item is not None:
                yield item

    def get_multi(self, hrefs: Iterable[str]) -> Iterable[tuple[str, Item | None]]:
        for href in hrefs:
            yield href, self.get(href)

    def get(self, href: str) -> Item | None:
        """The item of a name, None when there is none."""
        entry = self._entry_of(href)
        return None if entry is None else self._item(entry)

    def upload(self, href: str, item: Item) -> tuple[Item, Item | None]:
        if not self._may_be(href):
            raise ValueError(f"the name of an item here ends with {self._sort.ending}")
        asking, before = NOW.get(), self._entry_of(href)
        base = base_of(asking.preconditions, before)
        if before is None and base is None:
            base = ABSENT  # what came meanwhile is not written over
        data = _bytes_of(item, asking.body)
        if len(data) > LARGEST:
            raise ValueError("this item is too large")
        written = self._write(href, data, base)
        asking.outcome = written.outcome
        now = self._item(written.entry)
        if now is None:
            raise ValueError("what stands there now is no item")
        return now, None

    def take(self, source: "Collection", href: str, to: str) -> None:
        """Move an item here from a collection, which may be this one."""
        if not self._may_be(to):
            raise ValueError(f"the name of an item here ends with {self._sort.ending}")
        with told():
            NOW.get().view.move(
                f"{source._entry.path}/{href}", f"{self._entry.path}/{to}", replace=True
            )

    def delete(self, href: str | None = None) -> None:
        asking = NOW.get()
        match = asking.preconditions.get("HTTP_IF_MATCH")
        entry = self._entry if href is None else self._entry_of(href)
        with told():
            if entry is None:
                raise NotFound(f"{self._entry.path}/{href}")
            seen = entry.version if match is not None and "*" not in tags_in(match) else None
            asking.view.remove(entry.path, base=seen)

    # --- changes ---------------------------------------------------------------------------------

    def sync(self, old_token: str = "") -> tuple[str, Iterable[str]]:
        if old_token and not old_token.startswith(SYNC):
            raise ValueError("this is no token of ours")
        view, cursor = NOW.get().view, old_token.removeprefix(SYNC) or None
        names: dict[str, None] = {}
        more = True
        with told():
            while more:
                try:
                    page = view.changes(self._entry.path, cursor)
                except CursorGone as error:
                    raise ValueError("this token is too old") from error
                for path in [*(e.path for e in page.removed), *(e.path for e in page.changed)]:
                    name = path[len(self._entry.path) + 1 :]
                    if self._may_be(name):
                        names[name] = None
                cursor, more = page.cursor, page.more
        return f"{SYNC}{cursor}", list(names)

    # --- what it is called -----------------------------------------------------------------------

    @overload
    def get_meta(self, key: None = None) -> Mapping[str, str]: ...

    @overload
    def get_meta(self, key: str) -> str | None: ...

    def get_meta(self, key: str | None = None) -> Mapping[str, str] | str | None:
        if key == "tag":
            return self._sort.tag
        files = {}
        for name in about.FILES:
            data = self._read(name)
            if data is not None:
                files[name] = data.decode("utf-8", "replace")
        props = about.properties(self._sort, self._entry.name, files)
        return props if key is None else props.get(key)

    def set_meta(self, props: Mapping[str, str]) -> None:
        wanted = about.files(self._sort, props)
        view = NOW.get().view
        for name in about.FILES:
            if name in wanted and self._read(name) != wanted[name].encode():
                self._write(name, wanted[name].encode("utf-8", "replace"), None)
            elif name not in wanted and self._entry_of(name) is not None:
                with told():
                    view.remove(f"{self._entry.path}/{name}")

    def fill(self, items: Iterable[Item]) -> None:
        """Write items into what was just made."""
        for number, item in enumerate(items):
            plain = "".join(each for each in item.uid if each.isalnum() or each in "-_.@")
            name = f"{plain[:100].lstrip('.') or number}{self._sort.ending}"
            if self._entry_of(name) is not None:
                name = f"{os.urandom(16).hex()}{self._sort.ending}"
            self._write(name, item.serialize().encode(), ABSENT)

    # --- within ----------------------------------------------------------------------------------

    def _may_be(self, name: str) -> bool:
        """Whether a name can be that of an item here."""
        return (
            name.endswith(self._sort.ending)
            and not name.startswith(".")
            and "/" not in name
            and name.isprintable()
        )

    def _entry_of(self, name: str) -> Entry | None:
        with told():
            try:
                return NOW.get().view.entry(f"{self._entry.path}/{name}")
            except (NotFound, NotDirectory):
                return None

    def _item(self, entry: Entry) -> Item | None:
        if entry.kind is not Kind.FILE or not self._may_be(entry.name) or entry.size > LARGEST:
            return None
        parsed = self._remembered.get(entry.version)
        if parsed is None:
            data = self._content(entry)
            parsed = None if data is None else understood(data, self._path)
            if parsed is None:
                return None
            self._remembered.put(entry.version, parsed)
        return Item(
            collection_path=self._path,
            collection=self,
            href=entry.name,
            last_modified=when(entry),
            text=parsed.text,
            etag=f'"{entry.version}"',
            uid=parsed.uid,
            name=parsed.name,
            component_name=parsed.component,
            time_range=parsed.span,
        )

    def _content(self, entry: Entry) -> bytes | None:
        with told():
            try:
                return b"".join(NOW.get().view.read(entry.path, entry.version))
            except (NotFound, IsDirectory):
                return None

    def _read(self, name: str) -> bytes | None:
        entry = self._entry_of(name)
        if entry is None or entry.kind is not Kind.FILE or entry.size > LARGEST:
            return None
        return self._content(entry)

    def _write(self, name: str, data: bytes, base: str | None) -> Written:
        view = NOW.get().view
        staged = view.staging / f"{STAGED}{os.urandom(16).hex()}"
        with told():
            try:
                staged.write_bytes(data)
                return view.write(f"{self._entry.path}/{name}", staged, base=base)
            except OSError as error:
                raise NoRoom("There is no room for it.", "Make room.") from error
            finally:
                staged.unlink(missing_ok=True)


def _bytes_of(item: Item, body: bytes) -> bytes:
    """What is kept of an item: what the phone sent, unless Radicale had to mend it.

    What was sent merges best, since what the phone left alone is as others wrote it.
    """
    sent = understood(body, "sent")
    if sent is not None and sent.uid == item.uid and sent.component == item.component_name:
        return body
    return item.serialize().encode()


class Shelf(BaseCollection):
    """The root, or the principal of a phone: what holds collections and is none itself."""

    def __init__(self, path: str, version: str) -> None:
        self._path = path
        self._version = version

    @property
    def path(self) -> str:
        return self._path

    @property
    def etag(self) -> str:
        return f'"{self._version}"'

    @property
    def last_modified(self) -> str:
        return format_datetime(datetime.fromtimestamp(0, UTC), usegmt=True)

    def get_all(self) -> Iterable[Item]:
        return ()

    def get_multi(self, hrefs: Iterable[str]) -> Iterable[tuple[str, Item | None]]:
        return ((href, None) for href in hrefs)

    def get_meta(self, key: str | None = None) -> Any:
        return {} if key is None else None

    def set_meta(self, props: Mapping[str, str]) -> None:
        raise ValueError("nothing can be set here")

    def upload(self, href: str, item: Item) -> tuple[Item, Item | None]:
        raise ValueError("nothing can be put here")

    def delete(self, href: str | None = None) -> None:
        raise PermissionError("this cannot be deleted")
