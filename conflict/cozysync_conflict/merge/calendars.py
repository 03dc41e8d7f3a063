"""Merging contacts (vCard 3 and 4) and calendars (iCalendar): property by property.

Lines that nobody changed stay byte for byte what they were, in their order, with whatever a
program put there that nobody else knows. A property that both changed goes to the later side.
"""

from collections.abc import Hashable

from cozysync_conflict.merge.contentlines import (
    Component,
    Item,
    NotContentLines,
    Property,
    line_end,
    read_lines,
    write_lines,
)
from cozysync_conflict.merge.sequence import Traits, Unsure, merge_sequences

# Properties that may stand several times: two that come apart are two (RFC 6350 §6, RFC 5545 §3.6).
SEVERAL = frozenset(
    b"ADR ATTACH ATTENDEE CALADRURI CALURI CATEGORIES CLIENTPIDMAP COMMENT CONFERENCE CONTACT"
    b" DESCRIPTION EMAIL EXDATE EXPERTISE FBURL HOBBY IMAGE IMPP INTEREST KEY LABEL LANG LOGO"
    b" MEMBER NICKNAME NOTE ORG ORG-DIRECTORY PHOTO RDATE RELATED RELATED-TO REQUEST-STATUS"
    b" RESOURCES ROLE SOUND SOURCE TEL TITLE TZ URL X-ABDATE X-ABRELATEDNAMES X-SOCIALPROFILE"
    b" XML".split()
)
# Those of them that iCalendar allows once; a DESCRIPTION of a journal is rare enough.
_ONCE_IN_CALENDARS = frozenset(b"DESCRIPTION ORG PHOTO ROLE TITLE TZ URL NOTE KEY".split())
# Values that are lists: what each side put in or took out is brought together.
LISTS = frozenset(b"CATEGORIES EXDATE NICKNAME RDATE RESOURCES".split())
# A person or thing that the value names, whatever the parameters say of it.
_NAMED_BY_VALUE = frozenset(b"ATTENDEE MEMBER RELATED-TO".split())
_MOST_DIGITS = 18
_IDENTITIES = (b"UID", b"TZID", b"X-WR-ALARMUID")


def merge_cards(base: bytes | None, earlier: bytes, later: bytes) -> bytes | None:
    """The contacts with the changes of both; None when it is not sure."""
    return _merged_file(b"VCARD", base, earlier, later)


def merge_calendar(base: bytes | None, earlier: bytes, later: bytes) -> bytes | None:
    """The calendar with the changes of both; None when it is not sure."""
    return _merged_file(b"VCALENDAR", base, earlier, later)


def _merged_file(kind: bytes, base: bytes | None, earlier: bytes, later: bytes) -> bytes | None:
    try:
        one, other = read_lines(earlier), read_lines(later)
        was = read_lines(base) if base is not None else ()
        for file in (one, other, was):
            _check(kind, file)
        merged = merge_sequences(_ITEMS, was, one, other)
        data = write_lines(merged, line_end(base if base is not None else later))
        _check(kind, read_lines(data))
    except (NotContentLines, Unsure, RecursionError):
        return None
    return data


def _check(kind: bytes, items: tuple[Item, ...]) -> None:
    if any(isinstance(each, Component) and each.name != kind for each in items):
        raise Unsure
    names = [_key(each) for each in items if isinstance(each, Component)]
    if len(set(names)) != len(names):
        raise Unsure  # two of one name: which of them was changed is anybody's guess


# --- items -----------------------------------------------------------------------------------


def _key(item: Item) -> Hashable | None:
    if isinstance(item, Component):
        return _component_key(item)
    if not item.logical:
        return None
    if item.name in _NAMED_BY_VALUE:
        return item.name, item.group, item.value.lower()
    return None if item.name in SEVERAL else (item.name, item.group)


def _component_key(component: Component) -> Hashable | None:
    name = component.name
    identity = next((v for each in _IDENTITIES if (v := component.first(each)) is not None), None)
    if identity is not None:
        return name, identity, _occurrence(component)
    if name == b"VCARD":
        return name, component.first(b"FN"), component.first(b"N")
    return (name,) if name == b"VCALENDAR" else None


def _occurrence(component: Component) -> bytes | None:
    """Which occurrence of a repeating event it stands for, its time zone included."""
    found = (each for each in component.properties() if each.name == b"RECURRENCE-ID")
    line = next(found, None)
    return line.parameters + b":" + line.value if line is not None else None


def _kind(item: Item) -> Hashable | None:
    if isinstance(item, Component):
        return item.name
    return (item.name, item.group, item.parameters.upper()) if item.logical else None


def _both(base: Item | None, earlier: Item, later: Item) -> Item:
    if isinstance(earlier, Component) and isinstance(later, Component):
        return _both_components(base, earlier, later)
    if isinstance(earlier, Property) and isinstance(later, Property):
        was = base if isinstance(base, Property) else None
        return _both_properties(was, earlier, later)
    raise Unsure


def _both_components(base: Item | None, earlier: Component, later: Component) -> Component:
    was = base.items if isinstance(base, Component) else ()
    if earlier.name != later.name or earlier.first(b"VERSION") != later.first(b"VERSION"):
        raise Unsure  # parameters of vCard 3 mean other things in vCard 4
    several = _ITEMS if later.name == b"VCARD" else _ITEMS_OF_EVENTS
    items = tuple(merge_sequences(several, was, earlier.items, later.items))
    return Component(later.name, later.begin, later.end, items)


def _both_properties(base: Property | None, earlier: Property, later: Property) -> Property:
    if earlier.name == b"SEQUENCE" and _is_count(earlier.value) and _is_count(later.value):
        return max(earlier, later, key=lambda each: int(each.value))
    heads = {_kind(each) for each in (base, earlier, later) if each is not None}
    if later.name in LISTS and len(heads) == 1:
        return _joined_lists(base, earlier, later)
    return later


def _is_count(value: bytes) -> bool:
    return value.isdigit() and len(value) <= _MOST_DIGITS


def _joined_lists(base: Property | None, earlier: Property, later: Property) -> Property:
    was = _values(base) if base is not None else []
    values = merge_sequences(_VALUES, was, _values(earlier), _values(later))
    if not values:
        raise Unsure
    head = later.logical[: len(later.logical) - len(later.value)]
    return Property(_folded(head + b",".join(values)))


def _values(line: Property) -> list[bytes]:
    values: list[bytes] = [b""]
    escaped = False
    for char in line.value:
        if char == ord(",") and not escaped:
            values.append(b"")
            continue
        escaped = char == ord("\\") and not escaped
        values[-1] += bytes([char])
    return values


def _folded(line: bytes) -> bytes:
    """A line in pieces of at most 75 bytes, no character cut in two (RFC 5545 §3.1)."""
    pieces: list[bytes] = []
    room = 75
    while len(line) > room:
        cut = room
        while line[cut] & 0xC0 == 0x80:
            cut -= 1
        pieces.append(line[:cut])
        line, room = line[cut:], 74
    return b"\n ".join([*pieces, line]) + b"\n"


def _same(item: Item) -> Hashable:
    return item.logical


def _event_key(item: Item) -> Hashable | None:
    if isinstance(item, Property) and item.name in _ONCE_IN_CALENDARS:
        return item.name, item.group
    return _key(item)


def _both_values(_: bytes | None, __: bytes, later: bytes) -> bytes:
    return later


_ITEMS: Traits[Item] = Traits(key=_key, kind=_kind, same=_same, both=_both)
_ITEMS_OF_EVENTS: Traits[Item] = Traits(key=_event_key, kind=_kind, same=_same, both=_both)
_VALUES: Traits[bytes] = Traits(
    key=lambda value: value, kind=lambda value: None, same=lambda value: value, both=_both_values
)
