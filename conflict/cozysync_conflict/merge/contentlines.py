"""The lines of vCard and iCalendar: read without losing anything, written as they were.

A content line is kept with its folds and its line end; comparing goes by what it says unfolded
(RFC 6350 §3.2, RFC 5545 §3.1). vCard 2.1 quoted-printable line breaks are not read: such a file is
not merged by property.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property


class NotContentLines(ValueError):
    """The file is none of these formats, or broken."""


@dataclass(frozen=True)
class Property:
    """One content line. `raw` is all of it, folds and line end included."""

    raw: bytes

    @cached_property
    def logical(self) -> bytes:
        """The line unfolded and without its end."""
        text = self.raw.replace(b"\r\n", b"\n")
        return text.replace(b"\n ", b"").replace(b"\n\t", b"").rstrip(b"\r\n")

    @cached_property
    def _cut(self) -> tuple[bytes, bytes]:
        """Before and behind the colon that stands in no quotes."""
        quoted = False
        for at, char in enumerate(self.logical):
            if char == ord('"'):
                quoted = not quoted
            elif char == ord(":") and not quoted:
                return self.logical[:at], self.logical[at + 1 :]
        return self.logical, b""

    @cached_property
    def group(self) -> bytes:
        """The group of a vCard property (`item1` in `item1.TEL`), in capitals; b"" if none."""
        head = self._cut[0].partition(b";")[0]
        return head.rpartition(b".")[0].upper()

    @cached_property
    def name(self) -> bytes:
        """The name in capitals, without the group."""
        return self._cut[0].partition(b";")[0].rpartition(b".")[2].upper()

    @property
    def parameters(self) -> bytes:
        """Everything between the name and the colon, as it stands."""
        return self._cut[0].partition(b";")[2]

    @property
    def value(self) -> bytes:
        """Everything behind the colon, as it stands."""
        return self._cut[1]


@dataclass(frozen=True)
class Component:
    """What stands between BEGIN and END, in order; `name` in capitals."""

    name: bytes
    begin: Property
    end: Property
    items: "tuple[Item, ...]" = field(default=())

    def first(self, name: bytes) -> bytes | None:
        """The value of the first property of that name."""
        return next((each.value for each in self.properties() if each.name == name), None)

    def properties(self) -> "Iterator[Property]":
        """The properties that stand directly in it."""
        return (each for each in self.items if isinstance(each, Property))

    @cached_property
    def logical(self) -> tuple[object, ...]:
        """What it says: equal for components that differ in folds and line ends only."""
        return (self.name, *(each.logical for each in self.items))


Item = Property | Component


def read_lines(data: bytes) -> tuple[Item, ...]:
    """The components of a file; raises `NotContentLines`. Written back they give the same bytes."""
    stack: list[tuple[Property, list[Item]]] = []
    top: list[Item] = []
    for line in _lines(data):
        place = stack[-1][1] if stack else top
        if line.name == b"BEGIN":
            stack.append((line, []))
        elif line.name == b"END":
            if not stack or stack[-1][0].value.upper() != line.value.upper():
                raise NotContentLines("an END without its BEGIN")
            begin, items = stack.pop()
            outer = stack[-1][1] if stack else top
            outer.append(Component(begin.value.upper(), begin, line, tuple(items)))
        elif stack or not line.logical:
            place.append(line)
        else:
            raise NotContentLines("a line outside of everything")
    if stack:
        raise NotContentLines("a BEGIN without its END")
    return tuple(top)


def write_lines(items: Iterable[Item], end: bytes) -> bytes:
    """The file, with every line ended by `end`."""
    return b"".join(_raw(item, end) for item in items)


def line_end(data: bytes) -> bytes:
    """How the file ends its lines, by its first."""
    return b"\r\n" if data.partition(b"\n")[0].endswith(b"\r") else b"\n"


def _raw(item: Item, end: bytes) -> bytes:
    if isinstance(item, Component):
        inner = write_lines(item.items, end)
        return _raw(item.begin, end) + inner + _raw(item.end, end)
    lines = item.raw.replace(b"\r\n", b"\n").replace(b"\n", end)
    return lines if lines.endswith(end) else lines + end


def _lines(data: bytes) -> Iterator[Property]:
    held = b""
    for line in data.splitlines(True) if b"\r\r" not in data else [b"\r"]:
        if line[:1] in (b" ", b"\t") and held:
            held += line
            continue
        if held:
            yield _property(held)
        held = line
    if held:
        yield _property(held)


def _property(raw: bytes) -> Property:
    line = Property(raw)
    if line.logical and (not line.name or b":" not in line.logical):
        raise NotContentLines("a line without name or value")
    if b"ENCODING=QUOTED-PRINTABLE" in line.parameters.upper():
        raise NotContentLines("vCard 2.1 quoted-printable")
    return line
