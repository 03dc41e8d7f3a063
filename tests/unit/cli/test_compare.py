"""Versions side by side."""

from rich.console import Console

from cozysync.cli.compare import compare
from tests.suites.samples import edited, sample

TITLES = ("1: ann", "2: bob")


def told(name, old, new):
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    with console.file:
        console.print(compare(name, old, new, TITLES))
    return console.export_text()


def test_text_is_a_diff_that_cannot_steer_the_terminal():
    shown = told("n.txt", b"a\nb\n", b"a\n\x1b[31mc\n")
    assert "-b" in shown
    assert "+\ufffd[31mc" in shown


def test_contacts_are_a_table_of_what_differs():
    card = sample("apple.vcf")
    shown = told("x.vcf", card, edited(card, ("+46 8 555 04 56", "+46 8 1")))
    assert "TEL" in shown
    assert "+46 8 1" in shown
    assert "EMAIL" not in shown


def test_events_are_named():
    event = sample("meeting.ics")
    shown = told("x.ics", event, edited(event, ("SEQUENCE:2", "SEQUENCE:9")))
    assert "Jahresabschluss besprechen" in shown
    assert "SEQUENCE" in shown


def test_what_is_no_text_has_no_comparison():
    assert compare("x.bin", b"\0\1", b"\0\2", TITLES) is None
