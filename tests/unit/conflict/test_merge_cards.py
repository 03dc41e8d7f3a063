"""Contacts and events, changed apart by two people."""

import icalendar
import pytest
import vobject

from cozysync_conflict.merge import merge
from tests.suites.samples import edited, sample

APPLE, GOOGLE, KHARD = sample("apple.vcf"), sample("google.vcf"), sample("khard.vcf")
MEETING, TODO = sample("meeting.ics"), sample("todo.ics")
MOBILE = "TEL;type=CELL;type=VOICE;type=pref:+46 70 555 01 23"
HOME = "asa.privat@example.org"


def both(base, one, other, name=b"x.vcf"):
    """The merge, which here does not depend on who was first."""
    merged = merge(name, base, [one, other])
    assert merged is not None
    assert merged == merge(name, base, [other, one])
    return merged


def test_a_phone_number_and_an_address_come_together_and_nothing_else_changes():
    one = edited(APPLE, (MOBILE, MOBILE[:-2] + "99"))
    other = edited(APPLE, (HOME, "asa@home.example"))
    assert both(APPLE, one, other) == edited(
        APPLE, (MOBILE, MOBILE[:-2] + "99"), (HOME, "asa@home.example")
    )


def test_two_numbers_added_apart_are_both_there():
    one = edited(APPLE, ("BDAY;", "TEL;type=HOME:+46 8 111\r\nBDAY;"))
    other = edited(APPLE, ("BDAY;", "TEL;type=FAX:+46 8 222\r\nBDAY;"))
    card = vobject.readOne(both(APPLE, one, other).decode())
    assert {"+46 8 111", "+46 8 222"} <= {tel.value for tel in card.contents["tel"]}


def test_the_same_number_changed_on_both_sides_goes_to_the_later():
    one = edited(APPLE, (MOBILE, MOBILE[:-2] + "11"))
    other = edited(APPLE, (MOBILE, MOBILE[:-2] + "22"))
    assert merge(b"x.vcf", APPLE, [one, other]) == other
    assert merge(b"x.vcf", APPLE, [other, one]) == one


def test_a_number_that_one_changed_and_the_other_deleted_stays():
    one = edited(APPLE, (MOBILE, MOBILE[:-2] + "11"))
    other = edited(APPLE, (MOBILE + "\r\n", ""), ("Osa", "Åsa"))
    merged = both(APPLE, one, other)
    assert MOBILE[:-2].encode() + b"11" in merged
    assert "NAME:Åsa".encode() in merged


def test_a_line_that_is_folded_anew_is_no_change():
    one = edited(APPLE, ("beim Em\r\n pfang", "beim Empf\r\n ang"), ("Osa", "Ossa"))
    other = edited(APPLE, ("nicht im Büro.", "nicht im Büro!"))
    merged = both(APPLE, one, other)
    assert b"beim Em\r\n pfang" in merged
    assert "Büro!".encode() in merged
    assert b"Ossa" in merged


def test_groups_and_unknown_properties_survive():
    one = edited(APPLE, ("X-ABLabel:Kanzlei", "X-ABLabel:Büro"))
    other = edited(APPLE, ("X-ABADR:se", "X-ABADR:de\r\nX-EVOLUTION-FILE-AS:Lindqvist"))
    merged = both(APPLE, one, other)
    for line in ("item1.X-ABLabel:Büro", "item2.X-ABADR:de", "X-EVOLUTION-FILE-AS:Lindqvist"):
        assert line.encode() in merged


def test_categories_are_a_list_and_not_a_text():
    one = edited(APPLE, ("CATEGORIES:Mandanten,Steuer", "CATEGORIES:Mandanten,Steuer,Freunde"))
    other = edited(APPLE, ("CATEGORIES:Mandanten,Steuer", "CATEGORIES:Steuer"))
    assert b"\r\nCATEGORIES:Steuer,Freunde\r\n" in both(APPLE, one, other)


def test_contacts_in_one_file_are_known_by_their_names():
    one = edited(GOOGLE, ("+49 151 55500111", "+49 151 1"))
    other = edited(GOOGLE, ("+49 160 5550333", "+49 160 2"))
    merged = both(GOOGLE, one, other)
    assert b"+49 151 1" in merged
    assert b"+49 160 2" in merged
    assert len(list(vobject.readComponents(merged.decode()))) == 2


def test_a_contact_deleted_from_a_file_is_gone_unless_the_other_changed_it():
    at = GOOGLE.index(b"BEGIN", 10)
    gone = GOOGLE[:at]
    other = edited(GOOGLE, ("Küche 2023", "Küche 2024"))
    assert both(GOOGLE, gone, other) == edited(gone, ("Küche 2023", "Küche 2024"))
    other = edited(GOOGLE, ("+49 160 5550333", "+49 160 2"))
    assert both(GOOGLE, gone, other) == other


def test_version_4_keeps_its_parameters():
    one = edited(KHARD, ("GENDER:M", "GENDER:F"))
    other = edited(KHARD, ("tel:+33-01-23-45-67", "tel:+33-01-23-45-99"))
    assert both(KHARD, one, other) == edited(
        KHARD, ("GENDER:M", "GENDER:F"), ("tel:+33-01-23-45-67", "tel:+33-01-23-45-99")
    )


def test_a_card_that_one_side_wrote_in_another_version_is_left_to_a_person():
    one = edited(APPLE, ("VERSION:3.0", "VERSION:4.0"), ("Osa", "Åsa"))
    other = edited(APPLE, (HOME, "asa@home.example"))
    assert merge(b"x.vcf", APPLE, [one, other]) is None


def test_the_same_contact_made_on_two_devices_is_one():
    one = edited(APPLE, ("X-PHONETIC-FIRST-NAME:Osa\r\n", ""))
    other = edited(APPLE, (MOBILE + "\r\n", ""))
    merged = both(None, one, other)
    assert sorted(merged.splitlines()) == sorted(APPLE.splitlines())
    assert merged.startswith(b"BEGIN:VCARD\r\nVERSION:3.0\r\n")


@pytest.mark.parametrize(
    "broken",
    [
        APPLE.replace(b"END:VCARD\r\n", b""),
        b"BEGIN:VCARD\r\nEND:VEVENT\r\n",
        b"\xff\xfe\x00",
        APPLE.replace(b"NOTE:", b"NOTE;ENCODING=QUOTED-PRINTABLE:"),
    ],
)
def test_what_does_not_read_is_left_to_a_person(broken):
    assert merge(b"x.vcf", APPLE, [broken, edited(APPLE, ("Osa", "Åsa"))]) is None


# --- events ---------------------------------------------------------------------------------


def test_a_moved_event_keeps_the_attendee_that_was_added():
    moves = (
        (
            "DTSTART;TZID=Europe/Berlin:20240305T140000",
            "DTSTART;TZID=Europe/Berlin:20240305T150000",
        ),
        ("DTEND;TZID=Europe/Berlin:20240305T150000", "DTEND;TZID=Europe/Berlin:20240305T160000"),
    )
    adds = ("LOCATION:Stor", "ATTENDEE;CN=Eva:mailto:eva@example.com\r\nLOCATION:Stor")
    merged = both(MEETING, edited(MEETING, *moves), edited(MEETING, adds), b"x.ics")
    assert merged == edited(MEETING, *moves, adds)
    event = icalendar.Calendar.from_ical(merged).events[0]
    assert len(event["ATTENDEE"]) == 3


def test_answers_of_two_attendees_come_together():
    one = edited(MEETING, ("PARTSTAT=NEEDS-ACTION", "PARTSTAT=ACCEPTED"))
    other = edited(
        MEETING, ('"Yılmaz, Fatma";PARTSTAT=ACCEPTED', '"Yılmaz, Fatma";PARTSTAT=DECLINED')
    )
    event = icalendar.Calendar.from_ical(both(MEETING, one, other, b"x.ics")).events[0]
    assert [each.params["PARTSTAT"] for each in event["ATTENDEE"]] == ["ACCEPTED", "DECLINED"]


def test_alarms_and_moved_occurrences_are_parts_of_their_own():
    one = edited(MEETING, ("TRIGGER;VALUE=DURATION:-PT15M", "TRIGGER;VALUE=DURATION:-PT30M"))
    changes = (("20240319T110000", "20240319T113000"), ("TRIGGER:-P1D", "TRIGGER:-P2D"))
    other = edited(MEETING, *changes)
    merged = both(MEETING, one, other, b"x.ics")
    assert merged == edited(
        MEETING,
        ("TRIGGER;VALUE=DURATION:-PT15M", "TRIGGER;VALUE=DURATION:-PT30M"),
        *changes,
    )


def test_days_left_out_on_both_sides_are_all_left_out():
    line = "EXDATE;TZID=Europe/Berlin:20240402T140000"
    one = edited(MEETING, (line, line + ",20240409T140000"))
    other = edited(MEETING, (line, line + ",20240416T140000"))
    event = icalendar.Calendar.from_ical(both(MEETING, one, other, b"x.ics")).events[0]
    assert len(event["EXDATE"].dts) == 3


def test_the_sequence_is_the_higher_one_and_stamps_do_not_clash():
    one = edited(
        MEETING, ("SEQUENCE:2", "SEQUENCE:7"), ("LAST-MODIFIED:20240220", "LAST-MODIFIED:20240301")
    )
    other = edited(
        MEETING, ("SEQUENCE:2", "SEQUENCE:3"), ("LAST-MODIFIED:20240220", "LAST-MODIFIED:20240302")
    )
    merged = merge(b"x.ics", MEETING, [one, other])
    assert b"SEQUENCE:7" in merged
    assert b"LAST-MODIFIED:20240302" in merged


def test_an_occurrence_moved_on_one_side_and_another_on_the_other_are_both_moved():
    def moved(day):
        text = (
            "BEGIN:VEVENT\r\nUID:5e1c3f0a-jahresabschluss@lindqvist.example\r\n"
            f"RECURRENCE-ID;TZID=Europe/Berlin:{day}T140000\r\n"
            f"DTSTART;TZID=Europe/Berlin:{day}T160000\r\nEND:VEVENT\r\nEND:VCALENDAR"
        )
        return edited(MEETING, ("END:VCALENDAR", text))

    merged = both(MEETING, moved("20240326"), moved("20240423"), b"x.ics")
    assert len(icalendar.Calendar.from_ical(merged).events) == 4


def test_a_task_merges_by_property_too():
    one = edited(TODO, ("PERCENT-COMPLETE:20", "PERCENT-COMPLETE:80"))
    other = edited(TODO, ("PRIORITY:5", "PRIORITY:1"))
    assert both(TODO, one, other, b"x.ics") == edited(
        TODO, ("PERCENT-COMPLETE:20", "PERCENT-COMPLETE:80"), ("PRIORITY:5", "PRIORITY:1")
    )
