"""Options that several commands share, and the JSON they print."""

import json
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Device = Annotated[
    str | None, typer.Option("--device", help="What this device is called; its host name if not.")
]


def print_json(value: Any) -> None:
    """One line of JSON, written out at once: a script may be waiting for it."""
    print(json.dumps(value, ensure_ascii=False), flush=True)
