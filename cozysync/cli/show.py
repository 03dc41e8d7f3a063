"""`cozysync status` and `cozysync log`: what a person sees."""

import time
from pathlib import Path
from typing import Annotated, Any

import click
import typer

from cozysync.cli.client import Client
from cozysync.cli.options import Json, print_json
from cozysync.cli.phone import seen
from cozysync.cli.words import moment, plain, size
from cozysync.sync.home import Home
from cozysync.vault.errors import ExitCode

_WATCH_S = 1.0
_COLOURS = {"in_sync": "green", "syncing": "cyan", "paused": "yellow"}
_WORDS = {
    "in_sync": "in sync",
    "syncing": "syncing",
    "paused": "paused",
    "offline": "offline: the server cannot be reached",
    "attention": "needs you",
}


def status(
    path: Annotated[Path | None, typer.Argument(help="Only what is at or below this.")] = None,
    json: Json = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show it anew every second.")] = False,
) -> None:
    """Say what is in sync, what is moving, and what is stuck and why."""
    home = Home.locate()
    home.require_vault()
    client = Client(home)
    while True:
        found = _below(client.get("/v1/status"), path)
        if json:
            print_json(found)
        else:
            if watch:
                click.clear()
            for line in _lines(found):
                typer.echo(line)
        if not watch:
            raise typer.Exit(_code(found["state"]))
        time.sleep(_WATCH_S)


def log(
    path: Annotated[Path | None, typer.Argument(help="Only what is at or below this.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="So many.")] = 50,
    json: Json = False,
) -> None:
    """Show what was done to the files, by whom and when, newest first."""
    question: dict[str, str | int] = {"limit": limit}
    if path is not None:
        question["path"] = str(path.expanduser().absolute())
    lines = Client(Home.locate()).get("/v1/log", **question)["lines"]
    if json:
        print_json(lines)
        return
    widest = max((len(line["device"]) for line in lines), default=0)
    for line in lines:
        when, who = moment(line["time"], "%Y-%m-%d %H:%M:%S"), line["device"].ljust(widest)
        typer.echo(f"{when}  {who}  {line['action']:<8} {plain(line['path'])}")


def _code(state: str) -> ExitCode:
    if state == "offline":
        return ExitCode.UNREACHABLE
    return ExitCode.DONE if state == "in_sync" else ExitCode.ATTENTION


def _below(status: dict[str, Any], path: Path | None) -> dict[str, Any]:
    """The status of the folder that holds a path, or of all."""
    if path is None:
        return status
    path = path.expanduser().absolute()
    folders = [each for each in status["folders"] if path.is_relative_to(each["path"])]
    if not folders:
        raise typer.BadParameter(f"{path} is in no folder that is in sync here")
    folder = folders[0]
    # What the server did concerns every folder: no question about a single one hides it.
    state = "attention" if status.get("alarm") else folder["state"]
    blocked = [each for each in folder["blocked"] if Path(each["path"]).is_relative_to(path)]
    return status | {"folders": [folder | {"blocked": blocked}], "state": state}


def _lines(status: dict[str, Any]) -> list[str]:
    server = status["server"]
    lines = [
        f"{status['device']}: {_state(status['state'])}",
        f"server {server['url']}, position {server['position']}{_contact(server)}",
    ]
    if status["conflicts"]:
        count = status["conflicts"]
        word = "conflict waits" if count == 1 else "conflicts wait"
        lines.append(f"{count} {word} for you: cozysync conflicts")
    for each in status["attention"]:
        lines += _trouble(each)
    for folder in status["folders"]:
        lines += ["", *_folder(folder)]
    if not status["folders"]:
        lines += ["", "No folder is in sync on this device. Add one: cozysync folder add PATH"]
    others = [plain(each["name"]) for each in _others(status)]
    lines += ["", "other devices: " + (", ".join(others) or "none yet (cozysync pair)")]
    if status["gateway"]["enabled"]:
        phones = [f"{plain(each['name'])} ({seen(each)})" for each in status["gateway"]["phones"]]
        lines.append("phones: " + (", ".join(phones) or "none yet (cozysync phone add NAME)"))
    return lines


def _others(status: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in status["devices"] if not each["this"] and not each["revoked"]]


def _folder(folder: dict[str, Any]) -> list[str]:
    state = _state(folder["state"])
    lines = [f"{plain(folder['path'])} ({plain(folder['name'])}): {state}"]
    lines.append(f"    {folder['files']:,} files, {size(folder['bytes'])}")
    if folder["watching"].startswith("polling"):
        lines.append(f"    {plain(folder['watching'])}")
    for key, word in (("to_send", "to send"), ("to_receive", "to receive")):
        amount = folder[key]
        if amount["files"]:
            much = f", {size(amount['bytes'])}" if amount["bytes"] else ""
            lines.append(f"    {amount['files']:,} {word}{much}")
    for each in folder["blocked"]:
        lines += _trouble(each)
    return lines


def _trouble(blocked: dict[str, str]) -> list[str]:
    where = f"{plain(blocked['path'])}: " if blocked["path"] else ""
    return [f"  ! {where}{blocked['reason']}", f"    {blocked['remedy']}"]


def _state(state: str) -> str:
    return typer.style(_WORDS.get(state, state), fg=_COLOURS.get(state, "red"))


def _contact(server: dict[str, Any]) -> str:
    if server["reachable"]:
        return ""
    trouble = f"\n    {server['trouble']}" if server.get("trouble") else ""
    if server["last_contact"] is None:
        return f", not reached yet{trouble}"
    return f", last reached {moment(server['last_contact'])}{trouble}"
