"""A phone, and two devices with people at them, who all do anything: what the view tells is true.

`COZYSYNC_TEST_PHONES` plays more of such days.
"""

import os
import random
from contextlib import suppress

import pytest
import trio

from cozysync.gateway.engine_view import view_of
from cozysync.gateway.errors import ViewError
from cozysync.gateway.shown import ShownTree
from cozysync_conflict import Content, Kind
from tests.suites.fleet import fleet
from tests.suites.view_contract import content, everything, put

W = "/work"
SEEDS = range(int(os.environ.get("COZYSYNC_TEST_PHONES", "3")))


class Day:
    """What the phone knows by following cursors, and what of it was answered."""

    def __init__(self, chance, view, members):
        self.chance, self.view, self.members = chance, view, members
        self.known, self.cursor = {}, None
        self.bases, self.answered = [], set()
        self._count = 0

    def _name(self, word, number):
        return f"{word}{self.chance.randrange(number)}"

    def _text(self):
        self._count += 1
        return b"line %d\n" % self._count * self.chance.choice([1, 200])

    def _some(self, *kinds):
        found = [entry for entry in self.known.values() if entry.kind in kinds]
        return self.chance.choice(found) if found else None

    def _directory(self):
        entry = self._some(Kind.DIRECTORY)
        return entry.path if entry is not None and self.chance.random() < 0.7 else W

    async def _put(self, path, **said):
        data = self._text()
        await put(self.view, path, data, **said)
        self.answered.add(data)

    async def phone(self):
        """One deed of the phone, by what it knows, which may be old."""
        entry, view = self._some(*Kind), self.view
        file = self._some(Kind.FILE)
        replace = self.chance.random() < 0.3
        deed = self.chance.choice(
            ["new", "edit", "stale", "make", "move", "copy", "remove", "sync"]
        )
        with suppress(ViewError):
            match deed:
                case "new":
                    await self._put(f"{self._directory()}/{self._name('n', 6)}.txt")
                case "edit" if file is not None:
                    self.bases.append((file.path, file.version))
                    await self._put(file.path, base=file.version)
                case "stale" if self.bases:
                    path, base = self.chance.choice(self.bases)
                    await self._put(path, base=base)
                case "make":
                    await view.make_directory(f"{self._directory()}/{self._name('d', 4)}")
                case "move" if entry is not None:
                    there = f"{self._directory()}/{self._name('m', 5)}"
                    await view.move(entry.path, there, replace=replace)
                case "copy" if entry is not None:
                    there = f"{self._directory()}/{self._name('c', 5)}"
                    await view.copy(entry.path, there, replace=replace)
                case "remove" if entry is not None:
                    await view.remove(entry.path)
                case _:
                    await self.sync(self.chance.choice([1, 3, 100]))

    async def person(self):
        """One deed of somebody at a device."""
        member = self.chance.choice(self.members)
        hands, files = member.hands, sorted(member.hands.texts())
        deed = self.chance.choice(["write", "write", "move", "delete", "make", "line", "settle"])
        with suppress(OSError):
            match deed:
                case "write":
                    path = self.chance.choice([*files, self._name("h", 4)])
                    hands.write(path, self._text().decode())
                case "move" if files:
                    hands.move(self.chance.choice(files), self._name("hm", 9))
                case "delete" if files:
                    hands.delete(self.chance.choice(files))
                case "make":
                    hands.mkdir(self._name("d", 4))
                case "line" if self.members[0].remote.is_plugged:
                    self.members[0].remote.unplug()
                case _:
                    self.members[0].remote.plug()
                    await member.settle()

    async def sync(self, limit):
        changed, removed, self.cursor = await everything(self.view, W, self.cursor, limit)
        for each in removed:
            if each.path in self.known and self.known[each.path].node == each.node:
                del self.known[each.path]
        self.known.update((each.path, each) for each in changed)


def compared(view):
    """The index and the tree that it was made of; work of the ledger."""
    look, tree = view._follower.caught_up(), ShownTree(view._ledger)
    rows = {node: tree.row(node) for node in tree.everything()}
    shown = {node: row for node, row in rows.items() if row is not None}
    return {node: look.node(node).row for node in look.nodes()}, shown


async def listed(view, path):
    for entry in await view.children(path):
        yield entry
        if entry.kind is Kind.DIRECTORY:
            async for each in listed(view, entry.path):
                yield each


def plain(entries):
    """What a phone may compare: of a directory it is told that it changed by what is in it."""
    return {
        each.path: (each.node, each.version if each.kind is Kind.FILE else "") for each in entries
    }


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_happens_phones_are_told_the_truth(tmp_path, monkeypatch, seed):
    monkeypatch.setattr("cozysync.gateway.index.SYNCHRONOUS", "OFF")
    chance = random.Random(seed)
    with trio.fail_after(120):
        async with fleet(tmp_path, "ann", "bob") as people:
            ann = people.members[0]
            await people.settle()
            async with view_of(ann.engine) as view:
                day = Day(chance, view, people.members)
                for _ in range(40):
                    await (day.phone() if chance.random() < 0.5 else day.person())
                    index, shown = await ann.engine.ledger.do(lambda: compared(view))
                    assert index == shown
                ann.remote.plug()
                texts = await people.settle()
                await day.sync(100)
                entries = [entry async for entry in listed(view, W)]
                assert plain(day.known.values()) == plain(entries)
                files = [each for each in entries if each.kind is Kind.FILE]
                assert texts == {
                    each.path.removeprefix(f"{W}/"): (await content(view, each.path)).decode()
                    for each in files
                }
                await nothing_is_lost(ann, day.answered)


async def nothing_is_lost(member, answered):
    """Whatever was answered is a version of some file, and can be had."""

    def work():
        rows = member.engine.replica.database.connection.execute(
            "SELECT digest, detail FROM version WHERE detail <> x''"
        )
        return {digest: Content(digest, detail) for digest, detail in rows}

    contents = await member.engine.ledger.do(work)
    kept = {await member.engine.inbox._downloader.whole(each) for each in contents.values()}
    assert answered <= kept
