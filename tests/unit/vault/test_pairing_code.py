"""The code that is shown on one screen and typed at another."""

import pytest

from cozysync.vault import MAX_MAILBOX, BadCode, ExitCode, new_code, parse_code
from cozysync.vault.phrase import word_list

SERVERS = [
    "http://192.168.1.5:8017",
    "https://cloud.example.org",
    "https://example.org/sync/of-mine",
    "http://[fe80::1]:8017",
    "http://localhost:1",
]


@pytest.mark.parametrize("server", SERVERS)
def test_a_shown_code_is_read_back_as_it_was(server):
    code = new_code(server, 42)
    assert parse_code(str(code)) == code
    assert code.server == server


def test_the_code_is_short():
    code = parse_code("192.168.1.5:8017/42-apple-river-stone")
    assert code.server == "http://192.168.1.5:8017"
    assert code.mailbox == 42
    assert code.words == ("apple", "river", "stone")
    assert str(code) == "192.168.1.5:8017/42-apple-river-stone"


@pytest.mark.parametrize(
    "typed",
    [
        " 192.168.1.5:8017/42-apple-river-stone\n",
        "192.168.1.5:8017/42-APPLE-River-stone",
        "192.168.1.5:8017/42 apple river stone",
        "192.168.1.5:8017/ 42 - apple-river  stone",
        "HTTP://192.168.1.5:8017/42-apple-river-stone",
        "192.168.1.5:8017/42-appl-rive-ston",
    ],
)
def test_a_carelessly_typed_code_is_understood(typed):
    assert parse_code(typed) == parse_code("192.168.1.5:8017/42-apple-river-stone")


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("", "no /"),
        ("42-apple-river-stone", "no /"),
        ("192.168.1.5:8017/apple-river-stone", "number"),
        ("192.168.1.5:8017/", "number"),
        ("192.168.1.5:8017/0-apple-river-stone", "number"),
        ("192.168.1.5:8017/1234567-apple-river-stone", "number"),
        ("192.168.1.5:8017/42-apple-river", "2 words"),
        ("192.168.1.5:8017/42-apple-river-stone-stone", "4 words"),
        ("192.168.1.5:8017/42-apple-rivver-stone", "word 2"),
        ("/42-apple-river-stone", "address"),
        ("ftp://example.org/42-apple-river-stone", "address"),
        ("user@example.org/42-apple-river-stone", "address"),
        ("exa mple.org/42-apple-river-stone", "address"),
        ("example.org?x/42-apple-river-stone", "address"),
    ],
)
def test_a_mistyped_code_is_refused_before_the_guess_is_spent(typed, told):
    with pytest.raises(BadCode, match=told) as caught:
        parse_code(typed)
    assert caught.value.exit_code is ExitCode.USAGE
    assert "cozysync pair" in caught.value.remedy


@pytest.mark.parametrize("mailbox", [0, -1, MAX_MAILBOX + 1])
def test_a_mailbox_that_cannot_be_typed_is_refused(mailbox):
    with pytest.raises(BadCode):
        new_code("http://localhost:1", mailbox)


def test_every_word_can_be_drawn_and_none_is_likelier():
    drawn = [new_code("http://h", 1, lambda _, n=n: n.to_bytes(2, "big")) for n in range(4096)]
    counts = {}
    for code in drawn:
        counts[code.words[0]] = counts.get(code.words[0], 0) + 1
    assert counts == dict.fromkeys(word_list(), 2)
