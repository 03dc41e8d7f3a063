"""The `cozysync` command: its parts, and the one place where errors become words and exit codes."""

import io
import sys
from typing import Annotated

import typer

import cozysync
from cozysync.cli import (
    alarm,
    approve,
    conflicts,
    daemon,
    devices,
    doctor,
    explain,
    folder,
    gateway,
    give,
    passphrase,
    past,
    phone,
    phrase,
    recover,
    rejoin,
    server,
    show,
    tidy,
    vault,
    verify,
)
from cozysync.daemon.supervise import plain_error
from cozysync.server import ServerError
from cozysync.vault.errors import CozyError, ExitCode

app = typer.Typer(
    name="cozysync",
    help="Your folders, encrypted on your devices and in sync through your own server.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(vault.up)
app.command()(vault.init)
app.command()(vault.pair)
app.command()(vault.join)
app.command()(recover.recover)
app.add_typer(devices.app, name="devices")
app.command()(devices.leave)
app.add_typer(passphrase.app, name="passphrase")
app.add_typer(phrase.app, name="phrase")
app.command()(give.give)
app.command()(rejoin.rejoin)
app.add_typer(folder.app, name="folder")
app.command()(daemon.start)
app.command()(daemon.stop)
app.command()(daemon.restart)
app.command()(show.status)
app.command()(daemon.wait)
app.command()(alarm.alarm)
app.command()(explain.explain)
app.command()(verify.verify)
app.command()(approve.approve)
app.command()(show.log)
app.command()(past.restore)
app.command()(past.undo)
app.command()(tidy.tidy)
app.add_typer(conflicts.app, name="conflicts")
app.command()(doctor.doctor)
app.add_typer(gateway.app, name="gateway")
app.add_typer(phone.app, name="phone")
app.add_typer(server.app, name="server")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cozysync {cozysync.__version__}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Hold the options that stand before any command."""


def main() -> None:
    """Run the command line; ends the process with one of the registered exit codes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="surrogateescape")  # a file's name need be no text
    try:
        app()
    except Exception as error:
        cause = plain_error(error)
        if isinstance(cause, CozyError):
            _tell(cause.message, cause.remedy, cause.exit_code)
        if isinstance(cause, ServerError):
            _tell(cause.message, cause.remedy)
        if isinstance(cause, OSError):
            what = f"{cause.filename}: {cause.strerror}" if cause.filename else str(cause)
            _tell(what, "Check that the place exists and that you may write there.")
        raise


def _tell(message: str, remedy: str, code: ExitCode = ExitCode.FAILED) -> None:
    print(f"cozysync: {message}\n{remedy}", file=sys.stderr)
    sys.exit(int(code))
