"""`cozysync verify`: is everything that the server should hold really there, and whole?"""

import sys
from typing import Annotated, Any

import typer

from cozysync.cli.client import Client
from cozysync.cli.options import Json, print_json
from cozysync.cli.words import plain, size
from cozysync.sync.home import Home
from cozysync.vault.errors import ExitCode

_SHOWN = 40


def verify(
    quick: Annotated[
        bool, typer.Option("--quick", help="Only see that all packs are there, and open some.")
    ] = False,
    begin: Annotated[
        str | None, typer.Option("--from", help="Go on where an earlier run was stopped.")
    ] = None,
    json: Json = False,
) -> None:
    """Fetch, open and compare all that the server keeps for this vault.

    Every chunk of every version that history keeps. Whatever is missing is asked of all devices,
    and comes back from any that still holds it. Stop it at any time: nothing is to be undone.
    """
    home = Home.locate()
    home.require_vault()
    client = Client(home)
    chunks = amount = 0
    damaged: list[dict[str, Any]] = []
    after = begin
    try:
        while True:
            question = {"quick": True} if quick else {"after": after}
            found = client.post("/v1/verify", question, wait_s=None)
            chunks, amount = chunks + found["chunks"], amount + found["bytes"]
            damaged += found["damaged"]
            after = found["next"]
            if after is None:
                break
            _progress(chunks, found["of"], amount)
    except KeyboardInterrupt:
        place = f" --from {after}" if after is not None else ""
        print(f"\nStopped. To go on: cozysync verify{place}", file=sys.stderr)
        raise typer.Exit(ExitCode.FAILED) from None
    if json:
        print_json({"chunks": chunks, "bytes": amount, "damaged": damaged})
    else:
        _tell(chunks, amount, damaged)
    raise typer.Exit(ExitCode.ATTENTION if damaged else ExitCode.DONE)


def _progress(chunks: int, of: int, amount: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{chunks:,} of {of:,} chunks, {size(amount)}  ", end="", file=sys.stderr)


def _tell(chunks: int, amount: int, damaged: list[dict[str, Any]]) -> None:
    typer.echo(f"{chunks:,} chunks, {size(amount)}: fetched, opened and compared.")
    if not damaged:
        typer.echo("Everything that was looked at is there, and whole.")
        return
    typer.echo(f"{len(damaged)} contents are not:")
    for each in damaged[:_SHOWN]:
        when = "" if each["now"] else " (an older version)"
        typer.echo(f"  ! {plain(each['path'])}{when}: {each['reason']}")
    if len(damaged) > _SHOWN:
        typer.echo(f"  … and {len(damaged) - _SHOWN} more; --json has all.")
    typer.echo(
        "All devices are asked, and send again what they still hold in their folders or trash. "
        "Let them run, then verify once more."
    )
