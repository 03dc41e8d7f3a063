"""`cozysync phone`: the phones that the gateway lets in."""

import time
from typing import Annotated, Any

import typer

from cozysync.cli.client import Client
from cozysync.cli.options import Json, print_json
from cozysync.cli.qr import qr
from cozysync.cli.words import moment, plain
from cozysync.sync.home import Home

app = typer.Typer(help="The phones that may come in by the gateway.", invoke_without_command=True)

Name = Annotated[str, typer.Argument(help="What the phone logs in with, such as anna-phone.")]

_NOW_S = 60


@app.callback()
def phones(context: typer.Context) -> None:
    """List the phones that may come in, add one, or put one out."""
    if context.invoked_subcommand is None:
        list_phones()


@app.command()
def add(
    name: Name,
    folder: Annotated[
        list[str] | None,
        typer.Option("--folder", help="Only this folder of the vault; may be given several times."),
    ] = None,
    contacts: Annotated[
        bool, typer.Option("--contacts", help="Only contacts and calendars.")
    ] = False,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="It may read, and change nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Let a phone in. Its password is shown once, and kept nowhere."""
    if folder and contacts:
        raise typer.BadParameter("--folder and --contacts do not go together")
    home = Home.locate()
    home.require_vault()
    wanted = {"name": name, "folders": folder or None, "contacts": contacts, "read_only": read_only}
    made = Client(home).post("/v1/phones/add", wanted)
    if json:
        print_json(made)
        return
    typer.echo(qr(f"{made['url']}/\n{made['name']}\n{made['password']}"))
    typer.echo(
        f"address   {made['url']}/\nname      {made['name']}\npassword  {made['password']}\n"
    )
    typer.echo("Type these on the phone, or scan them. The password is not shown again.", err=True)


@app.command("list")
def list_phones(json: Json = False) -> None:
    """Show the phones that may come in, what each may see, and when it was last here."""
    home = Home.locate()
    home.require_vault()
    found = Client(home).get("/v1/status")["gateway"]["phones"]
    if json:
        for each in found:
            print_json(each)
        return
    widest = max((len(each["name"]) for each in found), default=0)
    for each in found:
        typer.echo(f"{each['name'].ljust(widest)}  {_rights(each)}, {seen(each)}")
    if not found:
        typer.echo("No phone may come in yet. Add one: cozysync phone add NAME", err=True)


@app.command()
def revoke(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Put a phone out: whatever it asks next is refused. What it has it keeps."""
    home = Home.locate()
    home.require_vault()
    if not yes:
        typer.confirm(f"Put the phone «{plain(name)}» out?", abort=True)
    Client(home).post("/v1/phones/revoke", {"name": name})
    typer.echo(f"The phone «{plain(name)}» is out.")


def _rights(phone: dict[str, Any]) -> str:
    what = "everything" if phone["folders"] is None else ", ".join(map(plain, phone["folders"]))
    return what + (" (reading only)" if phone["read_only"] else "")


def seen(phone: dict[str, Any]) -> str:
    """When a phone was last here, in words."""
    last = phone["last_seen"]
    if last is None:
        return "never here yet"
    return "here now" if time.time() - last < _NOW_S else f"last here {moment(last)}"
