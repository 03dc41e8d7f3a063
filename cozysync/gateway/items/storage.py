"""Radicale's storage, in the vault: `/PHONE/COLLECTION/ITEM` are paths of the view.

Every phone has a principal of its own name, and sees the same collections below it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from radicale.config import Configuration
from radicale.item import Item
from radicale.pathutils import strip_path
from radicale.storage import BaseCollection, BaseStorage

from cozysync.gateway.items.asking import NOW
from cozysync.gateway.items.collection import Collection, Shelf, told
from cozysync.gateway.items.homes import Homes, Sort
from cozysync.gateway.items.parsed import Remembered
from cozysync.gateway.view import ROOT

_SORTS = {sort.tag: sort for sort in Sort}


class VaultStorage(BaseStorage):
    """Asks the view of whoever asks."""

    # Names are the vault's: anything but what no path can hold.
    _is_collision_free = True
    _supports_unicode = True
    _supports_trailing_whitespace = True
    _supports_problematic_chars = True

    def __init__(self, configuration: Configuration, homes: Homes) -> None:
        super().__init__(configuration)
        self._homes = homes
        self._remembered = Remembered()

    def discover(
        self,
        path: str,
        depth: str = "0",
        child_context_manager: Callable[[str, str | None], AbstractContextManager[None]]
        | None = None,
        user_groups: set[str] | None = None,
    ) -> Iterator[BaseCollection | Item]:
        asking = NOW.get()
        parts = strip_path(path).split("/") if strip_path(path) else []
        deeper = depth != "0"
        if not parts:
            yield self._shelf("")
            if deeper:
                yield self._shelf(asking.phone.name)
        elif parts[0] != asking.phone.name:
            return
        elif len(parts) == 1:
            yield self._shelf(asking.phone.name)
            if deeper:
                yield from self._collections()
        elif len(parts) <= 3:
            collection = self._collection(parts[1])
            if collection is None:
                return
            if len(parts) == 3:
                item = collection.get(parts[2])
                if item is not None:
                    yield item
                return
            yield collection
            if deeper:
                yield from collection.get_all()

    def move(self, item: Item, to_collection: BaseCollection, to_href: str) -> None:
        assert isinstance(item.collection, Collection)
        assert isinstance(to_collection, Collection)
        assert item.href is not None
        to_collection.take(item.collection, item.href, to_href)

    def create_collection(
        self,
        href: str,
        items: Iterable[Item] | None = None,
        props: Mapping[str, str] | None = None,
    ) -> tuple[BaseCollection, dict[str, Item], list[str]]:
        parts = strip_path(href).split("/")
        sort = _SORTS.get((props or {}).get("tag", ""))
        if len(parts) != 2 or sort is None:
            raise ValueError("only address books and calendars can be made, and only here")
        with told():
            entry = self._homes.make(NOW.get().view, sort, parts[1])
        collection = Collection(strip_path(href), sort, entry, self._remembered)
        collection.set_meta(props or {})
        collection.fill(items or ())
        return collection, {}, []

    @contextmanager
    def acquire_lock(self, mode: str, user: str = "", *args: Any, **kwargs: Any) -> Iterator[None]:
        """Lock nothing: the view brings together what is written at once."""
        yield

    def verify(self) -> bool:
        return True

    def _shelf(self, path: str) -> Shelf:
        with told():
            return Shelf(path, NOW.get().view.entry(ROOT).version)

    def _collections(self) -> Iterator[Collection]:
        asking = NOW.get()
        with told():
            self._homes.begin(asking.view)
            found = self._homes.all(asking.view)
        for name, (sort, entry) in found.items():
            yield Collection(f"{asking.phone.name}/{name}", sort, entry, self._remembered)

    def _collection(self, name: str) -> Collection | None:
        asking = NOW.get()
        with told():
            found = self._homes.all(asking.view).get(name)
        if found is None:
            return None
        return Collection(f"{asking.phone.name}/{name}", *found, self._remembered)
