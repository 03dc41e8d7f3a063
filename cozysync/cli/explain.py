"""`cozysync explain`: why something is not in sync."""

import os
from pathlib import Path
from typing import Annotated

import typer

from cozysync.cli.client import Client
from cozysync.cli.options import Json, print_json
from cozysync.cli.words import plain
from cozysync.sync.home import Home
from cozysync.vault.errors import ExitCode


def explain(
    path: Annotated[Path, typer.Argument(help="A file or directory, there or gone.")],
    json: Json = False,
) -> None:
    """Say whether a file or directory is in sync, and if not, why, and what to do."""
    home = Home.locate()
    home.require_vault()
    # A link is explained itself, wherever it leads; what it lies in is where it really is.
    absolute = Path(os.path.abspath(path.expanduser()))
    absolute = absolute.parent.resolve() / absolute.name
    found = Client(home).get("/v1/explain", path=str(absolute))
    if json:
        print_json(found)
    else:
        typer.echo(f"{plain(found['path'])}: {found['state'].replace('_', ' ')}")
        typer.echo(f"  {plain(found['reason'])}")
        if found["remedy"]:
            typer.echo(f"  {plain(found['remedy'])}")
    raise typer.Exit(ExitCode.DONE if found["state"] == "in_sync" else ExitCode.ATTENTION)
