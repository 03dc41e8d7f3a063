"""`cozysync restore` and `cozysync undo`: bringing back what was."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from cozysync.cli.client import Client
from cozysync.cli.options import Json, print_json
from cozysync.cli.when import when
from cozysync.cli.words import plain
from cozysync.sync.home import Home
from cozysync.vault.errors import CozyError, ExitCode

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Only show what would be done.")]

_SHOWN_LINES = 40


def restore(
    path: Annotated[Path, typer.Argument(help="A file or directory, there or gone.")],
    at: Annotated[
        str | None,
        typer.Option("--at", help="As it was then: 14:00, yesterday, '2 days ago', 2026-03-05."),
    ] = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Bring back a file or directory as it was, or what was deleted there.

    Without --at: a file's version before the present one, or what was deleted there last. What was
    made since stays, and a restore can itself be taken back by another.
    """
    path = path.expanduser().absolute()
    fields: dict[str, Any] = {"path": str(path), "at": when(at) if at is not None else None}
    _show_then_do("/v1/restore", fields, yes=yes, dry_run=dry_run, json=json)


def undo(
    device: Annotated[str, typer.Option("--device", help="The device, by its name.")],
    since: Annotated[str, typer.Option("--since", help="When it began: 14:00, yesterday…")],
    yes: Yes = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Take back what one device did since a time, everywhere.

    What others have changed since then is left as it is, and named.
    """
    fields = {"device": device, "since": when(since)}
    _show_then_do("/v1/rewind", fields, yes=yes, dry_run=dry_run, json=json)


def _show_then_do(
    route: str, fields: dict[str, Any], *, yes: bool, dry_run: bool, json: bool
) -> None:
    client = Client(Home.locate())
    plan = client.post(route, fields, wait_s=None)
    deeds = [line for line in plan["lines"] if line["deed"] not in ("leave", "skip")]
    if not json:
        _tell(plan["lines"])
    if deeds and not dry_run:
        if not yes and not _is_wanted(len(deeds)):
            raise typer.Exit(ExitCode.ATTENTION)
        plan = client.post(route, fields | {"seen": plan["seen"]}, wait_s=None)
    if json:
        print_json(plan | {"done": bool(deeds) and not dry_run})
    elif not deeds:
        typer.echo("There is nothing to do: it is like that already.")
    elif not dry_run:
        typer.echo("Done.")


def _tell(lines: list[dict[str, str]]) -> None:
    for line in lines[:_SHOWN_LINES]:
        note = f"  ({plain(line['note'])})" if line["note"] else ""
        typer.echo(f"  {line['deed']:<10} {plain(line['path'])}{note}")
    if len(lines) > _SHOWN_LINES:
        typer.echo(f"  … and {len(lines) - _SHOWN_LINES:,} more (all of them: --json --dry-run)")


def _is_wanted(count: int) -> bool:
    if not sys.stdin.isatty():
        raise CozyError(
            "Nothing was done: there is nobody to ask.", "Say --yes to do it without asking."
        )
    what = "this" if count == 1 else f"these {count:,} things"
    return typer.confirm(f"Do {what}?", default=True)
