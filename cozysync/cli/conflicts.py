"""`cozysync conflicts`: what could not be brought together, and deciding about it."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cozysync.cli.client import Client
from cozysync.cli.compare import compare
from cozysync.cli.options import Json, print_json
from cozysync.cli.words import moment, plain, size
from cozysync.sync.home import Home
from cozysync.vault.errors import CozyError, ExitCode

app = typer.Typer(help="What was changed apart and waits for a decision.")

Id = Annotated[str, typer.Argument(help="The conflict's id, or how it begins.")]


class NotOne(CozyError):
    """An id that is nobody's, or several's."""

    exit_code = ExitCode.USAGE


_ID_SHOWN = 8
_OUTCOMES = {
    "merged": "merged by itself",
    "beside": "kept both, side by side",
    "inbox": "the other version is kept in the history",
    "renamed": "two had one name, this one was given another",
}


@app.callback(invoke_without_command=True)
def conflicts(context: typer.Context) -> None:
    """Show what waits for a decision, as `list` does."""
    if context.invoked_subcommand is None:
        list_conflicts()


@app.command("list")
def list_conflicts(
    all: Annotated[
        bool, typer.Option("--all", help="Also what was merged by itself, or decided.")
    ] = False,
    json: Json = False,
) -> None:
    """Show the conflicts that wait for a decision. Ends with 3 when there are any."""
    found = Client(Home.locate()).get("/v1/conflicts")["conflicts"]
    waiting = [each for each in found if each["state"] == "open"]
    shown = found if all else waiting
    if json:
        for each in shown:
            print_json(each)
    else:
        for each in shown:
            _tell(each)
        _sum_up(found, waiting, all)
    if waiting:
        raise typer.Exit(ExitCode.ATTENTION)


@app.command()
def show(id: Id, json: Json = False) -> None:
    """Show how the versions of one conflict differ."""
    client = Client(Home.locate())
    found = _find(client, id)
    if json:
        print_json(found)
        return
    _tell(found)
    console = Console()
    numbers = [version["number"] for version in found["versions"] if version["bytes"] is not None]
    pairs = [(number, numbers[-1]) for number in numbers[:-1]]
    if found["outcome"] == "merged" or found["edited"]:
        pairs = [(number, 0) for number in numbers]
    for old, new in pairs:
        typer.echo()
        _compare(console, client, found, old, new)


@app.command()
def resolve(
    id: Id,
    keep: Annotated[
        str | None,
        typer.Option("--keep", help="A version's number, or «current» for the file as it is."),
    ] = None,
    both: Annotated[bool, typer.Option("--both", help="Keep each as a file of its own.")] = False,
    edit: Annotated[
        bool, typer.Option("--edit", help="Open them in your editor, and keep what you made.")
    ] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take back the decision.")] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Even if an edit made since is replaced.")
    ] = False,
    json: Json = False,
) -> None:
    """Decide about a conflict; it is then decided on all devices. Asks when not told how."""
    client = Client(Home.locate())
    found = _find(client, id)
    if edit:
        found = _edited(client, found)
        keep = "current"
    choice = _choice(found, keep, both, undo)
    seen = {"choice": choice, "seen": found["seen"], "anyway": anyway}
    done = client.post(f"/v1/conflicts/{found['id']}", seen)
    if json:
        print_json(done)
    else:
        typer.echo(_word(done, choice))


def _choice(found: dict[str, Any], keep: str | None, both: bool, undo: bool) -> str:
    told = [word for word in ("both" if both else None, "undo" if undo else None, keep) if word]
    if len(told) > 1:
        raise typer.BadParameter("Say only one of --keep, --both, --edit and --undo.")
    if told:
        numbers = {str(version["number"]) for version in found["versions"]}
        if told[0] not in {"both", "undo", "current", *numbers}:
            raise typer.BadParameter(f"There is no version {told[0]}.")
        return told[0]
    if not sys.stdin.isatty():
        raise CozyError(
            "Nothing was decided: there is nobody to ask.",
            "Say --keep NUMBER, --keep current, --both, --edit or --undo.",
        )
    _tell(found)
    offered = ", ".join(str(version["number"]) for version in found["versions"])
    answer: str = typer.prompt(f"Which one to keep? {offered}, «both» or «current»")
    return _choice(found, answer.strip().strip("«»"), False, False)


def _edited(client: Client, found: dict[str, Any]) -> dict[str, Any]:
    """Let the person edit the file with the other versions beside it; the conflict thereafter."""
    path = Path(found["path"])
    if not path.exists():
        raise CozyError(f"{path} is not on this device.", "Decide on a device that has it.")
    others = [Path(each["copy"]) for each in found["versions"] if each["copy"] is not None]
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    done = subprocess.run([*shlex.split(editor), path, *others])
    if done.returncode != 0:
        raise CozyError(
            f"Nothing was decided: {editor} ended with {done.returncode}.",
            "Edit the file with another program, then say --keep current.",
        )
    client.post("/v1/settle", {"timeout": 60}, wait_s=None)
    return _find(client, found["id"])


# --- words -----------------------------------------------------------------------------------


def _find(client: Client, id: str) -> dict[str, Any]:
    everything = client.get("/v1/conflicts")["conflicts"]
    found = [each for each in everything if each["id"].startswith(id)]
    if len(found) != 1:
        how = "There is no conflict" if not found else "There are several conflicts"
        raise NotOne(f"{how} {id}.", "cozysync conflicts list --all shows them with their ids.")
    return found[0]  # type: ignore[no-any-return]


def _tell(found: dict[str, Any]) -> None:
    id = typer.style(found["id"][:_ID_SHOWN], fg="yellow")
    typer.echo(f"{id}  {plain(found['path'])}")
    state = {"open": "", "decided": ", decided", "closed": ", settled by hand"}
    note = _OUTCOMES[found["outcome"]] + state.get(found["state"], "")
    if found["edited"] and found["state"] == "open":
        note += "; the file was edited since"
    if found["name"]:
        note += f" (it was «{plain(found['name'])}»)"
    typer.echo(f"    {note}")
    for version in found["versions"]:
        amount = size(version["bytes"]) if version["bytes"] is not None else "not kept any more"
        where = "under its name" if version["current"] else ""
        if version["copy"] is not None:
            where = f"in «{plain(Path(version['copy']).name)}»"
        told = f"{version['number']}  {plain(version['device'])}, {moment(version['time'])}"
        typer.echo(f"    {told}, {amount}{', ' + where if where else ''}")


def _sum_up(found: list[dict[str, Any]], waiting: list[dict[str, Any]], all: bool) -> None:
    if waiting:
        first = waiting[0]["id"][:_ID_SHOWN]
        typer.echo(f"\nLook at one: cozysync conflicts show {first}")
        typer.echo(f"Decide:      cozysync conflicts resolve {first}")
    else:
        typer.echo("Nothing waits for you.")
    merged = sum(each["state"] == "merged" for each in found)
    if merged and not all:
        word = "file was merged by itself" if merged == 1 else "files were merged by themselves"
        typer.echo(f"{merged} {word}: cozysync conflicts list --all")


def _compare(console: Console, client: Client, found: dict[str, Any], old: int, new: int) -> None:
    titles = _title(found, old), _title(found, new)
    contents = [client.bytes(f"/v1/conflicts/{found['id']}/versions/{n}") for n in (old, new)]
    shown = compare(Path(found["path"]).name, contents[0], contents[1], titles)
    if shown is None:
        sizes = " and ".join(size(len(content)) for content in contents)
        console.print(f"{titles[0]} and {titles[1]} are no text; they have {sizes}.")
    else:
        console.print(shown, soft_wrap=True)


def _title(found: dict[str, Any], number: int) -> str:
    if number == 0:
        return "now"
    version = found["versions"][number - 1]
    return f"{number}: {plain(version['device'])}"


def _word(done: dict[str, Any], choice: str) -> str:
    path = plain(done["path"])
    again = f"To take it back: cozysync conflicts resolve {done['id'][:_ID_SHOWN]} --undo"
    if choice == "undo":
        return f"{path} is as it was before the decision."
    if choice == "both":
        return f"Both are kept, each as a file of its own. {again}"
    return f"{path} is settled. {again}"
