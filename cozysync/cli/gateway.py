"""`cozysync gateway`: whether phones are let in, and where."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cozysync.cli.client import Client
from cozysync.cli.options import Json, print_json
from cozysync.daemon.config import change
from cozysync.sync.home import Home
from cozysync.sync.trust import is_on_this_machine

app = typer.Typer(
    help="The door for phones: files, contacts and calendars.", invoke_without_command=True
)


@app.callback()
def gateway(context: typer.Context) -> None:
    """Let phones in with what they already have: files, contacts and calendars."""
    if context.invoked_subcommand is None:
        status()


@app.command()
def enable(
    listen: Annotated[
        str | None,
        typer.Option(
            "--listen",
            metavar="HOST:PORT",
            help="Where phones reach it; 0.0.0.0:7718 is every address of this machine. "
            "127.0.0.1:7718, if you never said, which is this machine alone.",
        ),
    ] = None,
    host: Annotated[
        list[str] | None,
        typer.Option(
            "--host", help="A name or address that phones call it by; may be given several times."
        ),
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option("--certificate", help="Your own certificate, with its chain, in PEM."),
    ] = None,
    key: Annotated[Path | None, typer.Option("--key", help="Its private key, in PEM.")] = None,
    json: Json = False,
) -> None:
    """Let phones in, now and after every start."""
    wanted: dict[str, Any] = {"enabled": True}
    if listen is not None:
        wanted["listen"] = listen
    if host:
        wanted["hosts"] = " ".join(host)
    if (certificate is None) != (key is None):
        raise typer.BadParameter("--certificate and --key go together")
    if certificate is not None and key is not None:
        wanted["certificate"] = str(certificate.expanduser().absolute())
        wanted["key"] = str(key.expanduser().absolute())
    _set(wanted, json)


@app.command()
def disable(json: Json = False) -> None:
    """Let no phone in any more; those that were added are known still."""
    _set({"enabled": False}, json)


@app.command()
def status(json: Json = False) -> None:
    """Say whether phones are let in, and where."""
    home = Home.locate()
    home.require_vault()
    found = Client(home).get("/v1/status")
    if json:
        print_json(found["gateway"])
        return
    for line in lines(found["gateway"]):
        typer.echo(line)


def lines(gateway: dict[str, Any]) -> list[str]:
    """The gateway in words."""
    if not gateway["enabled"]:
        return ["No phone is let in here. To change that: cozysync gateway enable"]
    if not gateway["listening"]:
        return ["Phones should be let in, but are not: cozysync status says why."]
    told = [f"Phones are let in at {gateway['url']}", f"    files: {gateway['url']}/dav/files/"]
    if is_on_this_machine(gateway["url"]):
        told.append("    this machine alone reaches that; for phones:")
        told.append("    cozysync gateway enable --listen 0.0.0.0:7718")
    if gateway["certificate"]:
        told.append(f"    certificate (SHA-256): {gateway['certificate']}")
    count = len(gateway["phones"])
    told.append(f"    {count} {'phone' if count == 1 else 'phones'} (cozysync phone list)")
    return told


def _set(wanted: dict[str, Any], json: bool) -> None:
    home = Home.locate()
    home.require_vault()
    client = Client(home)
    if not client.is_up():
        change(home.config_file, {f"gateway.{name}": value for name, value in wanted.items()})
        typer.echo("Written down; it counts from the next start on: cozysync start.", err=True)
        return
    found = client.post("/v1/gateway", wanted)
    if json:
        print_json(found)
        return
    for line in lines(found):
        typer.echo(line)
