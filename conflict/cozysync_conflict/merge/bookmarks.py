"""Merging bookmarks: Chromium's file, and the page that every browser imports and exports.

A bookmark or folder whose title, address or place was changed on both sides goes to the later.
"""

import json
import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

from cozysync_conflict.merge.sequence import Traits, Unsure, merge_sequences

Json = Any

# --- Chromium's `Bookmarks` --------------------------------------------------------------------


@dataclass(slots=True)
class _Entry:
    """A bookmark or folder: its own fields, the guid of its folder, the guids of what it holds."""

    fields: dict[str, Json]
    parent: str
    children: list[str] | None


def merge_chromium(base: bytes | None, earlier: bytes, later: bytes) -> bytes | None:
    """The bookmarks with the changes of both; None when it is not sure.

    The checksum is left out: Chromium then takes the file as edited, numbers it anew and goes on.
    """
    try:
        one, other = json.loads(earlier), json.loads(later)
        was = json.loads(base) if base is not None else {"roots": {}}
        merged = {**other, "roots": _merged_roots(was["roots"], one["roots"], other["roots"])}
        merged.pop("checksum", None)
        return json.dumps(merged, indent=3, ensure_ascii=False).encode() + b"\n"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, Unsure):
        return None


def _merged_roots(was: Json, one: Json, other: Json) -> Json:
    base, earlier, later = _flat(was), _flat(one), _flat(other)
    entries: dict[str, _Entry] = {}
    for guid in [*base, *(g for g in earlier if g not in base), *later]:
        if guid not in entries:
            found = _merged_entry(base.get(guid), earlier.get(guid), later.get(guid))
            if found is not None:
                entries[guid] = found
    _keep_folders(entries, base, earlier, later)
    held = _held(entries)
    for guid, entry in entries.items():
        if entry.children is not None:
            lists = [_listed(side, guid, held) for side in (base, earlier, later)]
            entry.children = merge_sequences(_GUIDS, *lists)
            entry.children += [each for each in held.get(guid, ()) if each not in entry.children]
    roots = dict(other)
    for name, root in other.items():
        if isinstance(root, dict):
            roots[name] = _tree(root["guid"], entries)
    if entries:
        raise Unsure  # folders that were moved into each other hang nowhere
    return roots


def _flat(roots: Json) -> dict[str, _Entry]:
    entries: dict[str, _Entry] = {}

    def take(node: Json, parent: str) -> str:
        guid: str = node["guid"]
        if guid in entries:
            raise Unsure
        fields = {key: value for key, value in node.items() if key not in ("children", "id")}
        entries[guid] = entry = _Entry(fields, parent, None)
        if "children" in node:
            entry.children = [take(child, guid) for child in node["children"]]
        return guid

    for root in roots.values():
        if isinstance(root, dict):
            take(root, "")
    return entries


def _merged_entry(
    base: _Entry | None, earlier: _Entry | None, later: _Entry | None
) -> _Entry | None:
    if earlier is None or later is None:
        left = earlier or later
        if left is None or (base is not None and _says_the_same(base, left)):
            return None
        return _Entry(dict(left.fields), left.parent, left.children)
    was = base.fields if base is not None else {}
    lists = [list(each.items()) for each in (was, earlier.fields, later.fields)]
    parent = later.parent
    if base is not None and later.parent == base.parent:
        parent = earlier.parent
    return _Entry(dict(merge_sequences(_FIELDS, *lists)), parent, later.children)


def _says_the_same(one: _Entry, other: _Entry) -> bool:
    """Equal but for the dates that a browser keeps for itself."""
    fields = [
        {key: value for key, value in each.fields.items() if not key.startswith("date_")}
        for each in (one, other)
    ]
    return fields[0] == fields[1] and one.parent == other.parent


def _keep_folders(entries: dict[str, _Entry], *sides: dict[str, _Entry]) -> None:
    """What stays needs the folder it stands in, even one that a side has deleted."""
    queue = [entry.parent for entry in entries.values()]
    while queue:
        guid = queue.pop()
        if not guid or guid in entries:
            continue
        entry = next(side[guid] for side in reversed(sides) if guid in side)
        entries[guid] = _Entry(dict(entry.fields), entry.parent, entry.children)
        queue.append(entry.parent)


def _held(entries: dict[str, _Entry]) -> dict[str, list[str]]:
    held: dict[str, list[str]] = {}
    for guid, entry in entries.items():
        held.setdefault(entry.parent, []).append(guid)
    return held


def _listed(side: dict[str, _Entry], folder: str, held: dict[str, list[str]]) -> list[str]:
    children = side[folder].children if folder in side else None
    stays = set(held.get(folder, ()))
    return [guid for guid in children or () if guid in stays]


def _tree(guid: str, entries: dict[str, _Entry]) -> Json:
    """The bookmark or folder as the file has it, taken out of the entries."""
    entry = entries.pop(guid)
    node = dict(entry.fields)
    if entry.children is not None:
        node["children"] = [_tree(child, entries) for child in entry.children]
    return node


Field = tuple[str, Json]


def _both_fields(_: Field | None, earlier: Field, later: Field) -> Field:
    if later[0].startswith("date_") and str(earlier[1]).isdigit() and str(later[1]).isdigit():
        return max(earlier, later, key=lambda field: int(field[1]))
    return later


def _field_text(field: Field) -> Hashable:
    return field[0], json.dumps(field[1], sort_keys=True)


_FIELDS: Traits[Field] = Traits(
    key=lambda field: field[0], kind=lambda field: None, same=_field_text, both=_both_fields
)
_GUIDS: Traits[str] = Traits(
    key=lambda guid: guid, kind=lambda guid: None, same=lambda guid: guid,
    both=lambda base, earlier, later: later,
)  # fmt: skip

# --- the page ------------------------------------------------------------------------------------

_MAGIC = b"<!DOCTYPE NETSCAPE-Bookmark-file-1>"
_ADDRESS = re.compile(rb'HREF="([^"]*)"', re.IGNORECASE)
_TITLE = re.compile(rb">([^<]*)</H[13]>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Row:
    """A bookmark, a rule or any other line (`items` None), or a folder with what it holds."""

    head: bytes
    opening: bytes = b""
    items: "tuple[_Row, ...] | None" = None
    closing: bytes = b""


def merge_bookmark_page(base: bytes | None, earlier: bytes, later: bytes) -> bytes | None:
    """The page with the changes of both; None when it is no such page, or not sure."""
    try:
        rows = [_rows(page) if page else () for page in (base or b"", earlier, later)]
        merged = merge_sequences(_ROWS, *rows)
    except (Unsure, RecursionError):
        return None
    return b"".join(_page(row) for row in merged)


def _rows(page: bytes) -> tuple[_Row, ...]:
    if not page.startswith(_MAGIC):
        raise Unsure
    lines = iter(page.splitlines(True))
    rows = tuple(_level(lines, None))
    if b"".join(_page(row) for row in rows) != page:
        raise Unsure
    return rows


def _level(lines: Iterator[bytes], closing: list[bytes] | None) -> Iterator[_Row]:
    """The rows up to the end of a list, whose line goes into `closing`."""
    head = b""
    for line in lines:
        mark = line.strip().upper()
        if mark.startswith(b"<DL>"):
            end: list[bytes] = []
            items = tuple(_level(lines, end))
            yield _Row(head, line, items, end[0])
            head = b""
            continue
        if mark.startswith(b"</DL>"):
            if closing is None:
                raise Unsure
            if head:
                yield _Row(head)
            closing.append(line)
            return
        if mark.startswith(b"<DD>") and head:
            head += line  # a description belongs to what stands above it
            continue
        if head:
            yield _Row(head)
        head = line
    if closing is not None:
        raise Unsure
    if head:
        yield _Row(head)


def _page(row: _Row) -> bytes:
    if row.items is None:
        return row.head
    return row.head + row.opening + b"".join(map(_page, row.items)) + row.closing


def _row_key(row: _Row) -> Hashable | None:
    if row.items is not None:
        title = _TITLE.search(row.head)
        return "folder", title.group(1) if title else b""
    address = _ADDRESS.search(row.head)
    return ("bookmark", address.group(1)) if address else None


def _both_rows(base: _Row | None, earlier: _Row, later: _Row) -> _Row:
    if earlier.items is None or later.items is None:
        return later
    was = base.items if base is not None and base.items is not None else ()
    head = later.head
    if base is not None and later.head == base.head:
        head = earlier.head
    items = tuple(merge_sequences(_ROWS, was, earlier.items, later.items))
    return _Row(head, later.opening, items, later.closing)


_ROWS: Traits[_Row] = Traits(key=_row_key, kind=lambda row: None, same=_page, both=_both_rows)
