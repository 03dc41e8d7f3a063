"""Two versions of a file side by side: a diff, a table of properties, or sizes only."""

import difflib
from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from cozysync_conflict.merge.contentlines import (
    Component,
    Item,
    NotContentLines,
    Property,
    read_lines,
)
from cozysync_conflict.merge.text import read_text

_LONGEST = 200


def compare(name: str, old: bytes, new: bytes, titles: tuple[str, str]) -> Table | Text | None:
    """What differs, or None when the contents are nothing that can be shown."""
    if name.lower().endswith((".vcf", ".vcard", ".ics", ".ical")):
        table = _properties(old, new, titles)
        if table is not None:
            return table
    return _diff(old, new, titles)


def _diff(old: bytes, new: bytes, titles: tuple[str, str]) -> Text | None:
    before, after = read_text(old), read_text(new)
    if before is None or after is None:
        return None
    one, other = ([_visible(line) for line in each.lines] for each in (before, after))
    shown = Text()
    for line in difflib.unified_diff(one, other, *titles, lineterm=""):
        shown.append(line + "\n", style=_STYLES.get(line[:1], ""))
    return shown


_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def _properties(old: bytes, new: bytes, titles: tuple[str, str]) -> Table | None:
    try:
        found = [dict(_rows("", read_lines(each))) for each in (old, new)]
    except NotContentLines:
        return None
    table = Table("property", *titles)
    for key in {**found[0], **found[1]}:
        values = [each.get(key, "") for each in found]
        if values[0] != values[1]:
            table.add_row(Text(key), *(Text(value) for value in values))
    return table


def _rows(above: str, items: tuple[Item, ...]) -> Iterator[tuple[str, str]]:
    """Each property with a key that is its own; those of one name are told together."""
    values: dict[str, list[str]] = {}
    for item in items:
        if isinstance(item, Component):
            label = _visible((item.first(b"SUMMARY") or item.first(b"FN") or item.name).decode())
            yield from _rows(f"{above}{label}: " if above or len(items) > 1 else "", item.items)
        elif isinstance(item, Property) and item.logical:
            values.setdefault(item.name.decode(errors="replace"), []).append(
                _visible(item.value.decode(errors="replace"))
            )
    for name, told in values.items():
        yield above + name, "\n".join(told)


def _visible(line: str) -> str:
    shown = "".join(c if c.isprintable() else "\ufffd" for c in line.rstrip("\r\n"))
    return shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "…"
