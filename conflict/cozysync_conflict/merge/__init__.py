"""Typed merges: what was changed apart in one file comes together, or is left to a person.

Each merge is a pure function of (base, earlier, later): the version that both started from, and
the two that came of it, in the order of their stamps. It answers None whenever it cannot be sure;
both versions are kept then. None of them ever puts conflict markers into a person's file.

Laws, tested by properties: merge(b, x, b) = x; changes that do not meet give the same in either
order; no edit is lost and none is invented, but where one property of a contact, an event or a
bookmark was changed on both sides: there the later value stands, and history keeps the other.
"""

from collections.abc import Callable, Sequence

from cozysync_conflict.merge.bookmarks import merge_bookmark_page, merge_chromium
from cozysync_conflict.merge.calendars import merge_calendar, merge_cards
from cozysync_conflict.merge.documents import merge_json
from cozysync_conflict.merge.logs import merge_log
from cozysync_conflict.merge.text import merge_text

Merger = Callable[[bytes | None, bytes, bytes], bytes | None]
"""(base, earlier, later) → the merge, or None. The base is None for files created apart."""

_BY_EXTENSION: dict[bytes, Sequence[Merger]] = {
    b"vcf": (merge_cards,),
    b"vcard": (merge_cards,),
    b"ics": (merge_calendar,),
    b"ical": (merge_calendar,),
    b"ifb": (merge_calendar,),
    b"json": (merge_json,),
    b"ipynb": (merge_json,),
    b"webmanifest": (merge_json,),
    b"geojson": (merge_json,),
    b"log": (merge_log, merge_text),
    b"html": (merge_bookmark_page, merge_text),
    b"htm": (merge_bookmark_page, merge_text),
}
_BY_NAME: dict[bytes, Sequence[Merger]] = {
    b"Bookmarks": (merge_chromium, merge_text),
    b".bash_history": (merge_log, merge_text),
    b".zsh_history": (merge_log, merge_text),
    b".python_history": (merge_log, merge_text),
    b".sqlite_history": (merge_log, merge_text),
}


def merge(name: bytes, base: bytes | None, sides: Sequence[bytes]) -> bytes | None:
    """All sides in one content, or None when that cannot be done for sure.

    `sides` are at least two contents in the order of their stamps, `base` what all of them came
    from. A third side is merged into what the first two gave.
    """
    mergers = mergers_for(name)
    merged = sides[0]
    for side in sides[1:]:
        found = _merged(mergers, base, merged, side)
        if found is None:
            return None
        merged = found
    return merged


def mergers_for(name: bytes) -> Sequence[Merger]:
    """The mergers to try for a file of this name, the likeliest first."""
    extension = name.rpartition(b".")[2].lower()
    return _BY_NAME.get(name) or _BY_EXTENSION.get(extension) or (merge_text,)


def _merged(
    mergers: Sequence[Merger], base: bytes | None, earlier: bytes, later: bytes
) -> bytes | None:
    if earlier in (base, later):
        return later
    if later == base:
        return earlier
    for merger in mergers:
        found = merger(base, earlier, later)
        if found is not None:
            return found
    return None
