"""`cozysync server`: the self-hosted server."""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from cozysync.cli import server_care
from cozysync.cli.options import Json, print_json
from cozysync.cli.server_care import Data
from cozysync.cli.server_tls import server_key, tls_files, with_key
from cozysync.daemon.config_keys import DEFAULT_LISTEN, parse_address, parse_size
from cozysync.server import DAY_S, Keeping, create_invitation, serve
from cozysync.sync.home import Home
from cozysync.vault.errors import ExitCode
from cozysync_protocol import ACTIVE_DAYS, GRACE_DAYS

app = typer.Typer(help="The self-hosted server, which can read nothing.", no_args_is_help=True)
app.command()(server_care.verify)
app.command()(server_care.backup)
app.command()(server_care.restore)
app.command()(server_care.status)


@app.command()
def run(
    data: Data = None,
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Port 0 takes a free one.")
    ] = DEFAULT_LISTEN,
    grace_days: Annotated[
        float,
        typer.Option("--grace-days", min=0, help="Days before a pack goes that nobody needs."),
    ] = GRACE_DAYS,
    active_days: Annotated[
        float,
        typer.Option(
            "--active-days", min=0, help="Days after which an absent device holds up no clearing."
        ),
    ] = ACTIVE_DAYS,
    quota: Annotated[
        str,
        typer.Option("--quota", metavar="SIZE", help="What each vault may keep, such as 50GiB."),
    ] = "",
    tls: Annotated[
        bool | None,
        typer.Option(
            "--tls/--plain",
            help="Speak TLS, or not. TLS if not given, but for an address that only this machine "
            "reaches. --plain is for a server behind a proxy that speaks TLS itself.",
        ),
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option("--certificate", help="Your own certificate, with its chain, in PEM."),
    ] = None,
    key: Annotated[Path | None, typer.Option("--key", help="Its private key, in PEM.")] = None,
    until_input_ends: Annotated[bool, typer.Option("--until-input-ends", hidden=True)] = False,
) -> None:
    """Serve until stopped; prints one line when ready."""
    try:
        address = parse_address(listen)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--listen") from None
    try:
        most = parse_size(quota) if quota else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--quota") from None
    place = data or Home.locate().server_data
    files = tls_files(place, address, tls, certificate, key)
    if files is None and not address.is_loopback:
        typer.echo(
            "Speaking without TLS: only a proxy with TLS should reach this address.", err=True
        )
    if until_input_ends:
        threading.Thread(target=_end_with_input, daemon=True).start()
    serve(
        place,
        address.host,
        address.port,
        keeping=Keeping(grace_days * DAY_S, active_days * DAY_S),
        tls=files,
        ready=lambda url: print(f"cozysync server ready at {url}", flush=True),
        quota_bytes=most,
    )


@app.command()
def invite(data: Data = None, json: Json = False) -> None:
    """Print a code with which one vault can be made here, within seven days.

    It carries the server's key, so that nobody in between can pass for this server.
    """
    place = data or Home.locate().server_data
    code = with_key(create_invitation(place), server_key(place))
    if json:
        print_json({"invitation": code})
    else:
        typer.echo(code)


@app.command()
def key(data: Data = None, json: Json = False) -> None:
    """Print the key that devices know this server by, to compare it with what they show."""
    place = data or Home.locate().server_data
    found = server_key(place)
    if json:
        print_json({"key": found or None})
    elif found:
        typer.echo(found)
    else:
        typer.echo(
            "This server speaks without TLS, or with a certificate that an authority vouches for: "
            "it needs no key of its own.",
            err=True,
        )
    raise typer.Exit(ExitCode.DONE if found else ExitCode.FAILED)


def _end_with_input() -> None:
    """Stop when whoever started this server has ended, even by kill -9."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
