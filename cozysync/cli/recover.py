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
from cozysync.sync.trust import NobodyVouches, ServerTrust, is_on_this_machine
from cozysync.vault import CozyError, ExitCode, RootKeys, show_fingerprint
from cozysync_protocol import ROOT_DEVICE

_WHO_ANSWERS = """\
Nothing vouches for the server at {url}. This is the key of whoever answers there:

    {key}

From now on the server is known by it. Compare it with what cozysync server key prints at the
server, or with server_key in config.toml of another device of yours."""
_WITHOUT_TLS = """\
The server at {url} is spoken to without TLS: nothing tells whether it is yours, and whoever listens
on the way sees what it sees. Is there an address of it that begins with https://?"""
_AT_RISK = """\
Whoever answers learns neither your phrase nor what is in your files, and can make nothing up: all
is signed by your devices. But a false server could show you an older state of your vault, hold back
what is new, and see when you write and how much."""


class ServerUnknown(CozyError):
    """Nothing tells who answers, and nobody is there to ask."""

    exit_code = ExitCode.USAGE


class KeyUnknown(ServerUnknown):
    """The server has a key for which nothing vouches."""

    def __init__(self, url: str, key: str) -> None:
        super().__init__(
            f"Nothing vouches for the server at {url}, which answers with the key {key}.",
            "Say --server-key with what cozysync server key prints at the server; or, if you take "
            "whoever answers for it, --trust-this-server.",
        )


class WithoutTls(ServerUnknown):
    """The server has no key at all, and is on another machine."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"The server at {url} is spoken to without TLS, so that anybody may answer there.",
            "Use its https:// address; or, if you take whoever answers for it, "
            "--trust-this-server.",
        )


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
    trust_this_server: Annotated[
        bool,
        typer.Option(
            "--trust-this-server",
            help="Believe whoever answers, though nothing vouches for it, and do not ask.",
        ),
    ] = False,
    device: Device = None,
    json: Json = False,
) -> None:
    """Bring this device into your vault by the 24 words, with no other device at hand.

    The words are read from the terminal, or from standard input. The key of a server that nothing
    vouches for is shown, and asked about; where nobody can be asked, it must be given.
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
        config = _meet(home, change(home.config_file, changes), trusting=trust_this_server)
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


def _meet(home: Home, config: Config, *, trusting: bool) -> Config:
    """The configuration with the server's key, learnt now when nothing tells it.

    Raises `ServerUnknown` where nobody can be asked whether it is the right one.
    """
    url, trust = config.engine.server or "", config.trust
    try:
        trio.run(check_server, url, trust)
    except NobodyVouches:
        trust = ServerTrust(anyone=True)
        trio.run(check_server, url, trust)
        key = show_fingerprint(trust.seen)
        told = _WHO_ANSWERS.format(url=url, key=key)
        _ask(told, "Is it the same key?", KeyUnknown(url, key), trusting=trusting)
        return change(home.config_file, {"server_key": key})
    if not config.speaks_tls and not is_on_this_machine(url):
        told = _WITHOUT_TLS.format(url=url)
        _ask(told, "Go on all the same?", WithoutTls(url), trusting=trusting)
    return config


def _ask(told: str, question: str, unasked: ServerUnknown, *, trusting: bool) -> None:
    """Return when a person says yes; raises `unasked` where nobody can."""
    if not trusting and not sys.stdin.isatty():
        raise unasked
    typer.echo(f"{told}\n{_AT_RISK}", err=True)
    if not trusting:
        typer.confirm(question, abort=True, err=True)


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
