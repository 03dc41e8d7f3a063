"""The recovery phrase between a person and the terminal; and `cozysync phrase`.

It is shown before the vault is made, so nothing that happens later can lose it; it is read from
the terminal or standard input, never from an argument, which other users of the machine could see.
"""

import os
import secrets
import sys
from typing import Annotated

import typer

from cozysync.cli.options import Json, print_json
from cozysync.cli.passphrase import passphrase_of
from cozysync.sync.home import Home
from cozysync.vault import (
    PHRASE_WORDS,
    BadPhrase,
    CozyError,
    RootKeys,
    complete_word,
    load_secrets,
    misplaced_words,
    near_words,
)
from cozysync_protocol import VaultId

app = typer.Typer(help="The recovery phrase.", no_args_is_help=True)

Yes = Annotated[
    bool, typer.Option("--yes", help="Do not ask for some words of the recovery phrase back.")
]

_WORDS_A_LINE = 6
_ASKED_BACK = 3
_LONGEST_INPUT = 4096


class AnotherPhrase(CozyError):
    """A phrase, but not this vault's."""

    def __init__(self, wrong: tuple[int, ...]) -> None:
        message = "This is not the recovery phrase of this vault"
        if len(wrong) == 2:
            message += f": words {wrong[0]} and {wrong[1]} changed places"
        elif wrong:
            message += f": word {wrong[0]} is another one"
        super().__init__(
            f"{message}.",
            "Look at what you wrote down when the vault was made. If that is lost, make a new "
            "vault while your devices still have the files; nobody can show this phrase again.",
        )


@app.command()
def check(json: Json = False) -> None:
    """Compare a phrase that you wrote down with this device's vault."""
    home = Home.locate()
    vault = require_phrase(home)
    home.phrase_unchecked.unlink(missing_ok=True)
    if json:
        print_json({"vault": vault.hex()})
    else:
        typer.echo("This is the recovery phrase of this vault. Keep it apart from your devices.")


def require_phrase(home: Home) -> VaultId:
    """Ask for the phrase of this device's vault; returns the vault.

    Raises `AnotherPhrase` or `BadPhrase`.
    """
    home.require_vault()
    keys = load_secrets(home.secrets_file, ask=passphrase_of()).vault
    assert keys is not None
    phrase = read_phrase(checked=False)
    try:
        fits = RootKeys.from_phrase(phrase).vault == keys.vault
    except BadPhrase:
        wrong = misplaced_words(phrase, keys.vault)
        if not wrong:
            raise
        raise AnotherPhrase(wrong) from None
    if not fits:
        raise AnotherPhrase(misplaced_words(phrase, keys.vault))
    return keys.vault


def show_phrase(home: Home, phrase: str, *, asking: bool) -> None:
    """Show a new phrase; when `asking` at a terminal, ask some words of it back.

    While they were not, the home remembers that nobody is known to have written it down.
    """
    home.prepare()
    home.phrase_unchecked.touch()
    words = phrase.split()
    typer.echo("Your recovery phrase. Write these 24 words on paper now: they are shown only this")
    typer.echo("once, and with all devices lost, they alone bring your files back." + os.linesep)
    for at in range(0, len(words), _WORDS_A_LINE):
        row = enumerate(words[at : at + _WORDS_A_LINE], at + 1)
        typer.echo("    " + "".join(f"{number:>2} {word:<11}" for number, word in row).rstrip())
    typer.echo()
    if asking and _at_terminal():
        _ask_back(words)
        home.phrase_unchecked.unlink()


def read_phrase(*, checked: bool = True) -> str:
    """The phrase that a person types, or that standard input holds.

    At a terminal every word is looked at as it comes, and all together at the end if `checked`.
    What comes otherwise is handed on as it is. Raises `BadPhrase` for input without an end.
    """
    if not sys.stdin.isatty():
        text = sys.stdin.read(_LONGEST_INPUT)
        if len(text) == _LONGEST_INPUT:
            raise BadPhrase("it is far too long")
        return text
    typer.echo(f"Type the {PHRASE_WORDS} words of the recovery phrase, as many a line as you like;")
    typer.echo("the first four letters of each are enough.")
    while True:
        phrase = " ".join(_typed_words())
        try:
            RootKeys.from_phrase(phrase)
        except BadPhrase as error:
            if not checked:
                return phrase
            typer.echo(f"{error.message}\nOnce more, from the first word.")
        else:
            return phrase


def _typed_words() -> list[str]:
    words: list[str] = []
    while len(words) < PHRASE_WORDS:
        line = typer.prompt(f"word {len(words) + 1}")
        for typed in line.split():
            word = complete_word(typed.lower())
            if word is None:
                _explain(len(words) + 1, typed)
                break
            if len(words) == PHRASE_WORDS:
                typer.echo(f"More than {PHRASE_WORDS} words: only the first of them count.")
                break
            words.append(word)
    return words


def _explain(number: int, typed: str) -> None:
    near = near_words(typed)
    hint = f" Is it {' or '.join(f'«{word}»' for word in near)}?" if near else ""
    typer.echo(f"Word {number} is not in the list of words.{hint} Go on from word {number}.")


def _ask_back(words: list[str]) -> None:
    typer.echo("When you have written them down, type some of them from your paper.")
    for number in sorted(secrets.SystemRandom().sample(range(PHRASE_WORDS), _ASKED_BACK)):
        while complete_word(typer.prompt(f"word {number + 1}").strip().lower()) != words[number]:
            typer.echo(f"That is not word {number + 1}: look at it again.")
    typer.echo("Right. Keep the paper apart from your devices." + os.linesep)


def _at_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
