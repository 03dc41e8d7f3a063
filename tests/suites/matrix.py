"""The matrix of conflicts, row by row, for every level of testing.

Each row: what both have (`BASE`), what A does, what B does not having seen it, and what
everybody shows afterwards. The deeds are told to anything that can `write`, `mkdir`, `move`,
`delete` and `swap` paths.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

# Longer than what travels inside an entry: the merge has to be fetched for.
TEXT = "".join(f"{'.' * 60} line {n}\n" for n in range(1, 26))
CARD = "BEGIN:VCARD\nVERSION:4.0\nFN:Ann\nTEL:1\nEMAIL:ann@example.org\nEND:VCARD\n"
EVENT = (
    "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VEVENT\nUID:1\nDTSTAMP:20240101T000000Z\n"
    "DTSTART:20240305T140000Z\nATTENDEE:mailto:ann@example.org\nEND:VEVENT\nEND:VCALENDAR\n"
)
BASE = {
    "d/a": "1", "d/b": "2", "e/x": "3", "f": "4", "g": "5",
    "t.txt": TEXT, "c.vcf": CARD, "m.ics": EVENT,
}  # fmt: skip

Deed = Callable[[Any], object]


class Row(NamedTuple):
    """`holds` looks at what is shown (path → text) and says whether it is right."""

    name: str
    a: Deed
    b: Deed
    holds: Callable[[dict[str, str]], bool]


def exactly(expected):
    return lambda shown: shown == expected


def once(*texts):
    """Every one of these contents is shown exactly once."""
    return lambda shown: all(list(shown.values()).count(text) == 1 for text in texts)


def gone(*paths):
    return {path: text for path, text in BASE.items() if path not in paths}


ROWS = [
    Row(
        "the same edit on both sides is one file",
        lambda a: a.write("f", "new"),
        lambda b: b.write("f", "new"),
        exactly({**BASE, "f": "new"}),
    ),
    Row(
        "an edit follows a renamed file",
        lambda a: a.write("f", "new"),
        lambda b: b.move("f", "d/h"),
        exactly({**gone("f"), "d/h": "new"}),
    ),
    Row(
        "an edit follows a renamed directory",
        lambda a: a.write("d/a", "new"),
        lambda b: b.move("d", "z"),
        exactly({**gone("d/a", "d/b"), "z/a": "new", "z/b": "2"}),
    ),
    Row(
        "an edit outlives a delete",
        lambda a: a.write("f", "new"),
        lambda b: b.delete("f"),
        exactly({**BASE, "f": "new"}),
    ),
    Row(
        "an edit inside a deleted directory keeps just that file",
        lambda a: a.write("d/a", "new"),
        lambda b: b.delete("d"),
        exactly({**gone("d/b"), "d/a": "new"}),
    ),
    Row(
        "a file deleted in a directory that is renamed stays deleted",
        lambda a: a.delete("d/a"),
        lambda b: b.move("d", "z"),
        exactly({**gone("d/a", "d/b"), "z/b": "2"}),
    ),
    Row(
        "a renamed file outlives a delete",
        lambda a: a.move("f", "h"),
        lambda b: b.delete("f"),
        exactly({**gone("f"), "h": "4"}),
    ),
    Row(
        "a renamed directory outlives a delete whole",
        lambda a: a.move("d", "z"),
        lambda b: b.delete("d"),
        exactly({**gone("d/a", "d/b"), "z/a": "1", "z/b": "2"}),
    ),
    Row(
        "a file moved out of a deleted directory lives and the rest is gone",
        lambda a: a.move("d/a", "e/a"),
        lambda b: b.delete("d"),
        exactly({**gone("d/a", "d/b"), "e/a": "1"}),
    ),
    Row(
        "a file moved into a deleted directory keeps just that file",
        lambda a: a.move("f", "d/f"),
        lambda b: b.delete("d"),
        exactly({**gone("d/a", "d/b", "f"), "d/f": "4"}),
    ),
    Row(
        "a file created in a deleted directory keeps just that file",
        lambda a: a.write("d/n", "new"),
        lambda b: b.delete("d"),
        exactly({**gone("d/a", "d/b"), "d/n": "new"}),
    ),
    Row(
        "the same file created on both sides is one file",
        lambda a: a.write("n", "new"),
        lambda b: b.write("n", "new"),
        exactly({**BASE, "n": "new"}),
    ),
    Row(
        "directories of one name created on both sides are one directory",
        lambda a: (a.mkdir("n"), a.write("n/a", "1")),
        lambda b: (b.mkdir("n"), b.write("n/b", "2")),
        exactly({**BASE, "n/a": "1", "n/b": "2"}),
    ),
    Row(
        "a directory moved to a name where another is created is one with it",
        lambda a: a.move("d", "n"),
        lambda b: (b.mkdir("n"), b.write("n/c", "9")),
        exactly({**gone("d/a", "d/b"), "n/a": "1", "n/b": "2", "n/c": "9"}),
    ),
    Row(
        "an edit follows its file through a swap",
        lambda a: a.swap("f", "g"),
        lambda b: b.write("f", "new"),
        exactly({**BASE, "g": "new", "f": "5"}),
    ),
    Row(
        "a change of case keeps the edit",
        lambda a: a.move("f", "F"),
        lambda b: b.write("f", "new"),
        exactly({**gone("f"), "F": "new"}),
    ),
    Row(
        "edits in different lines of a text are one text",
        lambda a: a.write("t.txt", TEXT.replace("line 2\n", "TWO\n")),
        lambda b: b.write("t.txt", TEXT.replace("line 21\n", "TWENTY-ONE\n")),
        exactly(
            {
                **BASE,
                "t.txt": TEXT.replace("line 2\n", "TWO\n").replace("line 21\n", "TWENTY-ONE\n"),
            }
        ),
    ),
    Row(
        "a phone number and an e-mail address changed are one contact",
        lambda a: a.write("c.vcf", CARD.replace("TEL:1", "TEL:2")),
        lambda b: b.write("c.vcf", CARD.replace("ann@", "anna@")),
        exactly({**BASE, "c.vcf": CARD.replace("TEL:1", "TEL:2").replace("ann@", "anna@")}),
    ),
    Row(
        "a moved event and an attendee added are one event",
        lambda a: a.write("m.ics", EVENT.replace("T14", "T15")),
        lambda b: b.write("m.ics", EVENT.replace("END:VE", "ATTENDEE:mailto:b@b.org\nEND:VE")),
        exactly(
            {
                **BASE,
                "m.ics": EVENT.replace("T14", "T15").replace(
                    "END:VE", "ATTENDEE:mailto:b@b.org\nEND:VE"
                ),
            }
        ),
    ),
    Row(
        "mergeable files of one name created on both sides are one file",
        lambda a: a.write("n.json", '{"a": 1}'),
        lambda b: b.write("n.json", '{"b": 2}'),
        lambda shown: json.loads(shown["n.json"]) == {"a": 1, "b": 2} and len(shown) == 9,
    ),
    Row(
        "of two different edits both are kept",
        lambda a: a.write("f", "A"),
        lambda b: b.write("f", "B"),
        once("A", "B"),
    ),
    Row(
        "of two different files of one name both are kept",
        lambda a: a.write("n", "A"),
        lambda b: b.write("n", "B"),
        once("A", "B"),
    ),
    Row(
        "of two files moved to one name both are kept",
        lambda a: a.move("f", "n"),
        lambda b: b.move("g", "n"),
        once("4", "5"),
    ),
    Row(
        "of a file and a directory of one name both are kept",
        lambda a: a.write("n", "A"),
        lambda b: (b.mkdir("n"), b.write("n/x", "B")),
        once("A", "B"),
    ),
    Row(
        "a delete and recreate against an edit of the old keeps both",
        lambda a: (a.delete("f"), a.write("f", "A")),
        lambda b: b.write("f", "B"),
        once("A", "B"),
    ),
    Row(
        "one file renamed twice has one name and its content once",
        lambda a: a.move("f", "p"),
        lambda b: b.move("f", "q"),
        lambda shown: once("4")(shown) and ("p" in shown) != ("q" in shown),
    ),
    Row(
        "of two moves into each other one holds and nothing is lost",
        lambda a: a.move("d", "e/d"),
        lambda b: b.move("e", "d/e"),
        lambda shown: sorted(shown.values()) == sorted(BASE.values()),
    ),
]
