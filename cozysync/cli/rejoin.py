"""`cozysync rejoin`: the way out when the server has another history than this device."""

from typing import Annotated

import typer

from cozysync.cli.client import Client
from cozysync.cli.options import Json, print_json
from cozysync.cli.spawn import start_daemon, stop_daemon
from cozysync.sync.anew import rejoin as take_up
from cozysync.sync.home import Home

_WHAT = """\
This device will take up the server's history as it is now. Your folders stay as they are, and
are compared with it: what is only here, or was edited here, is sent as new. What was deleted
or renamed here, and the server does not know of, comes back under its old name. What this
device knew is set aside, not deleted; also how far the log went when it came in, so that an
older log is believed.
If the server was not restored from a backup, do not do this: it may be lying to you."""


def rejoin(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False, json: Json = False
) -> None:
    """Let this device take up the server's history, whatever it knew before."""
    home = Home.locate()
    home.require_vault()
    if not yes:
        typer.echo(_WHAT, err=True)
        typer.confirm("Go on?", abort=True, err=True)
    was_up = Client(home).is_up()
    stop_daemon(home)
    with home.lock():
        aside = take_up(home)
    if was_up:
        start_daemon(home)
    if json:
        print_json({"set_aside": str(aside), "started": was_up})
        return
    typer.echo(f"What this device knew is in {aside}.")
    if not was_up:
        typer.echo("Next: cozysync start")
