"""The phones and their file."""

import json
import stat

import pytest

from cozysync.gateway.phones import SEEN_EVERY_S, BadPhone, PhoneBook, PhonesDamaged
from cozysync.gateway.scope import Scope
from cozysync.vault import NO_PASSWORD


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "home" / "phones.json"


def test_a_phone_is_known_after_a_restart(path, clock):
    book = PhoneBook(path, clock)
    password = book.add("anna", Scope(("Photos",), read_only=True))
    again = PhoneBook(path, clock)
    phone = again.check("anna", password)
    assert phone == book.all()[0]
    assert (phone.name, phone.scope, phone.added_s) == (
        "anna", Scope(("Photos",), read_only=True), 1000.0,
    )  # fmt: skip


def test_the_file_is_its_owners_and_holds_no_password(path, clock):
    password = PhoneBook(path, clock).add("anna", Scope())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert password not in path.read_text()
    assert password.replace("-", "") not in path.read_text()
    assert [each.name for each in path.parent.iterdir()] == ["phones.json"]


def test_wrong_names_and_passwords_are_refused(path, clock):
    book = PhoneBook(path, clock)
    anna, bert = book.add("anna", Scope()), book.add("bert", Scope())
    assert book.check("anna", bert) is None
    assert book.check("nobody", anna) is None
    assert book.recalled("anna", anna) is None
    assert book.check("anna", anna) is not None
    assert book.recalled("anna", anna).name == "anna"
    assert book.recalled("anna", bert) is None
    assert book.recalled("bert", anna) is None
    assert book.recalled("nobody", "") is None


def test_a_revoked_phone_is_out_at_once_and_for_good(path, clock):
    book = PhoneBook(path, clock)
    password = book.add("anna", Scope())
    assert book.check("anna", password)
    book.revoke("anna")
    for each in (book, PhoneBook(path, clock)):
        assert each.recalled("anna", password) is None
        assert each.check("anna", password) is None
    other = book.add("anna", Scope())
    assert book.recalled("anna", password) is None
    assert book.check("anna", password) is None
    assert book.check("anna", other)


def test_a_phone_that_is_revoked_while_its_password_is_checked_stays_out(path, clock, monkeypatch):
    book = PhoneBook(path, clock)
    password = book.add("anna", Scope())
    kept = type(NO_PASSWORD)
    fits = kept.fits

    def revoked_meanwhile(self, given):
        book.revoke("anna")
        book.add("anna", Scope())
        return fits(self, given)

    monkeypatch.setattr(kept, "fits", revoked_meanwhile)
    assert book.check("anna", password) is None
    assert book.recalled("anna", password) is None


def test_a_name_is_taken_once_and_plain(path, clock):
    book = PhoneBook(path, clock)
    book.add("anna", Scope())
    for name in ("anna", "", "Anna", "../x", "a b", "a:b", "ä", "x" * 33, "-a", "a\n"):
        with pytest.raises(BadPhone):
            book.add(name, Scope())
    with pytest.raises(BadPhone):
        book.revoke("bert")
    assert [each.name for each in book.all()] == ["anna"]


def test_when_a_phone_was_here_is_written_down_now_and_then(path, clock):
    book = PhoneBook(path, clock)
    book.add("anna", Scope())
    assert book.all()[0].seen_s is None
    book.seen("anna")
    clock.now += SEEN_EVERY_S / 2
    book.seen("anna")
    assert book.all()[0].seen_s == clock.now
    assert PhoneBook(path, clock).all()[0].seen_s == 1000.0
    clock.now += SEEN_EVERY_S
    book.seen("anna")
    assert PhoneBook(path, clock).all()[0].seen_s == clock.now
    book.seen("nobody")


def test_a_phone_that_could_not_be_written_down_is_not_there(path, clock, monkeypatch):
    book = PhoneBook(path, clock)
    password = book.add("anna", Scope())

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cozysync.gateway.phones._write", full)
    with pytest.raises(OSError, match="space"):
        book.add("bert", Scope())
    with pytest.raises(OSError, match="space"):
        book.revoke("anna")
    assert [each.name for each in book.all()] == ["anna"]
    assert book.check("anna", password)
    book.seen("anna")  # is no reason to refuse the phone


def test_there_is_an_end_to_phones(path, clock, monkeypatch):
    monkeypatch.setattr("cozysync.gateway.phones.MOST_PHONES", 3)
    book = PhoneBook(path, clock)
    for number in range(3):
        book.add(f"p{number}", Scope())
    with pytest.raises(BadPhone):
        book.add("more", Scope())


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "{}", "3", '{"version": 2, "phones": []}', '{"version": 1}', "[" * 100_000,
        '{"version": 1, "phones": [3]}', '{"version": 1, "phones": [{}]}', "\xff",
    ],
)  # fmt: skip
def test_a_damaged_file_is_said_so(path, clock, text):
    path.parent.mkdir()
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(PhonesDamaged):
        PhoneBook(path, clock)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", "../x"), ("name", 3), ("folders", "Photos"), ("folders", [3]), ("read_only", 0),
        ("added", "x"), ("seen", []), ("password", {}), ("password", None),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_is_refused(path, clock, name, value):
    """Above all, rights that do not read must not become all rights."""
    PhoneBook(path, clock).add("anna", Scope(("Photos",)))
    found = json.loads(path.read_text())
    found["phones"][0][name] = value
    path.write_text(json.dumps(found))
    with pytest.raises(PhonesDamaged):
        PhoneBook(path, clock)
