"""What WebDAV's clients leave here beside files: locks and properties, in memory and bounded.

Both are lost with the process, and a phone that held a lock asks for it again. They bind phones
alone: a device writes whatever it wants to, and what meets is merged.
"""

from typing import Any

from wsgidav.dav_error import HTTP_INSUFFICIENT_STORAGE, DAVError
from wsgidav.lock_man.lock_manager import LockManager
from wsgidav.lock_man.lock_storage import LockStorageDict
from wsgidav.prop_man.property_manager import PropertyManager

MOST_LOCKS = 1000
MOST_OWNER_BYTES = 4096

MOST_WITH_PROPERTIES = 5000
MOST_PROPERTIES = 64
MOST_PROPERTY_BYTES = 16 * 1024


class BoundedLocks(LockStorageDict):  # type: ignore[misc]
    """Locks, so many and no more."""

    def create(self, path: str, lock: dict[str, Any]) -> Any:
        # Each lock is one entry, and each locked place another.
        if len(self._dict) >= 2 * MOST_LOCKS or len(lock.get("owner") or "") > MOST_OWNER_BYTES:
            raise DAVError(HTTP_INSUFFICIENT_STORAGE, "There are too many locks.")
        return super().create(path, lock)


class BoundedProperties(PropertyManager):  # type: ignore[misc]
    """Properties that clients set, so many and no more."""

    def write_property(
        self,
        norm_url: str,
        name: str,
        property_value: bytes,
        dry_run: bool = False,
        environ: object = None,
    ) -> Any:
        here = self.get_properties(norm_url)
        others = 0 if self._dict is None else len(self._dict)
        if (
            len(property_value) > MOST_PROPERTY_BYTES
            or (name not in here and len(here) >= MOST_PROPERTIES)
            or (not here and others >= MOST_WITH_PROPERTIES)
        ):
            raise DAVError(HTTP_INSUFFICIENT_STORAGE, "There are too many properties.")
        return super().write_property(norm_url, name, property_value, dry_run, environ)

    def remove_below(self, url: str) -> None:
        """Forget the properties of what stood at a place, and below it."""
        place = url.rstrip("/")
        for each in list(self._dict or ()):
            if each.rstrip("/") == place or each.startswith(place + "/"):
                self.remove_properties(each)

    def copy_below(self, url: str, to: str) -> None:
        """Give the copy of what stands at a place, and below it, the same properties."""
        source, target = url.rstrip("/"), to.rstrip("/")
        for each in list(self._dict or ()):
            if each.rstrip("/") == source or each.startswith(source + "/"):
                self.copy_properties(each, target + each[len(source) :])


def new_locks() -> Any:
    """A manager of locks that are all in memory."""
    return LockManager(BoundedLocks())
