"""`cozysync doctor`: what is wrong with this device, and how to mend it."""

from typing import Annotated, Any

import typer

from cozysync.cli.client import Client, DaemonError, NotRunning
from cozysync.cli.options import Json, print_json
from cozysync.cli.words import plain
from cozysync.daemon.checkup import Grade, check_up
from cozysync.sync.home import Home
from cozysync.vault.errors import ExitCode

_MARKS = {Grade.FINE: " ", Grade.ADVICE: "?", Grade.WRONG: "!"}


def doctor(
    all: Annotated[bool, typer.Option("--all", help="Also what is as it should be.")] = False,
    json: Json = False,
) -> None:
    """Look this device over, and say what is wrong and how to mend it. Changes nothing."""
    home = Home.locate()
    findings = list(check_up(home, _status(home)))
    for each in findings:
        if json:
            print_json(each.to_json())
        elif all or each.grade is not Grade.FINE:
            typer.echo(f"{_MARKS[each.grade]} {each.check}: {plain(each.what)}")
            if each.remedy:
                typer.echo(f"      {each.remedy}")
    wrong = sum(each.grade is Grade.WRONG for each in findings)
    advice = sum(each.grade is Grade.ADVICE for each in findings)
    if not json:
        checks = len({each.check for each in findings})
        typer.echo(f"{checks} things looked at: {wrong} wrong, {advice} to think about.")
    raise typer.Exit(ExitCode.ATTENTION if wrong else ExitCode.DONE)


def _status(home: Home) -> Any:
    try:
        return Client(home).get("/v1/status")
    except (NotRunning, DaemonError):
        return None
