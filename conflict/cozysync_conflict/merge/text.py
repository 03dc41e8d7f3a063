"""Merging text by line, as version control does: only where no two edits meet.

Encoding, byte order mark and line ends are properties of their own: they are merged apart from
the lines, so that an editor that rewrites every line end does not clash with everything.
"""

import json
import tomllib
from collections.abc import Callable
from typing import NamedTuple, TypeVar
from xml.parsers import expat

from merge3 import Merge3

T = TypeVar("T")

# Comparing two long texts without a common line takes the square of their lines: 20,000 lines
# that have nothing in common took 0.3 s, and what is longer is hardly written by hand.
MOST_LINES = 20_000

_MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be", b"\xef\xbb\xbf": "utf-8"}
_UNIX, _DOS, _MAC = "\n", "\r\n", "\r"


class Text(NamedTuple):
    """A text taken apart: byte order mark, encoding, line end ("" when mixed or none), lines."""

    mark: bytes
    encoding: str
    end: str
    lines: list[str]


def merge_text(base: bytes | None, earlier: bytes, later: bytes) -> bytes | None:
    """The text with the edits of both; None when they meet, or when it is no text."""
    if base is None:
        return None
    texts = [read_text(each) for each in (base, earlier, later)]
    b, one, other = texts
    if b is None or one is None or other is None:
        return None
    if not b.end or not one.end or not other.end:
        b, one, other = (_as_they_are(each) for each in (b, one, other))
    form = [
        changed(getattr(b, part), getattr(one, part), getattr(other, part))
        for part in ("mark", "encoding", "end")
    ]
    lines = merge_lines(b.lines, one.lines, other.lines)
    if lines is None or any(each is None for each in form):
        return None
    merged = _written(Text(form[0], form[1], form[2], lines))  # type: ignore[arg-type]
    if merged is None or not _still_parses(merged, base, earlier, later):
        return None
    return merged


def changed(base: T, one: T, other: T) -> T | None:
    """The value that was changed at most once, or None when both changed it differently."""
    if one in (base, other):
        return other
    return one if other == base else None


def merge_lines(base: list[str], one: list[str], other: list[str]) -> list[str] | None:
    """The lines with the changes of both, or None when two changes meet."""
    if max(len(base), len(one), len(other)) > MOST_LINES:
        return None
    merged: list[str] = []
    for region in Merge3(base, one, other).merge_regions():
        match region[0]:
            case "unchanged":
                merged += base[region[1] : region[2]]
            case "a" | "same":
                merged += one[region[1] : region[2]]
            case "b":
                merged += other[region[1] : region[2]]
            case _:
                return None
    return merged


def read_text(data: bytes) -> Text | None:
    """The text in a file, or None when it holds none. Bytes that are not UTF-8 stay themselves."""
    mark = next((mark for mark in _MARKS if data.startswith(mark)), b"")
    encoding = _MARKS.get(mark, "utf-8")
    try:
        text = data[len(mark) :].decode(encoding, "surrogateescape")
    except UnicodeDecodeError:
        return None
    if "\0" in text:
        return None
    end = _line_end(text)
    return Text(mark, encoding, end, text.replace(end, "\n").splitlines(True) if end else [text])


def _line_end(text: str) -> str:
    """The one line end of a text; "" when it has several. A text of one line has Unix's."""
    dos = text.count(_DOS)
    ends = {
        _DOS: dos,
        _UNIX: text.count(_UNIX) - dos,
        _MAC: text.count(_MAC) - dos,
    }
    used = [end for end, count in ends.items() if count]
    if len(used) > 1:
        return ""
    return used[0] if used else _UNIX


def _as_they_are(text: Text) -> Text:
    whole = "".join(text.lines)
    if text.end:
        whole = whole.replace("\n", text.end)
    return text._replace(end="", lines=whole.splitlines(True))


def _written(text: Text) -> bytes | None:
    """The bytes of a text; None when its encoding has no place for bytes that are no text."""
    whole = "".join(text.lines)
    if text.end:
        whole = whole.replace("\n", text.end)
    try:
        return text.mark + whole.encode(text.encoding, "surrogateescape")
    except UnicodeEncodeError:
        return None


# --- texts that a program reads ------------------------------------------------------------


def _still_parses(merged: bytes, *before: bytes) -> bool:
    """Whether what could be read as a known language before still can be."""
    for parses in (_is_json, _is_xml, _is_toml):
        if all(parses(each) for each in before):
            return parses(merged)
    return True


def _is_json(data: bytes) -> bool:
    return data.lstrip()[:1] in (b"{", b"[") and _succeeds(json.loads, data)


def _is_xml(data: bytes) -> bool:
    return data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<" and _succeeds(_parse_xml, data)


def _is_toml(data: bytes) -> bool:
    return _succeeds(lambda each: tomllib.loads(each.decode()), data)


def _parse_xml(data: bytes) -> None:
    parser = expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise ValueError("entities may grow without bound")

    parser.EntityDeclHandler = refuse
    parser.Parse(data, True)


def _succeeds(parse: Callable[[bytes], object], data: bytes) -> bool:
    try:
        parse(data)
    except (ValueError, RecursionError, expat.ExpatError):
        return False
    return True
