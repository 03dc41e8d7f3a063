"""A month of two people and a laptop that is mostly offline, in memory."""

import os
import random

import pytest
import trio

from cozysync.content import decode_recipe
from cozysync.sync.paths import Paths
from cozysync_conflict import Kind, kind_of
from tests.suites.fleet import fleet

SECTIONS = 6
TEXTS = [f"notes{n}.txt" for n in range(6)]
CARDS = [f"contact{n}.vcf" for n in range(4)]
LOG = "backup.log"
PROPERTIES = ["TEL", "EMAIL", "NOTE", "ORG", "TITLE"]
PADDING = "\n".join("." * 70 for _ in range(16)) + "\n"  # beyond what travels inside an entry


def fresh_text():
    return PADDING + "".join(f"section {n}\n- nothing yet\n\n\n" for n in range(SECTIONS))


def fresh_card(n):
    lines = "".join(f"{name}:{n}\n" for name in PROPERTIES)
    return f"BEGIN:VCARD\nVERSION:4.0\nUID:{n}\nFN:Person {n}\n{lines}END:VCARD\n"


class Diary:
    """What everybody did, and which of it was done without knowing of the other."""

    def __init__(self):
        self.edits = []  # (file, section, who, what had been seen)
        self.seen = {}
        self.written = set()

    def edit(self, who, file, section, text):
        self.edits.append((file, section, who, set(self.seen.setdefault(who, set()))))
        self.seen[who].add(len(self.edits) - 1)
        self.written.add((file, text))

    def met(self, *everybody):
        together = set().union(*(self.seen.get(who, set()) for who in everybody))
        for who in everybody:
            self.seen[who] = set(together)

    def clashes(self):
        """The pairs of edits that touched one section of one file, neither knowing the other."""
        return [
            (one, other)
            for one, (file, section, who, seen) in enumerate(self.edits)
            for other in range(one)
            if self.edits[other][:2] == (file, section)
            and self.edits[other][2] != who
            and other not in seen
        ]


class Person:
    def __init__(self, member, diary, chance):
        self.member, self.diary, self.chance = member, diary, chance
        self.number = 0
        self.touched = set()

    def work(self):
        texts = self.member.hands.texts()
        match self.chance.random():
            case x if x < 0.55:
                self.edit_text(texts)
            case x if x < 0.75:
                self.edit_card(texts)
            case x if x < 0.85 and LOG in texts:
                self.save(LOG, texts[LOG] + f"{self.word()}\n")
            case x if x < 0.95:
                self.save(f"{self.member.name}{self.word()}.md", self.word() + "\n")
            case _:
                mine = [p for p in texts if p.startswith(self.member.name) and "old" not in p]
                if mine:
                    path = self.chance.choice(sorted(mine))
                    self.member.hands.move(path, f"old {path}")

    def word(self):
        self.number += 1
        return f"{self.member.name}-{self.number}"

    def edit_text(self, texts):
        file, section = self.chance.choice(TEXTS), self.chance.randrange(SECTIONS)
        if file in self.touched:
            return  # what nobody looked at in between is no version: one edit each
        self.touched.add(file)
        parts = texts[file].split("section ")
        parts[section + 1] = f"{section}\n- {self.word()}\n\n\n"
        text = "section ".join(parts)
        self.diary.edit(self.member.name, file, section, text)
        self.save(file, text)

    def edit_card(self, texts):
        file, name = self.chance.choice(CARDS), self.chance.choice(PROPERTIES)
        lines = [
            f"{name}:{self.word()}" if line.startswith(name + ":") else line
            for line in texts[file].splitlines()
        ]
        self.save(file, "\n".join(lines) + "\n")

    def save(self, path, text):
        self.member.hands.write(path, text)


@pytest.mark.parametrize("seed", range(1, 1 + int(os.environ.get("COZYSYNC_TEST_MONTHS", "3"))))
async def test_a_month(tmp_path, seed):
    chance, diary = random.Random(seed), Diary()
    async with fleet(tmp_path, "ann", "bob", "laptop", frames_at_once=3) as office:
        with trio.fail_after(200):
            people = [Person(member, diary, chance) for member in office.members]
            ann, bob, laptop = people
            await furnish(office, ann)
            begun = office.now() / 1e9
            office.now.pass_hours(1)
            for day in range(30):
                away = laptop.member
                away.remote.unplug()
                for _ in range(2):
                    for person in (ann, bob):
                        for _ in range(chance.randrange(3)):
                            person.work()
                            office.now.pass_hours(0.2)
                    await office.settle(ann.member, bob.member)
                    diary.met("ann", "bob")
                    ann.touched.clear()
                    bob.touched.clear()
                laptop.work()
                await away.look()
                office.now.pass_hours(20)
                if day % 6 == 5:
                    away.remote.plug()
                    await office.settle()
                    diary.met("ann", "bob", "laptop")
                    laptop.touched.clear()
            away.remote.plug()
            shown = await office.settle()
            await check_copies(office, shown, diary)
            await check_versions(office, diary)
            await check_restore(office, shown, chance, begun)


async def furnish(office, ann):
    for file in TEXTS:
        ann.save(file, fresh_text())
    for n, file in enumerate(CARDS):
        ann.save(file, fresh_card(n))
    ann.save(LOG, "begin\n")
    await office.settle()


async def check_copies(office, shown, diary):
    """A copy stands only where two edits touched the same section, and each such file is told."""
    copies = [path for path in shown if "(conflict" in path]
    clashes = diary.clashes()
    torn = {diary.edits[one][0] for one, _ in clashes}
    assert {copy.partition(" (conflict")[0] + ".txt" for copy in copies} == torn
    assert len(copies) <= len(clashes)
    inboxes = [await member.engine.inbox.conflicts() for member in office.members]
    told = [[(c.id, c.state, c.outcome) for c in inbox] for inbox in inboxes]
    assert sorted(told[0]) == sorted(told[1]) == sorted(told[2])
    waiting = [c for c in inboxes[0] if c.state == "open"]
    assert sum(c.outcome == "beside" for c in waiting) == len(waiting) <= len(clashes)
    assert {c.path.rpartition("/")[2] for c in waiting} == torn


async def check_versions(office, diary):
    """Whatever was written can still be fetched, from any of them."""
    inbox = office.members[1].engine.inbox
    ledger = inbox._ledger

    def everything():
        tree = ledger.replica.tree
        rows = ledger.replica.database.connection.execute("SELECT DISTINCT node FROM version")
        return [v.content for (node,) in rows for v in tree.versions(node)]

    texts = set()
    for content in await ledger.do(everything):
        recipe = decode_recipe(content.detail)
        held = await inbox._downloader.chunks([chunk for chunk, _ in recipe.chunks])
        data = recipe.inline or b"".join(held[chunk] for chunk, _ in recipe.chunks)
        texts.add(data.decode())
    lost = {text for _, text in diary.written} - texts
    assert not lost


async def check_restore(office, shown, chance, begun):
    """A file and the whole folder come back as they were, and nobody's tree differs then."""
    member = office.members[0]
    ledger, past = member.engine.ledger, member.engine.past
    tree = ledger.replica.tree
    file = chance.choice(TEXTS)
    folder, _ = Paths(ledger).place(member.folder)
    (node,) = tree.named(folder, file.encode())
    assert kind_of(node) is Kind.FILE
    version = chance.choice(tree.versions(node)[:-1])
    at = (version.stamp.time >> 16) / 1000 + 0.0005
    plan = await past.restore(member.folder / file, at, None)
    await past.restore(member.folder / file, at, plan.seen)
    after = await office.settle()
    assert {p: t for p, t in after.items() if p != file} == {
        p: t for p, t in shown.items() if p != file
    }
    plan = await past.restore(member.folder, begun, None)
    await past.restore(member.folder, begun, plan.seen)
    restored = await office.settle()
    assert all(restored[each] == fresh_text() for each in TEXTS)
    assert all(restored[each] == fresh_card(n) for n, each in enumerate(CARDS))
