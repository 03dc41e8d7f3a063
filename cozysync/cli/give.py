"""`cozysync give`: bringing a vault back to a server that has lost all of it."""

from typing import Annotated

import typer

from cozysync.cli.client import Client
from cozysync.sync.home import Home


def give(
    invite: Annotated[
        str | None,
        typer.Option("--invite", metavar="CODE", help="From `cozysync server invite`."),
    ] = None,
) -> None:
    """Give a server that has lost the vault everything that this device knows of it."""
    home = Home.locate()
    home.require_vault()
    client = Client(home)
    code = invite if invite is not None else typer.prompt("Invitation code")
    client.post("/v1/give", {"invitation": code}, wait_s=None)
    typer.echo("The server has the vault's log again. cozysync status tells how the rest goes.")
