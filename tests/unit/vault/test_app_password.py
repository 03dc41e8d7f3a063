"""Passwords of phones."""

import itertools

import pytest

from cozysync.vault import NO_PASSWORD, AppPassword, app_password, new_app_password


def test_a_password_is_known_again_however_it_is_typed():
    shown, kept = new_app_password()
    assert kept.fits(shown)
    assert kept.fits(shown.upper().replace("-", " "))
    assert AppPassword.of(kept.to_json()).fits(shown)


def test_no_other_password_fits():
    shown, kept = new_app_password()
    for other in ("", shown[:-1], shown + "a", new_app_password()[0], "\ud800"):
        assert not kept.fits(other)
        assert not NO_PASSWORD.fits(other)


def test_what_is_kept_does_not_hold_the_password():
    shown, kept = new_app_password()
    assert shown.replace("-", "") not in str(kept.to_json()) + repr(kept)


def test_every_letter_is_as_likely():
    """A byte that would make some letters likelier is drawn again."""
    numbers = itertools.chain([255, 248, 247], itertools.repeat(0))
    shown, _ = new_app_password(lambda count: bytes(next(numbers) for _ in range(count)))
    assert shown == "9aaaa-aaaaa-aaaaa-aaaaa-aaaaa"


@pytest.mark.parametrize("value", [None, [], {}, {"salt": "AA==", "argon2id": "AA=="}, {"salt": 3}])
def test_what_is_no_hash_is_refused(value):
    with pytest.raises(ValueError):
        AppPassword.of(value)


def test_the_hash_is_slow_enough():
    """What OWASP asks for at least."""
    assert (app_password.MEMORY_KIB, app_password.PASSES) >= (19 * 1024, 2)
