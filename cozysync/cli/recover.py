"""`cozysync recover`: a device from the recovery phrase alone."""

import sys
from typing import Annotated

import trio
import typer

from cozysync.cli.options import Device, Json, print_json
from cozysync.cli.phrase import read_phrase
from cozysync.daemon.config import Config, change, load
from cozysync.daemon.config_keys import device_name
from cozysync.sync.enrol import InVaultAlready, check_server
from cozysync.sync.home import Home
from cozysync.sync.http_remote import HttpRemote
from cozysync.sync.recover import Recovered, recover_vault
from cozysync.sync.seams import real_seams
from cozysync.sync.trust import NobodyVouches, ServerTrust
from cozysync.vault import RootKeys, show_fingerprint
from cozysync_protocol import ROOT_DEVICE


def recover(
    server: Annotated[
        str | None, typer.Option("--server", metavar="URL", help="Where the vault is kept.")
    ] = None,
    server_key: Annotated[
        str | None,
        typer.Option(
            "--server-key", metavar="KEY", help="What `cozysync server key` prints on the server."
        ),
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
        changes = {"server": url}
        if server is not None or server_key is not None:
            # Not the key of a server that an earlier attempt named.
            changes["server_key"] = server_key or ""
        config = _meet(home, change(home.config_file, changes))
        root = RootKeys.from_phrase(read_phrase())
        found = trio.run(_recover, home, config, root, device or device_name())
        home.phrase_unchecked.unlink(missing_ok=True)
    if json:
        print_json({"vault": root.vault.hex(), "device": found.name, "others": found.others})
        return
    typer.echo(f"This device is in, as «{found.name}».")
    if found.others:
        typer.echo(f"Also in the vault: {', '.join(found.others)}.")
        typer.echo("Those that are lost: cozysync devices revoke NAME, once the daemon runs.")
    typer.echo("Next: cozysync up FOLDER   (what the vault has by that name comes back)")


def _meet(home: Home, config: Config) -> Config:
    """The configuration with the server's key, learnt now when nothing tells it.

    Every entry of the log is signed, so that a false server could at most hold back what is new,
    and see what the server sees; the person can compare the key.
    """
    url, trust = config.engine.server or "", config.trust
    try:
        trio.run(check_server, url, trust)
    except NobodyVouches:
        trust = ServerTrust(anyone=True)
        trio.run(check_server, url, trust)
        key = show_fingerprint(trust.seen)
        typer.echo(
            f"Nothing vouches for the server, so it is known from now on by its key:\n    {key}\n"
            "Compare it with what cozysync server key prints there, if you can.",
            err=True,
        )
        return change(home.config_file, {"server_key": key})
    return config


async def _recover(home: Home, config: Config, root: RootKeys, name: str) -> Recovered:
    url = config.engine.server or ""
    remote = HttpRemote(url, root.vault, ROOT_DEVICE, root.sign, trust=config.trust)
    try:
        return await recover_vault(home, remote, root, name, real_seams())
    finally:
        await remote.close()


def _asked_server() -> str:
    if not sys.stdin.isatty():
        raise typer.BadParameter("say where the vault is kept", param_hint="--server")
    answer: str = typer.prompt("The server's URL")
    return answer
