"""`cozysync folder`: which directories of this device are in sync.

The running daemon does it when there is one; otherwise the same rules are applied to its database.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from cozysync.cli.client import Client
from cozysync.cli.options import Json, print_json
from cozysync.replica import Folders, FolderState
from cozysync.sync.anew import open_or_renew
from cozysync.sync.bindings import bind, set_state, unbind
from cozysync.sync.bindings_file import keep_bindings
from cozysync.sync.home import Home
from cozysync_conflict import Policy

T = TypeVar("T")

app = typer.Typer(help="The directories that are in sync on this device.", no_args_is_help=True)

Directory = Annotated[Path, typer.Argument(help="The directory.")]
Bound = Annotated[Path, typer.Argument(help="The directory, or its name in the vault.")]


@app.command()
def add(
    path: Directory,
    name: Annotated[
        str | None, typer.Option("--as", help="Its name in the vault; that of PATH if not.")
    ] = None,
) -> None:
    """Keep a directory in sync with the vault's folder of that name, made if there is none."""
    add_folder(Home.locate(), path, name)


@app.command("list")
def list_folders(json: Json = False) -> None:
    """Show the directories that are in sync here."""
    home = Home.locate()
    client = Client(home)
    rows = client.get("/v1/status")["folders"] if client.is_up() else _stored(home, _rows)
    if json:
        print_json([{key: row[key] for key in ("path", "name", "state")} for row in rows])
        return
    for row in rows:
        typer.echo(f"{row['path']}  as {row['name']}  {row['state'].replace('_', ' ')}")
    if not rows:
        typer.echo("No folder is in sync on this device. Add one: cozysync folder add PATH")


@app.command()
def remove(path: Bound) -> None:
    """Take a directory out of sync; its files stay, here and elsewhere."""
    _change("remove", path, unbind)
    typer.echo(f"{path} is not in sync any more. Its files stay.")


@app.command()
def pause(path: Bound) -> None:
    """Leave a directory alone until it is resumed."""
    _change("pause", path, partial(_set, FolderState.PAUSED))
    typer.echo(f"{path} is paused.")


@app.command()
def resume(path: Bound) -> None:
    """Take up a paused directory."""
    _change("resume", path, partial(_set, FolderState.ACTIVE))
    typer.echo(f"{path} is in sync again.")


@app.command()
def conflicts(
    path: Directory,
    keep: Annotated[Policy, typer.Argument(help="Where versions go that cannot be merged.")],
) -> None:
    """Choose, for all devices, whether conflict copies are made beside the file (copies), or other
    versions are kept in the history only and listed by `cozysync conflicts` (inbox).
    """
    path = path.expanduser().absolute()
    Client(Home.locate()).post("/v1/folders/conflicts", {"path": str(path), "policy": str(keep)})
    what = "stand beside the file" if keep is Policy.COPIES else "are kept in the inbox only"
    typer.echo(f"From now on, versions that cannot be merged {what}, on all devices.")


def add_folder(home: Home, path: Path, name: str | None) -> None:
    """Bind a directory, made when only it is missing, through the daemon when it runs."""
    home.require_vault()
    path = path.expanduser().absolute()
    if path.parent.is_dir():  # a missing parent is more likely a slip, or a disk not mounted
        path.mkdir(exist_ok=True)
    name = name if name is not None else path.resolve().name
    client = Client(home)
    if client.is_up():
        client.post("/v1/folders/add", {"path": str(path), "name": name}, wait_s=None)
        typer.echo(f"{path} is being brought into sync as «{name}».")
    else:
        _stored(home, lambda folders: bind(folders, home, path, name))
        typer.echo(f"{path} will be in sync as «{name}» once the daemon runs: cozysync start")


def _change(deed: str, path: Path, apart: Callable[[Folders, Path], object]) -> None:
    home = Home.locate()
    home.require_vault()
    if len(path.parts) > 1 or path.exists():
        path = path.expanduser().absolute()
    client = Client(home)
    if client.is_up():
        client.post(f"/v1/folders/{deed}", {"path": str(path)})
    else:
        _stored(home, lambda folders: apart(folders, path))


def _stored(home: Home, work: Callable[[Folders], T]) -> T:
    """Do it to the database of a daemon that is not running; raises `HomeInUse` if it is."""
    home.require_vault()
    with home.lock():
        replica = open_or_renew(home)
        try:
            with replica.database.transaction():
                result = work(replica.folders)
            keep_bindings(home, replica)
            return result
        finally:
            replica.close()


def _rows(folders: Folders) -> list[dict[str, Any]]:
    return [
        {"path": str(row.path), "name": row.name, "state": str(row.state)} for row in folders.list()
    ]


def _set(state: FolderState, folders: Folders, path: Path) -> object:
    return set_state(folders, path, state)
