"""`cozysync passphrase`; and where the passphrase comes from: never an argument or the environment.

In this order: an open file that the caller names by its number, a credential of systemd, the
terminal.
"""

import os
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated

import typer

from cozysync.sync.home import Home
from cozysync.vault import (
    Ask,
    CozyError,
    LockKind,
    NeedsPassphrase,
    Secrets,
    default_lock,
    let_go,
    load_secrets,
    lock_kind,
    passphrase_lock,
    save_secrets,
)

app = typer.Typer(help="A passphrase for this device's keys.", no_args_is_help=True)

PassphraseFd = Annotated[
    int | None,
    typer.Option(
        "--passphrase-fd",
        metavar="N",
        min=0,
        help="Read the passphrase from the open file of this number, a line each.",
    ),
]

_CREDENTIALS = "CREDENTIALS_DIRECTORY"
_CREDENTIAL = "cozysync-passphrase"
_LONGEST = 4096


@app.command("set")
def set_passphrase(passphrase_fd: PassphraseFd = None) -> None:
    """Put this device's keys under a passphrase, or another one; asked for at every start.

    From an open file the present passphrase is read first, if there is one, then the new one.
    """
    home, lines = Home.locate(), _lines(passphrase_fd)
    with home.lock():
        secrets = _opened(home, lines)
        lock = passphrase_lock(next(lines) if lines is not None else _new())
        _save(home, secrets, replace(secrets, lock=lock))
    typer.echo("The keys are under the passphrase: it is asked for at every start.")
    typer.echo("Without it this device comes in again only by pairing or the recovery phrase.")


@app.command("remove")
def remove_passphrase(passphrase_fd: PassphraseFd = None) -> None:
    """Let the keys do without a passphrase again."""
    home, lines = Home.locate(), _lines(passphrase_fd)
    with home.lock():
        secrets = _opened(home, lines)
        if secrets.lock.kind is not LockKind.PASSPHRASE:
            raise CozyError("The keys are under no passphrase.", "There is nothing to remove.")
        _save(home, secrets, replace(secrets, lock=default_lock()))
    typer.echo("The keys are under no passphrase any more.")


def passphrase_of(fd: int | None = None) -> Ask:
    """Gives the passphrase, asked for once; `NeedsPassphrase` is raised when nobody gives it."""

    @cache
    def ask() -> str:
        lines = _lines(fd)
        if lines is not None:
            return next(lines)
        place = os.environ.get(_CREDENTIALS)
        if place and (Path(place) / _CREDENTIAL).exists():
            return (Path(place) / _CREDENTIAL).read_text().removesuffix("\n")
        return _asked("Passphrase of this device's keys")

    return ask


def passphrase_for(home: Home, fd: int | None = None) -> str | None:
    """The passphrase that this home's keys are under; None when they are under none."""
    home.require_vault()
    return passphrase_of(fd)() if lock_kind(home.secrets_file) is LockKind.PASSPHRASE else None


def _opened(home: Home, lines: "Lines | None") -> Secrets:
    home.require_vault()
    ask = (lambda: next(lines)) if lines is not None else passphrase_of()
    return load_secrets(home.secrets_file, ask=ask)


def _save(home: Home, before: Secrets, after: Secrets) -> None:
    save_secrets(home.secrets_file, after)
    let_go(before.lock)


class Lines:
    """The lines of an open file; raises `NeedsPassphrase` beyond the last."""

    def __init__(self, fd: int) -> None:
        try:
            with os.fdopen(os.dup(fd), "rb") as file:
                self._left = file.read(_LONGEST).decode().splitlines()
        except OSError as error:
            raise typer.BadParameter(
                f"{fd} is no open file", param_hint="--passphrase-fd"
            ) from error
        except UnicodeDecodeError:
            raise typer.BadParameter("it is no text", param_hint="--passphrase-fd") from None

    def __next__(self) -> str:
        if not self._left:
            raise NeedsPassphrase
        return self._left.pop(0)


def _lines(fd: int | None) -> Lines | None:
    return Lines(fd) if fd is not None else None


def _new() -> str:
    while True:
        first = _asked("New passphrase")
        if _asked("Once more") == first:
            return first
        typer.echo("These two are not the same.")


def _asked(what: str) -> str:
    if not sys.stdin.isatty():
        raise NeedsPassphrase
    answer: str = typer.prompt(what, hide_input=True)
    return answer
