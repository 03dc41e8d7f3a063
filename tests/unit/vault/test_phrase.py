"""The recovery phrase."""

import pytest

from cozysync.vault import (
    PHRASE_WORDS,
    BadPhrase,
    RootKeys,
    misplaced_words,
    near_words,
    new_phrase,
)
from cozysync.vault.phrase import complete_word, word_list
from cozysync_protocol import check_signature, vault_id_of

ZERO = "abandon " * 23 + "art"  # BIP-39: 256 zero bits


def test_a_new_phrase_has_24_words_of_the_list_and_makes_root_keys():
    phrase = new_phrase()
    words = phrase.split(" ")
    assert len(words) == PHRASE_WORDS
    assert set(words) <= set(word_list())
    root = RootKeys.from_phrase(phrase)
    assert root.vault == vault_id_of(root.signing_public, root.wrapping_public)


def test_the_phrase_follows_bip_39():
    assert new_phrase(bytes) == ZERO
    assert new_phrase(lambda size: b"\xff" * size) == "zoo " * 23 + "vote"


def test_two_phrases_are_two_vaults():
    assert RootKeys.from_phrase(new_phrase()).vault != RootKeys.from_phrase(new_phrase()).vault


@pytest.mark.parametrize(
    "typed",
    [
        ZERO.upper(),
        "  " + ZERO.replace(" ", "\n ") + "\n",
        "aban " * 23 + "art",
    ],
)
def test_case_white_space_and_the_end_of_words_do_not_matter(typed):
    assert RootKeys.from_phrase(typed).vault == RootKeys.from_phrase(ZERO).vault


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("", "0 words"),
        ("abandon " * 23, "23 words"),
        ("abandon " * 12, "12 words"),
        ("abandon " * 6 + "banndon " + "abandon " * 17, "word 7"),
        ("abandon " * 6 + "abandoned " + "abandon " * 17, "word 7"),
        ("abandon " * 24, "do not fit"),
        ("art " + "abandon " * 23, "do not fit"),
    ],
)
def test_a_mistyped_phrase_is_refused_and_never_repeated(typed, told):
    with pytest.raises(BadPhrase, match=told) as caught:
        RootKeys.from_phrase(typed)
    assert "abandon" not in str(caught.value)
    assert "24 words" in caught.value.remedy


def test_four_letters_tell_all_words_apart():
    assert len({word[:4] for word in word_list()}) == len(word_list()) == 2048
    assert complete_word("zebr") == "zebra"
    assert complete_word("zebrx") is None
    assert complete_word("zeb") is None
    assert complete_word("add") == "add"


def test_the_root_signs_with_its_public_key_and_shows_nothing_of_itself():
    root = RootKeys.from_phrase(ZERO)
    check_signature(root.signing_public, root.sign(b"text"), b"text")
    assert repr(root) == f"RootKeys(vault={root.vault.hex()})"


def test_every_unknown_word_is_counted_out():
    words = ZERO.split()
    words[2], words[16] = "abandn", "wrld"
    with pytest.raises(BadPhrase, match="words 3 and 17 are not in the list") as caught:
        RootKeys.from_phrase(" ".join(words))
    assert "wrld" not in str(caught.value)


def test_a_misspelt_word_is_known_by_its_likeness():
    assert "world" in near_words("wrld")
    assert near_words("qqqqqq") == ()


def test_one_wrong_word_or_two_that_changed_places_are_found():
    phrase = new_phrase(lambda size: bytes(range(7, 7 + size)))
    vault = RootKeys.from_phrase(phrase).vault
    words = phrase.split()
    wrong = [*words[:9], "zoo", *words[10:]]
    swapped = [words[5], *words[1:5], words[0], *words[6:]]
    assert misplaced_words(" ".join(wrong), vault) == (10,)
    assert misplaced_words(" ".join(swapped), vault) == (1, 6)
    assert misplaced_words(ZERO, vault) == ()
    assert misplaced_words("abandon", vault) == ()
