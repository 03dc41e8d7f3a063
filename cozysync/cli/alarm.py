"""`cozysync alarm`: what the server did, and trying it again once that is mended."""

from typing import Annotated

import typer

from cozysync.cli.client import Client
from cozysync.cli.options import Json, print_json
from cozysync.cli.words import moment, plain
from cozysync.sync.home import Home
from cozysync.vault.errors import ExitCode


def alarm(
    try_again: Annotated[
        bool, typer.Option("--try-again", help="End the alarm and go on with this server.")
    ] = False,
    json: Json = False,
) -> None:
    """Tell of the alarm that stands, if any: a server that does not do what it must."""
    home = Home.locate()
    home.require_vault()
    client = Client(home)
    if try_again:
        client.post("/v1/alarm/try-again", {})
        typer.echo("The server is tried again; cozysync status tells how it goes.")
        return
    status = client.get("/v1/status")
    standing = status["alarm"]
    if json:
        print_json(standing)
    elif standing is None:
        typer.echo("No alarm stands.")
    else:
        typer.echo(f"{standing['kind']}, since {moment(standing['since'])}")
        for each in status["attention"]:
            typer.echo(f"{plain(each['reason'])}\n    {each['remedy']}")
    raise typer.Exit(ExitCode.DONE if standing is None else ExitCode.ATTENTION)
