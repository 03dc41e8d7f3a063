"""The code that a person carries over: `192.168.1.5:8017/42-apple-river-stone`.

It says where the server is, which of its mailboxes to use, and three secret words. The words are
33 bits: enough, because a wrong guess uses the mailbox up (see `pairing`).
"""

import os
import re
from dataclasses import dataclass, field

from cozysync.vault.errors import ExitCode
from cozysync.vault.failures import SecretError
from cozysync.vault.phrase import complete_word, word_list
from cozysync.vault.seal import Entropy

CODE_WORDS = 3
MAX_MAILBOX = 999_999
"""The highest mailbox number that still is easily typed."""

_PLAIN, _TLS = "http://", "https://"
# Host name, IPv4 address or IPv6 address in brackets, a port, and a path.
_SERVER = re.compile(r"([\w.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?(/[\w.~/-]*)?", re.ASCII | re.IGNORECASE)


class BadCode(SecretError):
    """A pairing code that is mistyped."""

    exit_code = ExitCode.USAGE

    def __init__(self, what: str) -> None:
        super().__init__(
            f"This is not a pairing code: {what}.",
            "Type it as `cozysync pair` shows it, such as 192.168.1.5:8017/42-apple-river-stone.",
        )


@dataclass(frozen=True, slots=True)
class PairingCode:
    """Where two devices meet, and the secret by which they know each other.

    `server` is the server's URL, without a slash at its end; `words` are kept out of `repr`.
    """

    server: str
    mailbox: int
    words: tuple[str, ...] = field(repr=False)

    def __str__(self) -> str:
        """The code as it is shown and typed."""
        return f"{self.server.removeprefix(_PLAIN)}/{'-'.join((str(self.mailbox), *self.words))}"


def new_code(server: str, mailbox: int, entropy: Entropy = os.urandom) -> PairingCode:
    """A code with new words; `server` is a URL. Raises `BadCode` for one that cannot be typed."""
    if not 0 < mailbox <= MAX_MAILBOX:
        raise BadCode(f"mailbox numbers go from 1 to {MAX_MAILBOX}")
    listed = word_list()
    # 65,536 is a multiple of the 2,048 words: no word is likelier than another.
    drawn = [int.from_bytes(entropy(2), "big") % len(listed) for _ in range(CODE_WORDS)]
    return PairingCode(_server(server), mailbox, tuple(listed[at] for at in drawn))


def parse_code(text: str) -> PairingCode:
    """The code that a person typed.

    Case does not matter, spaces may stand for hyphens, and four letters of a word are enough.
    Raises `BadCode`, which tells what is wrong before the only guess is spent.
    """
    server, slash, secret = text.strip().rpartition("/")
    if not slash:
        raise BadCode("it has no / between the server and the words")
    number, *typed = re.split(r"[\s-]+", secret.strip().lower())
    if not re.fullmatch(r"[1-9]\d{0,5}", number, re.ASCII):
        raise BadCode("the part after the last / does not begin with a number")
    if len(typed) != CODE_WORDS:
        raise BadCode(f"it has {len(typed)} words instead of {CODE_WORDS}")
    words: list[str] = []
    for place, each in enumerate(typed, 1):
        word = complete_word(each)
        if word is None:
            raise BadCode(f"word {place} is not in the list of words")
        words.append(word)
    return PairingCode(_server(server), int(number), tuple(words))


def _server(typed: str) -> str:
    """The server's URL; a bare host is reached by plain HTTP, as in a home network."""
    address = typed.strip().rstrip("/")
    scheme = _TLS if address.lower().startswith(_TLS) else _PLAIN
    if address.lower().startswith(scheme):
        address = address[len(scheme) :]
    if not _SERVER.fullmatch(address):
        raise BadCode("the part before the last / is not a server's address")
    return scheme + address
