"""What people see of the gateway and of phones."""

import time

from cozysync.cli import gateway, phone, show

OFF = {"enabled": False, "listening": False, "url": None, "certificate": None, "phones": []}
ANNA = {"name": "anna", "folders": None, "read_only": False, "added": 1.0, "last_seen": None}


def test_off_is_said_with_a_remedy():
    assert gateway.lines(OFF) == [
        "No phone is let in here. To change that: cozysync gateway enable"
    ]
    assert "cozysync status" in gateway.lines(OFF | {"enabled": True})[0]


def test_on_is_said_with_the_address_and_the_certificate():
    on = OFF | {
        "enabled": True, "listening": True, "url": "https://host:1", "certificate": "AB:CD",
        "phones": [ANNA],
    }  # fmt: skip
    told = "\n".join(gateway.lines(on))
    for each in ("https://host:1/dav/files/", "AB:CD", "1 phone "):
        assert each in told
    assert "--listen" not in told


def test_an_address_that_no_phone_reaches_is_told_as_such():
    on = OFF | {"enabled": True, "listening": True, "url": "http://127.0.0.1:7718"}
    assert "    cozysync gateway enable --listen 0.0.0.0:7718" in gateway.lines(on)


def test_a_phone_is_told_by_its_rights_and_when_it_was_here():
    assert phone._rights(ANNA) == "everything"
    assert phone._rights(ANNA | {"folders": ["A", "B"], "read_only": True}) == (
        "A, B (reading only)"
    )
    assert phone.seen(ANNA) == "never here yet"
    assert phone.seen(ANNA | {"last_seen": time.time()}) == "here now"
    assert phone.seen(ANNA | {"last_seen": 1.0}).startswith("last here 19")


def test_status_tells_of_phones_only_where_they_are_let_in():
    status = {
        "device": "d", "state": "in_sync", "conflicts": 0, "attention": [], "folders": [],
        "devices": [], "server": {"url": "u", "position": 1, "reachable": True, "trouble": None},
    }  # fmt: skip
    assert not any("phone" in line for line in show._lines(status | {"gateway": OFF}))
    on = OFF | {"enabled": True}
    assert "phones: none yet (cozysync phone add NAME)" in show._lines(status | {"gateway": on})
    on |= {"phones": [ANNA]}
    assert "phones: anna (never here yet)" in show._lines(status | {"gateway": on})
