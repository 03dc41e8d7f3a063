"""Three random trees: what was last in sync, what the vault says, and what stands on the disk.

In the way of Dropbox's CanopyCheck: looking and placing, over and over, without engine or network,
must bring them together within a few rounds, and nothing that was written may be gone.
"""

import os
import random
import shutil
import tempfile
from pathlib import Path

import pytest
import trio

from cozysync.disk import ASIDE, PRIVATE, STAGING, TRASH, Findings
from cozysync.vault import DeviceKeys, RootKeys, create_vault, new_phrase
from cozysync_conflict import Kind
from tests.simulation.desk import Clock, Desk
from tests.simulation.diary import Diary, words
from tests.simulation.people import Person
from tests.simulation.template import memory_directory
from tests.suites.memory_disk import FileSystem, MemoryDisk, contents

TREES = int(os.environ.get("COZYSYNC_TEST_TREES", "20"))
ROUNDS = 12


@pytest.fixture(scope="module")
def keys():
    device = DeviceKeys.generate()
    return device, create_vault(RootKeys.from_phrase(new_phrase()), device, "ann").keys


class Folder:
    """Stands in for a device: a person works in it."""

    name = "ann"
    is_on = True

    def __init__(self, files, clock):
        self.files = files
        self.hands = MemoryDisk(files, self.name)
        self.clock = self
        self.now_ns = clock

    def hint(self, path):
        pass


@pytest.mark.usefixtures("autojump_clock")
@pytest.mark.parametrize("seed", range(TREES))
async def test_three_trees_come_together(seed, keys):
    root = Path(tempfile.mkdtemp(prefix="cozysync-trees-", dir=memory_directory()))
    desk = None
    try:
        chance, diary, clock = random.Random(seed), Diary(), Clock()
        files = FileSystem(clock)
        person = Person(Folder(files, clock), diary, chance, lambda *_: None, largest=900)
        for path in (PRIVATE, STAGING, ASIDE, TRASH):
            person._disk.mkdir(path)
        desk = Desk(root / "live.db", files, keys, clock)
        for _ in range(chance.randint(5, 30)):
            person.work()
        await _together(desk)
        for _ in range(chance.randint(0, 12)):
            _elsewhere(desk, diary, chance)
        for _ in range(chance.randint(0, 12)):
            person.work()
        _each_is_met_once(desk.scan())
        await _together(desk)
        shown = set().union(*(words(n.data) for n in contents(files.root).values()))
        lost = [w for w, word in diary.words.items() if w not in shown and not word.dismissed]
        assert not lost
    finally:
        if desk is not None:
            desk.close()
        shutil.rmtree(root)


async def _together(desk):
    """Look and place until both have nothing left to do."""
    for _ in range(ROUNDS):
        desk.intake.mark(None)
        await desk.intake.take()
        steps = await desk.place()
        await trio.sleep(1)
        if not steps and desk.scan() == Findings():
            break
    else:
        raise AssertionError(f"no rest after {ROUNDS} rounds: {steps} {desk.scan()}")
    on_disk = {path: node.data for path, node in contents(desk.files.root).items()}
    assert {desk.index.path(node) for node in desk.index.nodes()} == set(on_disk)
    wanted = {desk.index.path(node): desk.tree.wanted(node) for node in desk.tree.everything()}
    assert set(wanted) == set(on_disk)
    assert not list(desk.disk.listing(ASIDE))


def _each_is_met_once(findings):
    """Two stories of one node would be told one over the other."""
    found = [each.row for each in (*findings.changed, *findings.moved)] + findings.settled
    for each in findings.vanished:
        found += [each.root, *each.rows]
    nodes = [row.node for row in found]
    assert len(nodes) == len(set(nodes)), sorted(nodes)


def _elsewhere(desk, diary, chance):
    """Another device does something, having seen all that the vault shows."""
    nodes = sorted(desk.tree.everything())
    directories = [desk.folder, *(n for n in nodes if n[0] == Kind.DIRECTORY)]
    above = chance.choice(directories)
    name = chance.choice((b"a", b"b", b"n0.txt", b"n1.txt", b"m0.bin"))
    deed = chance.randrange(5)
    taken = bool(desk.replica.tree.named(above, name))
    if deed == 0 and not taken:
        desk.mkdir_at(above, name)
    elif deed == 1 and not taken and nodes:
        desk.move_to(chance.choice(nodes), above, name)
    elif deed == 2 and nodes:
        node = chance.choice(nodes)
        for data in desk.delete_all(node):
            diary.wrote(data, b"")
    elif deed >= 3:
        word = diary.word("bob")
        data = b"<begin>\n" + word + b"\n<end>\n"
        files = [n for n in nodes if n[0] == Kind.FILE]
        if deed == 3 and files:
            old = desk.write_to(chance.choice(files), data)
            diary.wrote(old, data)
        elif not taken:
            desk.create_at(above, name, data)
        else:
            diary.words[word[1:-1]].dismissed = True  # never written
