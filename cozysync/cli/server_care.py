"""`cozysync server verify`, `backup`, `restore` and `status`: for the person who runs a server."""

from pathlib import Path
from typing import Annotated

import typer

from cozysync.cli.options import Json, print_json
from cozysync.cli.words import moment, size
from cozysync.server.backup import Copied
from cozysync.server.backup import backup as make_backup
from cozysync.server.backup import restore as bring_back
from cozysync.server.overview import overview
from cozysync.server.verify import Report
from cozysync.server.verify import verify as look_through
from cozysync.sync.home import Home
from cozysync.vault.errors import ExitCode

Data = Annotated[
    Path | None, typer.Option("--data", help="Where the server keeps everything it has.")
]


def verify(
    data: Data = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Move damaged packs aside; devices send them again.")
    ] = False,
    json: Json = False,
) -> None:
    """Look through all that the server keeps: every signature, chain and pack."""
    report = look_through(_data(data), repair=repair)
    if json:
        print_json(report.to_json())
    else:
        _tell(report)
    raise typer.Exit(_code(report))


def backup(
    to: Annotated[Path, typer.Argument(help="A directory; the same one each time.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Copy all that the server keeps, while it runs; only what is new is copied."""
    copied = make_backup(_data(data), to)
    _tell_copied(copied, f"The backup {to} is whole", json=json)


def restore(
    source: Annotated[Path, typer.Argument(metavar="FROM", help="A backup.")],
    data: Data = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Even if there is one; it is set aside.")
    ] = False,
    json: Json = False,
) -> None:
    """Make the data directory what a backup holds; devices give back what came after."""
    copied = bring_back(_data(data), source, replace=replace)
    _tell_copied(copied, f"{source} is brought back", json=json)


def status(data: Data = None, json: Json = False) -> None:
    """Show the vaults of the server: entries, packs, bytes, last contact."""
    vaults = overview(_data(data))
    if json:
        print_json([each.to_json() for each in vaults])
        return
    for each in vaults:
        contact = moment(each.last_contact) if each.last_contact is not None else "never"
        typer.echo(
            f"{each.vault}  position {each.position}, {each.devices} devices, {each.entries:,} "
            f"entries ({size(each.entry_bytes)}), {each.packs:,} packs ({size(each.pack_bytes)}), "
            f"last contact {contact}"
        )
    if not vaults:
        typer.echo("No vault yet. Make an invitation for one: cozysync server invite")


def _data(given: Path | None) -> Path:
    return given or Home.locate().server_data


def _code(report: Report) -> ExitCode:
    return ExitCode.DONE if report.is_clean else ExitCode.ATTENTION


def _tell(report: Report) -> None:
    for each in report.findings:
        vault = f" of vault {each.vault}" if each.vault else ""
        typer.echo(f"! {each.kind}{vault}: {each.where}: {each.what}\n    {each.remedy}")
    typer.echo(
        f"{report.vaults:,} vaults, {report.entries:,} entries, {report.packs:,} packs "
        f"({size(report.bytes)}): " + ("all sound" if report.is_clean else "see above")
    )
    if report.given_up:
        typer.echo(f"{report.given_up:,} packs were lost once; the devices know of it.")


def _tell_copied(copied: Copied, done: str, *, json: bool) -> None:
    if json:
        print_json(
            {"packs": copied.packs, "bytes": copied.bytes, "report": copied.report.to_json()}
        )
    else:
        if copied.report.is_clean:
            typer.echo(f"{done}: {copied.packs:,} new packs, {size(copied.bytes)}.")
        _tell(copied.report)
    raise typer.Exit(_code(copied.report))
