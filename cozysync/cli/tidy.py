"""`cozysync tidy`: letting go now of what is let go of daily."""

import typer

from cozysync.cli.client import Client
from cozysync.cli.options import Json, print_json
from cozysync.sync.home import Home


def tidy(json: Json = False) -> None:
    """Let go of old versions, give up packs that nobody needs, and make a snapshot.

    All this happens by itself, too: old versions and packs daily, snapshots now and then. The
    server frees the room when every device has heard of it and its grace period is over.
    """
    home = Home.locate()
    home.require_vault()
    done = Client(home).post("/v1/tidy", {})
    if json:
        print_json(done)
        return
    typer.echo(f"{done['versions']} old versions let go of; {done['packs']} packs given up.")
    typer.echo("A snapshot was made." if done["snapshot"] else "The last snapshot still stands.")
