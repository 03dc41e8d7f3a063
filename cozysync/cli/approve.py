"""`cozysync approve`: deciding about deletions that were held."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from cozysync.cli.client import Client
from cozysync.cli.options import Json, print_json
from cozysync.cli.past import Yes
from cozysync.cli.words import plain
from cozysync.sync.home import Home
from cozysync.vault.errors import CozyError, ExitCode


def approve(
    path: Annotated[Path | None, typer.Argument(help="Only in the folder that holds this.")] = None,
    deny: Annotated[
        bool, typer.Option("--deny", help="Bring back from the vault what has vanished.")
    ] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Let deletions through that were held because a great deal vanished, or take them back.

    Shows what is held, then asks. Only what was shown is decided about. With --json it shows and
    decides nothing.
    """
    home = Home.locate()
    home.require_vault()
    client = Client(home)
    found = [each for each in client.get("/v1/held")["held"] if _concerns(each, path)]
    if json:
        print_json(found)
        raise typer.Exit(ExitCode.ATTENTION if found else ExitCode.DONE)
    if not found:
        typer.echo("Nothing is held.")
    for each in found:
        _decide(client, each, deny=deny, yes=yes)


def _decide(client: Client, each: dict[str, Any], *, deny: bool, yes: bool) -> None:
    typer.echo(f"{each['path']}: {each['reason']}.")
    for entry in each["entries"]:
        typer.echo(f"  {plain(entry)}")
    if len(each["entries"]) < each["count"]:
        typer.echo(f"  {each['count']:,} in all, with what they held")
    if each["earlier"]:
        typer.echo(
            f"  {each['earlier']:,} more were deleted in the minutes before; "
            f"cozysync restore '{each['path']}' --at TIME brings them back."
        )
    question = "Bring them back from the vault?" if deny else "Delete them on all devices?"
    if not yes and not sys.stdin.isatty():
        raise CozyError(
            "Nothing was done: there is nobody to ask.", "Say --yes to do it without asking."
        )
    if not yes and not typer.confirm(question):
        raise typer.Exit(ExitCode.ATTENTION)
    fields = {"path": each["path"], "seen": each["seen"], "deny": deny}
    client.post("/v1/held", fields, wait_s=None)
    typer.echo("They are being brought back." if deny else "They are deleted; history keeps them.")


def _concerns(each: dict[str, Any], path: Path | None) -> bool:
    return path is None or path.expanduser().resolve().is_relative_to(each["path"])
