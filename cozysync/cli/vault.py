"""`cozysync up`, `init`, `pair` and `join`: how a device comes to have a vault."""

import socket
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import trio
import typer

from cozysync.cli.client import Client
from cozysync.cli.folder import add_folder
from cozysync.cli.options import Device, Json, print_json
from cozysync.cli.phrase import Yes, show_phrase
from cozysync.cli.qr import qr
from cozysync.cli.server_tls import server_key, without_key
from cozysync.cli.spawn import start_daemon
from cozysync.daemon.config import Config, change, load
from cozysync.daemon.config_keys import Address, device_name, parse_address
from cozysync.daemon.embedded import EmbeddedServer
from cozysync.server import create_invitation
from cozysync.sync.enrol import InVaultAlready, check_server
from cozysync.sync.enrol import found as found_vault
from cozysync.sync.enrol import join as join_vault
from cozysync.sync.home import Home
from cozysync.sync.remote import Refused
from cozysync.sync.seams import real_seams
from cozysync.vault import RootKeys, new_phrase, parse_code, show_fingerprint
from cozysync_protocol import ErrorCode

DEFAULT_FOLDER = Path("~/CozySync")
_POLL_S = 30


def up(
    folder: Annotated[Path, typer.Argument(help="The directory to keep in sync.")] = DEFAULT_FOLDER,
    device: Device = None,
    listen: Annotated[
        str | None,
        typer.Option(
            "--listen",
            metavar="HOST:PORT",
            help="Where the embedded server listens: an address of this machine that your other "
            "devices reach. This machine only, if not given.",
        ),
    ] = None,
    yes: Yes = False,
) -> None:
    """Do everything a newcomer needs: a server here, a vault, a folder in sync, the daemon."""
    home = Home.locate()
    folder = folder.expanduser().absolute()
    folder.mkdir(parents=True, exist_ok=True)
    fresh = not home.has_vault
    if fresh:
        with home.lock():
            config = _embed(home, listen)
            trio.run(partial(_found_here, home, config, device or device_name(), asking=not yes))
    start_daemon(home)
    add_folder(home, folder, None)
    typer.echo(
        "\nSee how it goes:       cozysync status\n"
        "Add another device:    cozysync pair   (then follow what it says)"
    )


def init(
    server: Annotated[str, typer.Option("--server", metavar="URL", help="Your server.")],
    invite: Annotated[
        str | None,
        typer.Option("--invite", metavar="CODE", help="From `cozysync server invite`."),
    ] = None,
    device: Device = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Make a new vault on your server, with this device as its first."""
    home = Home.locate()
    if home.has_vault:
        raise InVaultAlready(home)
    typed = invite if invite is not None else typer.prompt("Invitation code")
    code, key = without_key(typed)
    with home.lock():
        config = change(home.config_file, {"server": server, "server_key": key})
        trio.run(check_server, config.engine.server or server, config.trust)
        phrase = new_phrase()
        # Before the vault is made: a kill in between loses nothing, whoever was told the phrase.
        if json:
            home.phrase_unchecked.touch()
            print_json({"vault": RootKeys.from_phrase(phrase).vault.hex(), "phrase": phrase})
        else:
            show_phrase(home, phrase, asking=not yes)
        _found(home, config, code, device or device_name(), phrase, asking=invite is None)
    if not json:
        typer.echo("Next: cozysync up FOLDER   (brings a directory into sync)")


def pair(json: Json = False) -> None:
    """Show a code for another device, and return when that device is in."""
    client = Client(Home.locate())
    began = client.post("/v1/pairings", {})
    place = f"/v1/pairings/{began['pairing']}"
    name = None
    try:
        if json:
            print_json({"code": began["code"]})
        else:
            _show_code(began["code"])
        while name is None:
            name = client.get(place, wait=_POLL_S)["device"]
    except KeyboardInterrupt:
        client.delete(place)
        typer.echo("\nThe code is withdrawn.", err=True)
        raise
    if json:
        print_json({"device": name})
    else:
        typer.echo(f"«{name}» is in.")


def join(
    code: Annotated[str, typer.Argument(help="The code that `cozysync pair` shows there.")],
    device: Device = None,
    json: Json = False,
) -> None:
    """Join the vault of the device that shows this code."""
    home = Home.locate()
    if home.has_vault:
        raise InVaultAlready(home)
    parsed = parse_code(code)

    def learn_server_key(key: bytes) -> None:
        shown = show_fingerprint(key) if key else ""
        change(home.config_file, {"server": parsed.server, "server_key": shown})

    with home.lock():
        name = device or device_name()
        devices = trio.run(join_vault, home, parsed, name, real_seams(), learn_server_key)
    if json:
        print_json({"server": parsed.server, "devices": devices})
        return
    typer.echo(f"This device is in; the vault has {devices} devices now.")
    typer.echo("Next: cozysync up FOLDER   (a directory of the same name on both is kept the same)")


# --- the server that `up` brings along


def _embed(home: Home, listen: str | None) -> Config:
    """Turn the embedded server on, at an address that is free."""
    try:
        address = parse_address(listen) if listen else load(home.config_file).embedded.listen
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--listen") from None
    if listen is None and not _is_free(address):
        address = Address(address.host, _free_port(address.host))
    return change(
        home.config_file,
        {
            "server": f"{'http' if address.is_loopback else 'https'}://{address}",
            "embedded_server.enabled": True,
            "embedded_server.listen": str(address),
        },
    )


async def _found_here(home: Home, config: Config, name: str, *, asking: bool) -> None:
    """A new vault on the embedded server, which runs just for this; then the daemon runs it."""
    home.prepare()
    server = EmbeddedServer(home, config.embedded.listen, tls=config.speaks_tls)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run)
        invitation = await trio.to_thread.run_sync(create_invitation, home.server_data)
        config = change(home.config_file, {"server_key": server_key(home.server_data)})
        phrase, url = new_phrase(), config.engine.server or ""
        show_phrase(home, phrase, asking=asking)
        await found_vault(home, url, config.trust, invitation, name, phrase, real_seams())
        nursery.cancel_scope.cancel()


def _found(home: Home, config: Config, code: str, name: str, phrase: str, *, asking: bool) -> None:
    """Make the vault; a code that was typed wrongly is asked for again, for the same phrase."""
    while True:
        url = config.engine.server or ""
        try:
            trio.run(found_vault, home, url, config.trust, code, name, phrase, real_seams())
        except Refused as error:
            if error.code is not ErrorCode.BAD_INVITATION or not asking:
                raise
            typer.echo(str(error), err=True)
            code, _ = without_key(typer.prompt("Invitation code"))
        else:
            return


def _is_free(address: Address) -> bool:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError:
            return False
    return True


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


# --- words for a person


def _show_code(code: str) -> None:
    typer.echo("On the other device, within ten minutes:\n")
    typer.echo(f"    cozysync join {code}\n")
    if sys.stdout.isatty():
        typer.echo(qr(code))
    if code.startswith(("127.", "localhost", "[::1]")):
        typer.echo(
            "The server listens on this machine only, so the code works here alone. For other"
        )
        typer.echo(
            "machines set embedded_server.listen and server in the configuration to an address"
        )
        typer.echo("of this machine that they reach, and run cozysync restart.\n")
    typer.echo("Waiting; Ctrl-C withdraws the code.")
