"""Which word of a phrase was written down wrongly, when the vault that it belongs to is known."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import combinations

from cozysync.vault.phrase import PHRASE_WORDS, RootKeys, complete_word, word_list
from cozysync_protocol import VaultId

_WORD_BITS = 11
_SUM_BITS = 8
_ENTROPY = 32


def misplaced_words(typed: str, vault: VaultId) -> tuple[int, ...]:
    """The places, from 1, of the one wrong word, or of the two that changed places.

    Empty when no such change makes the phrase that of `vault`; takes about half a second. Whoever
    holds 23 of the words finds the last one just so: this gives away nothing.
    """
    words = [complete_word(each) for each in typed.lower().split()]
    numbers = [word_list().index(word) for word in words if word is not None]
    if len(numbers) != PHRASE_WORDS or len(words) != PHRASE_WORDS:
        return ()
    for changed in _changed(numbers):
        entropy = _entropy(changed)
        if entropy is not None and RootKeys(entropy).vault == vault:
            pairs = enumerate(zip(numbers, changed, strict=True), 1)
            return tuple(place for place, (one, other) in pairs if one != other)
    return ()


def _changed(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    for one, other in combinations(range(PHRASE_WORDS), 2):
        swapped = list(numbers)
        swapped[one], swapped[other] = numbers[other], numbers[one]
        yield swapped
    for place in range(PHRASE_WORDS):
        for number in range(1 << _WORD_BITS):
            yield [*numbers[:place], number, *numbers[place + 1 :]]


def _entropy(numbers: Sequence[int]) -> bytes | None:
    """What these words of the list stand for; None when their sum does not fit."""
    bits = 0
    for number in numbers:
        bits = bits << _WORD_BITS | number
    entropy = (bits >> _SUM_BITS).to_bytes(_ENTROPY, "big")
    fits = hashlib.sha256(entropy).digest()[0] == bits & 0xFF
    return entropy if fits else None
