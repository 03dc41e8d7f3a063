"""`cozysync start`, `stop`, `restart` and `wait`."""

from typing import Annotated

import typer

from cozysync.cli.client import Client
from cozysync.cli.options import Json, print_json
from cozysync.cli.passphrase import PassphraseFd, passphrase_for
from cozysync.cli.spawn import start_daemon, stop_daemon
from cozysync.daemon.config import load
from cozysync.daemon.main import run_daemon
from cozysync.sync.home import Home
from cozysync.vault.errors import ExitCode


def start(
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay, and stop with Ctrl-C.")
    ] = False,
    passphrase_fd: PassphraseFd = None,
) -> None:
    """Start the daemon; returns when it is at work."""
    home = Home.locate()
    if foreground:
        passphrase = passphrase_for(home, passphrase_fd)
        run_daemon(home, load(home.config_file), passphrase)
    elif start_daemon(home, passphrase_fd):
        typer.echo("The daemon is at work.")
    else:
        typer.echo("The daemon is at work already.")


def stop() -> None:
    """Stop the daemon; files stay as they are."""
    stopped = stop_daemon(Home.locate())
    typer.echo("The daemon has stopped." if stopped else "The daemon was not running.")


def restart(passphrase_fd: PassphraseFd = None) -> None:
    """Stop the daemon, if it runs, and start it."""
    home = Home.locate()
    stop_daemon(home)
    start_daemon(home, passphrase_fd)
    typer.echo("The daemon is at work.")


def wait(
    timeout: Annotated[
        float | None, typer.Option("--timeout", min=0, help="Give up after so many seconds.")
    ] = None,
    json: Json = False,
) -> None:
    """Return when all that is here is on the server, and all that is there is in place here."""
    client = Client(Home.locate())
    answer = client.post("/v1/settle", {"timeout": timeout}, wait_s=None)
    if json:
        print_json(answer)
    if answer["in_sync"]:
        return
    server = client.get("/v1/status")["server"]
    if not json:
        for reason in answer["reasons"]:
            typer.echo(reason, err=True)
        if not server["reachable"]:
            typer.echo(f"The server {server['url']} cannot be reached.", err=True)
    raise typer.Exit(ExitCode.ATTENTION if server["reachable"] else ExitCode.UNREACHABLE)
