"""`cozysync recover`: a device from the recovery phrase alone."""

import sys
from typing import Annotated

import trio
import typer

from cozysync.cli.options import Device, Json, print_json
from cozysync.cli.phrase import read_phrase
from cozysync.daemon.config import change, load
from cozysync.daemon.config_keys import device_name
from cozysync.sync.enrol import InVaultAlready
from cozysync.sync.home import Home
from cozysync.sync.http_remote import HttpRemote
from cozysync.sync.recover import Recovered, recover_vault
from cozysync.sync.seams import real_seams
from cozysync.vault import RootKeys
from cozysync_protocol import ROOT_DEVICE


def recover(
    server: Annotated[
        str | None, typer.Option("--server", metavar="URL", help="Where the vault is kept.")
    ] = None,
    device: Device = None,
    json: Json = False,
) -> None:
    """Bring this device into your vault by the 24 words, with no other device at hand.

    The words are read from the terminal, or from standard input.
    """
    home = Home.locate()
    if home.has_vault:
        raise InVaultAlready(home)
    with home.lock():
        config = load(home.config_file)
        url = server or config.engine.server or _asked_server()
        config = change(home.config_file, {"server": url})
        root = RootKeys.from_phrase(read_phrase())
        found = trio.run(_recover, home, config.engine.server or url, root, device or device_name())
        home.phrase_unchecked.unlink(missing_ok=True)
    if json:
        print_json({"vault": root.vault.hex(), "device": found.name, "others": found.others})
        return
    typer.echo(f"This device is in, as «{found.name}».")
    if found.others:
        typer.echo(f"Also in the vault: {', '.join(found.others)}.")
        typer.echo("Those that are lost: cozysync devices revoke NAME, once the daemon runs.")
    typer.echo("Next: cozysync up FOLDER   (what the vault has by that name comes back)")


async def _recover(home: Home, url: str, root: RootKeys, name: str) -> Recovered:
    remote = HttpRemote(url, root.vault, ROOT_DEVICE, root.sign)
    try:
        return await recover_vault(home, remote, root, name, real_seams())
    finally:
        await remote.close()


def _asked_server() -> str:
    if not sys.stdin.isatty():
        raise typer.BadParameter("say where the vault is kept", param_hint="--server")
    answer: str = typer.prompt("The server's URL")
    return answer
