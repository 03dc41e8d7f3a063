"""Which part of a content is asked for (RFC 9110, sections 13 and 14): decisions alone."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

_SPAN = re.compile(r"bytes[ \t]*=[ \t]*([0-9]{0,19})-([0-9]{0,19})[ \t]*", re.ASCII | re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"')


class Answer(Enum):
    """What a content is answered with, if not with bytes of it."""

    NOT_MODIFIED = auto()
    PRECONDITION_FAILED = auto()
    NOT_SATISFIABLE = auto()


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes from `start` to before `end`; `partial` when they were asked for as a range."""

    start: int
    end: int
    partial: bool


def decide(headers: Mapping[str, str], version: str, size: int) -> Span | Answer:
    """What to answer when this version, of so many bytes, is what stands there."""
    if "if-match" in headers and not _names(headers["if-match"], version, strong=True):
        return Answer.PRECONDITION_FAILED
    if "if-none-match" in headers and _names(headers["if-none-match"], version, strong=False):
        return Answer.NOT_MODIFIED
    if "range" not in headers or not _range_holds(headers.get("if-range"), version):
        return Span(0, size, partial=False)
    return _span(headers["range"], size)


def _names(header: str, version: str, *, strong: bool) -> bool:
    if header.strip() == "*":
        return True
    tags = _TAG.finditer(header)
    return any(tag[1] == version and not (strong and tag[0].startswith("W/")) for tag in tags)


def _range_holds(condition: str | None, version: str) -> bool:
    """A date is never close enough: contents change more than once in a second."""
    return condition is None or condition.strip() == f'"{version}"'


def _span(header: str, size: int) -> Span | Answer:
    found = _SPAN.fullmatch(header)
    if found is None or found.groups() == ("", ""):
        return Span(0, size, partial=False)  # several ranges, or none: the whole is a right answer
    first, last = found.groups()
    if not first:
        start, end = max(size - int(last), 0), size
        return Span(start, end, partial=True) if start < end else Answer.NOT_SATISFIABLE
    start, end = int(first), min(int(last) + 1, size) if last else size
    if last and int(last) < start:
        return Span(0, size, partial=False)  # not a range at all
    return Span(start, end, partial=True) if start < size else Answer.NOT_SATISFIABLE
