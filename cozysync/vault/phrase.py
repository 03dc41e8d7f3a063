"""The recovery phrase: 24 words that are the vault's root keys.

BIP-39 with 256 bits of entropy. The keys come from the entropy itself, not through the
standard's PBKDF2: 256 random bits gain nothing by stretching.
"""

import difflib
import os
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from mnemonic import Mnemonic

from cozysync.vault.failures import BadPhrase
from cozysync.vault.labels import Label, derive
from cozysync.vault.seal import Entropy
from cozysync.vault.wrapping import unwrap
from cozysync_protocol import PublicKeys, VaultId, root_signed_part, vault_id_of

PHRASE_WORDS = 24

_ENTROPY = 32


@cache
def word_list() -> tuple[str, ...]:
    """The 2,048 English words of BIP-39, in order; their first four letters tell them apart."""
    return tuple(_book().wordlist)


def new_phrase(entropy: Entropy = os.urandom) -> str:
    """A new recovery phrase: 24 words with a space between."""
    phrase: str = _book().to_mnemonic(entropy(_ENTROPY))
    return phrase


class RootKeys:
    """A vault's root keys, made from the recovery phrase and kept nowhere."""

    __slots__ = ("_signing", "_wrapping", "signing_public", "vault", "wrapping_public")

    def __init__(self, entropy: bytes) -> None:
        self._signing = Ed25519PrivateKey.from_private_bytes(derive(entropy, Label.ROOT_SIGNING))
        self._wrapping = X25519PrivateKey.from_private_bytes(derive(entropy, Label.ROOT_WRAPPING))
        self.signing_public = self._signing.public_key().public_bytes_raw()
        self.wrapping_public = self._wrapping.public_key().public_bytes_raw()
        self.vault: VaultId = vault_id_of(self.signing_public, self.wrapping_public)

    @classmethod
    def from_phrase(cls, phrase: str) -> "RootKeys":
        """The keys that a phrase means.

        Case and white space do not matter, and four letters of a word are enough. Raises
        `BadPhrase`, which tells the number of a mistyped word and never the word.
        """
        return cls(_entropy_of(phrase))

    def __repr__(self) -> str:
        return f"RootKeys(vault={self.vault.hex()})"

    def sign(self, text: bytes) -> bytes:
        """The root's 64-byte Ed25519 signature."""
        return self._signing.sign(text)

    def certify(self, keys: PublicKeys) -> bytes:
        """The root's signature that a device belongs to its vault."""
        return self.sign(root_signed_part(self.vault, keys))

    def open_wrapped(self, wrapped: bytes, info: bytes) -> bytes:
        """A secret that was wrapped for the root; raises `CannotOpen`."""
        return unwrap(wrapped, self._wrapping, info)


def _entropy_of(phrase: str) -> bytes:
    typed = phrase.lower().split()
    if len(typed) != PHRASE_WORDS:
        raise BadPhrase(f"it has {len(typed)} words instead of {PHRASE_WORDS}")
    completed = [complete_word(each) for each in typed]
    words = [word for word in completed if word is not None]
    if len(words) < PHRASE_WORDS:
        unknown = [str(number) for number, word in enumerate(completed, 1) if word is None]
        which = f"word {unknown[0]} is" if len(unknown) == 1 else f"words {_listed(unknown)} are"
        raise BadPhrase(f"{which} not in the list of words")
    try:
        return bytes(_book().to_entropy(words))
    except ValueError as error:
        raise BadPhrase(
            "every word is known, but together they do not fit (the last one sums up the others): "
            "one of them is another word of the list, or two changed places"
        ) from error


def _listed(numbers: list[str]) -> str:
    return f"{', '.join(numbers[:-1])} and {numbers[-1]}"


def near_words(typed: str) -> tuple[str, ...]:
    """Up to three words of the list that look most like one that is not in it."""
    return tuple(difflib.get_close_matches(typed.lower(), word_list(), n=3))


def complete_word(typed: str) -> str | None:
    """The list's word that was typed, whole or by its first four letters."""
    if typed in _by_prefix():
        return _by_prefix()[typed]
    return typed if _by_prefix().get(typed[:4]) == typed else None


@cache
def _by_prefix() -> dict[str, str]:
    return {word[:4]: word for word in word_list()}


@cache
def _book() -> Mnemonic:
    return Mnemonic("english")
