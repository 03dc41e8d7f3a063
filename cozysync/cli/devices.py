"""`cozysync devices`: who is in the vault; and `cozysync leave`."""

from typing import Annotated, Any

import typer

from cozysync.cli.client import Client
from cozysync.cli.options import Json, print_json
from cozysync.cli.phrase import require_phrase
from cozysync.cli.words import moment, plain
from cozysync.sync.home import Home
from cozysync.sync.leave import leave_vault
from cozysync.vault.errors import ExitCode

app = typer.Typer(help="The devices of your vault.", invoke_without_command=True)

Which = Annotated[str, typer.Argument(help="The device's name, or the beginning of its id.")]
_ID_SHOWN = 12


@app.callback()
def devices(context: typer.Context) -> None:
    """List the devices of your vault, rename them, or put one out."""
    if context.invoked_subcommand is None:
        list_devices()


@app.command("list")
def list_devices(
    all: Annotated[bool, typer.Option("--all", help="Those that were revoked, too.")] = False,
    json: Json = False,
) -> None:
    """Show who is in, and when each last wrote something."""
    home = Home.locate()
    home.require_vault()
    found = Client(home).get("/v1/status")["devices"]
    shown = [each for each in found if all or not each["revoked"]]
    if json:
        for each in shown:
            print_json(each)
        return
    widest = max((len(plain(each["name"])) for each in shown), default=0)
    for each in shown:
        name = plain(each["name"]).ljust(widest)
        typer.echo(f"{each['id'][:_ID_SHOWN]}  {name}  {_about(each)}")


@app.command()
def rename(
    device: Which, name: Annotated[str, typer.Argument(help="What it is called from now on.")]
) -> None:
    """Call a device otherwise, for everybody."""
    done = Client(Home.locate()).post("/v1/devices/rename", {"device": device, "name": name})
    _tell(done, f"«{plain(done['device'])}» is called «{plain(name)}» now.")


@app.command()
def revoke(
    device: Which,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Put a device out of the vault: it can write nothing more, and read nothing that is new.

    What it has it keeps. For the last device the recovery phrase is asked for.
    """
    home = Home.locate()
    client = Client(home)
    enrolled = [each for each in client.get("/v1/status")["devices"] if not each["revoked"]]
    last = len(enrolled) == 1 and _is(enrolled[0], device)
    if last:
        typer.echo(
            "This is the last device: afterwards only the recovery phrase leads in.", err=True
        )
        require_phrase(home)
    if not yes and not json:
        typer.confirm(f"Put «{plain(device)}» out of the vault?", abort=True)
    done = client.post("/v1/devices/revoke", {"device": device, "last": last})
    if json:
        print_json(done)
        raise typer.Exit(ExitCode.DONE if done["confirmed"] else ExitCode.UNREACHABLE)
    _tell(done, f"«{plain(done['device'])}» is out; what is written from now on it cannot read.")


def leave(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Make this device forget its vault; all files stay where they are.

    Its keys and its database are put aside in the home, under `left`. Revoke the device first if
    it should be able to read nothing more.
    """
    home = Home.locate()
    home.require_vault()
    if not yes:
        typer.confirm("Make this device forget its vault? Its files stay.", abort=True)
    with home.lock():
        place = leave_vault(home)
    typer.echo(f"This device is in no vault now. Its old keys and database are in {place}.")


def _about(device: dict[str, Any]) -> str:
    if device["revoked"]:
        return "revoked"
    last = device["last_written"]
    wrote = f"last wrote {moment(last)}" if last is not None else "no write of it is known here"
    return f"{wrote}, position {device['position']}" + (" (this device)" if device["this"] else "")


def _is(device: dict[str, Any], wanted: str) -> bool:
    return bool(device["name"] == wanted or device["id"].startswith(wanted.lower()))


def _tell(done: dict[str, Any], what: str) -> None:
    if done["confirmed"]:
        typer.echo(what)
        return
    typer.echo(
        f"Written down for «{plain(done['device'])}», but the server does not have it yet.\n"
        "It is sent as soon as the server is reached: cozysync status.",
        err=True,
    )
    raise typer.Exit(ExitCode.UNREACHABLE)
