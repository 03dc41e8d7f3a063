"""Merging JSON: by line where that is enough, and by key where it is not.

A merge by key is written in the very style of the file; when no common style would write all
three versions as they are, there is no telling what else would be lost, and both are kept.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from merge3 import Merge3

from cozysync_conflict.merge.sequence import Traits, Unsure, merge_sequences
from cozysync_conflict.merge.text import changed, merge_text

# An object in a list is known again by the first of these that all objects of the list have.
IDENTITIES = ("guid", "uuid", "id", "_id", "key")

Json = Any
Pair = tuple[str, Json]


def merge_json(base: bytes | None, earlier: bytes, later: bytes) -> bytes | None:
    """The document with the changes of both; None when they meet, or when it is no JSON."""
    by_line = merge_text(base, earlier, later)
    try:
        one, other = _read(earlier), _read(later)
        was = _read(base) if base is not None else Document(_empty(one.value), other.style)
        style = changed(was.style, one.style, other.style)
        if style is None:
            return by_line
        value = merge_values(was.value, one.value, other.value)
    except Unsure:
        return None
    except (ValueError, RecursionError):
        return by_line
    if by_line is not None and same(json.loads(by_line)) == same(value):
        return by_line
    return style.write(value)


class Style(NamedTuple):
    """How a program writes its JSON."""

    indent: str | None
    comma: str
    colon: str
    escapes: bool
    end: str

    def write(self, value: Json) -> bytes:
        """The bytes of a value."""
        text = json.dumps(
            value,
            indent=self.indent,
            separators=(self.comma, self.colon),
            ensure_ascii=self.escapes,
        )
        return (text + self.end).encode()


class Document(NamedTuple):
    """A value, and the style that writes it just as it was read."""

    value: Json
    style: Style


def _read(data: bytes) -> Document:
    value = json.loads(data.decode(), object_pairs_hook=_without_doubles)
    for style in _styles(data):
        if style.write(value) == data:
            return Document(value, style)
    raise ValueError("written by hand")


def _styles(data: bytes) -> Iterator[Style]:
    text = data.decode()
    second = text.partition("\n")[2]
    indent = second[: len(second) - len(second.lstrip(" \t"))] if second.strip() else None
    commas = (",", ", ") if indent is None else (",",)
    end = text[len(text.rstrip()) :]
    for comma in commas:
        for colon in (": ", ":"):
            for escapes in (False, True):
                yield Style(indent, comma, colon, escapes, end)


def _without_doubles(pairs: list[Pair]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _empty(value: Json) -> Json:
    if isinstance(value, dict):
        return {}
    if isinstance(value, list):
        return []
    raise Unsure


# --- values --------------------------------------------------------------------------------


def merge_values(base: Json, earlier: Json, later: Json) -> Json:
    """The value with the changes of both; raises `Unsure`."""
    if same(earlier) in (same(base), same(later)):
        return later
    if same(later) == same(base):
        return earlier
    if isinstance(earlier, dict) and isinstance(later, dict):
        return _merged_objects(base if isinstance(base, dict) else {}, earlier, later)
    if isinstance(earlier, list) and isinstance(later, list) and isinstance(base, list):
        return _merged_lists(base, earlier, later)
    raise Unsure


def same(value: Json) -> str:
    """A text that two values share when they are equal; 1 and 1.0 and true are not."""
    return json.dumps(value, sort_keys=True)


def _merged_objects(
    base: dict[str, Json], earlier: dict[str, Json], later: dict[str, Json]
) -> dict[str, Json]:
    pairs: list[list[Pair]] = [list(each.items()) for each in (base, earlier, later)]
    return dict(merge_sequences(_MEMBERS, *pairs))


def _both_members(base: Pair | None, earlier: Pair, later: Pair) -> Pair:
    return later[0], merge_values(base[1] if base is not None else None, earlier[1], later[1])


_MEMBERS: Traits[Pair] = Traits(
    key=lambda pair: pair[0],
    kind=lambda pair: None,
    same=lambda pair: (pair[0], same(pair[1])),
    both=_both_members,
)


def _merged_lists(base: list[Json], earlier: list[Json], later: list[Json]) -> list[Json]:
    identity = _identity([*base, *earlier, *later])
    if identity is not None and all(_distinct(each, identity) for each in (base, earlier, later)):
        return merge_sequences(_objects(identity), base, earlier, later)
    merged: list[Json] = []
    texts = [[same(item) for item in each] for each in (base, earlier, later)]
    for region in Merge3(texts[0], texts[1], texts[2]).merge_regions():
        if region[0] == "conflict":
            raise Unsure
        source = {"unchanged": base, "a": earlier, "same": earlier, "b": later}[region[0]]
        merged += source[region[1] : region[2]]
    return merged


def _identity(items: list[Json]) -> str | None:
    if not all(isinstance(item, dict) for item in items):
        return None
    return next(
        (
            name
            for name in IDENTITIES
            if all(isinstance(item.get(name), str | int) for item in items)
        ),
        None,
    )


def _distinct(items: list[Json], identity: str) -> bool:
    return len({same(item[identity]) for item in items}) == len(items)


def _objects(identity: str) -> Traits[Json]:
    return Traits(
        key=lambda item: same(item[identity]),
        kind=lambda item: None,
        same=same,
        both=merge_values,
    )
