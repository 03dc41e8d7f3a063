"""What a collection is called, its colour and so on: in files beside the items, as vdir has it."""

import json
from collections.abc import Mapping

from cozysync.gateway.items.homes import Sort

# Small files with text, which desktop programs read and write, too.
_PLAIN = {
    "D:displayname": "displayname",
    "ICAL:calendar-color": "color",
    "INF:addressbook-color": "color",
    "C:calendar-description": "description",
    "CR:addressbook-description": "description",
    "ICAL:calendar-order": "order",
}
_FOR_OTHERS = {"INF:addressbook-color", "CR:addressbook-description"}

REST = ".properties.json"
"""Everything else that phones set."""

FILES = (*dict.fromkeys(_PLAIN.values()), REST)

_COLOUR = len("#rrggbb")


def properties(sort: Sort, name: str, files: Mapping[str, str]) -> dict[str, str]:
    """The properties that files tell, by name; what does not read is not there."""
    told = {"D:displayname": name}
    try:
        rest = json.loads(files.get(REST, "{}"))
    except (ValueError, RecursionError):
        rest = {}
    if isinstance(rest, dict):
        told |= {key: each for key, each in rest.items() if isinstance(each, str)}
    for key, file in _of(sort).items():
        if files.get(file, "").strip():
            told[key] = files[file].strip()
    return told | {"tag": sort.tag}


def files(sort: Sort, props: Mapping[str, str]) -> dict[str, str]:
    """The files that tell these properties, by name; none for what nobody set."""
    plain = _of(sort)
    told = {plain[key]: each for key, each in props.items() if key in plain and each}
    if "color" in told:
        told["color"] = told["color"][:_COLOUR]  # vdir knows no transparency
    rest = {key: each for key, each in props.items() if key not in plain and key != "tag"}
    if rest:
        told[REST] = json.dumps(rest, ensure_ascii=False, indent=1, sort_keys=True)
    return {name: text.rstrip("\n") + "\n" for name, text in told.items()}


def _of(sort: Sort) -> dict[str, str]:
    contacts = sort is Sort.CONTACTS
    other = {"ICAL:calendar-color", "C:calendar-description", "ICAL:calendar-order"}
    left_out = other if contacts else _FOR_OTHERS
    return {key: file for key, file in _PLAIN.items() if key not in left_out}
