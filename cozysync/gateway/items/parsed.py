"""Items as Radicale wants them, remembered by their version: it is their content."""

import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass

from radicale.item import Item

MOST_BYTES = 16 * 1024 * 1024
"""Of text that is remembered: some ten thousand contacts."""

LARGEST = 8 * 1024 * 1024
"""Bytes of one item; a contact with a photo has some hundred thousand."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parsed:
    """What listing and asking need to know of an item, which takes a millisecond to find out."""

    text: str
    uid: str
    name: str
    component: str
    span: tuple[int, int]


class Remembered:
    """Items by version; the longest unused go first. May be asked by any thread."""

    def __init__(self) -> None:
        self._all: OrderedDict[str, Parsed] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, version: str) -> Parsed | None:
        """What is known of an item."""
        with self._lock:
            found = self._all.get(version)
            if found is not None:
                self._all.move_to_end(version)
            return found

    def put(self, version: str, parsed: Parsed) -> None:
        """Remember an item."""
        with self._lock:
            if version not in self._all:
                self._all[version] = parsed
                self._bytes += len(parsed.text)
            while self._bytes > MOST_BYTES:
                self._bytes -= len(self._all.popitem(last=False)[1].text)


def understood(data: bytes, path: str) -> Parsed | None:
    """What an item's bytes say; None for what is no item, which phones are not shown."""
    try:
        item = Item(collection_path=path, text=data.decode("utf-8"))
        start, end = item.time_range
        return Parsed(item.serialize(), item.uid, item.name, item.component_name, (start, end))
    except Exception as error:  # whatever a file may hold, the others are shown
        _log.info("an item cannot be shown to phones: %s", type(error).__name__)
        return None
