"""A phone that was away for a week, and comes back with edits to what others have changed too."""

import pytest
import trio

from cozysync.gateway.engine_view import view_of
from cozysync.gateway.view import ABSENT, Outcome
from cozysync_conflict import Kind
from tests.suites.fleet import fleet
from tests.suites.view_contract import content, everything, put

CARD = """BEGIN:VCARD
VERSION:3.0
UID:{name}
FN:{name}
TEL:{phone}
EMAIL:{mail}
END:VCARD
""".replace("\n", "\r\n")

EVENT = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
BEGIN:VEVENT
UID:lunch
DTSTAMP:20261101T120000Z
DTSTART:{start}
SUMMARY:{summary}
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")


def card(name, phone="1", mail="a@example.org"):
    return CARD.format(name=name, phone=phone, mail=mail)


def event(start="20261201T120000Z", summary="Lunch"):
    return EVENT.format(start=start, summary=summary)


class Phone:
    """Keeps files with their versions, and sends what was edited when it has a line again."""

    def __init__(self, view, folder):
        self._view, self._folder = view, folder
        self._cursor = None
        self.files = {}
        self._edits = {}

    def edit(self, name, text):
        self._edits[name] = text

    async def sync(self):
        """First what was edited here, by the bases that it was edited from; then all news."""
        outcomes = {}
        for name, text in self._edits.items():
            base = self.files[name][0] if name in self.files else ABSENT
            path = f"{self._folder}/{name}"
            outcomes[name] = (await put(self._view, path, text.encode(), base=base)).outcome
        self._edits = {}
        changed, removed, self._cursor = await everything(self._view, self._folder, self._cursor)
        for each in removed:
            self.files.pop(each.path.removeprefix(f"{self._folder}/"), None)
        for entry in changed:
            if entry.kind is Kind.FILE:
                text = (await content(self._view, entry.path)).decode()
                self.files[entry.path.removeprefix(f"{self._folder}/")] = entry.version, text
        return outcomes

    def texts(self):
        return {name: text for name, (_, text) in self.files.items()}


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_week_apart_comes_together_by_properties(tmp_path, monkeypatch, restarts):
    monkeypatch.setattr("cozysync.gateway.index.SYNCHRONOUS", "OFF")
    async with fleet(tmp_path, "home", "laptop") as people:
        home, laptop = people.members
        for name in ("ann", "ben", "cat", "dan"):
            laptop.hands.write(f"{name}.vcf", card(name))
        laptop.hands.write("lunch.ics", event())
        await people.settle()
        async with view_of(home.engine) as view:
            phone = Phone(view, "/work")
            await phone.sync()
            assert phone.texts() == laptop.hands.texts()

        people.now.pass_hours(24 * 7)
        laptop.hands.write("ann.vcf", card("ann", mail="ann@example.org"))
        laptop.hands.write("ben.vcf", card("ben", mail="ben@example.org"))
        await laptop.settle()
        laptop.hands.mkdir("friends")
        laptop.hands.move("ben.vcf", "friends/ben.vcf")
        laptop.hands.delete("cat.vcf")
        laptop.hands.delete("dan.vcf")
        laptop.hands.write("lunch.ics", event(start="20261201T130000Z"))
        await people.settle()
        if restarts:
            await home.stop()
            await home.start()

        async with view_of(home.engine) as view:
            phone._view = view
            phone.edit("ann.vcf", card("ann", phone="2"))
            phone.edit("ben.vcf", card("ben", phone="3"))
            phone.edit("cat.vcf", card("cat", phone="4"))
            phone.edit("lunch.ics", event(summary="Long lunch"))
            phone.edit("eve.vcf", card("eve"))
            outcomes = await phone.sync()
            assert outcomes == {
                "ann.vcf": Outcome.MERGED,
                "ben.vcf": Outcome.MERGED,
                "cat.vcf": Outcome.WRITTEN,
                "lunch.ics": Outcome.MERGED,
                "eve.vcf": Outcome.WRITTEN,
            }
            expected = {
                "ann.vcf": card("ann", "2", "ann@example.org"),
                "friends/ben.vcf": card("ben", "3", "ben@example.org"),
                "cat.vcf": card("cat", phone="4"),
                "lunch.ics": event("20261201T130000Z", "Long lunch"),
                "eve.vcf": card("eve"),
            }
            assert phone.texts() == expected
            with trio.fail_after(60):
                assert await people.settle() == expected
            assert await view.conflicts() == 0
