"""Every state in which a power cut can leave one group of placing, and what recovery makes of it.

As ALICE does: the group is played once on the simulated disk. Before each of its calls the machine
may stop; for each such point every state that the file system may come back with is made (all of
them where they are few, a bounded number otherwise), the engine's parts start on it, and look.
"""

import copy
import os
import random
import shutil
import tempfile
from itertools import combinations
from pathlib import Path

import pytest

from cozysync.disk import PRIVATE, TRASH
from cozysync.vault import DeviceKeys, RootKeys, create_vault, new_phrase
from cozysync_conflict import Kind
from tests.simulation.desk import Clock, Desk
from tests.simulation.template import memory_directory
from tests.suites.memory_disk import FileSystem, MemoryDisk, Saved, contents

# COZYSYNC_TEST_STATES=40 and more makes nearly all.
STATES_A_POINT = int(os.environ.get("COZYSYNC_TEST_STATES", "3"))
FEW = 9
LOOKING = {"listing", "lstat", "open", "read", "readlink", "room"}
UNSEEN = {b"the person's new file", b"the person's unseen edit"}


@pytest.fixture(scope="module")
def keys():
    device = DeviceKeys.generate()
    return device, create_vault(RootKeys.from_phrase(new_phrase()), device, "ann").keys


def everyday(desk):
    """What the vault then wants, with all that placing can do in it."""
    desk.mkdir(b"new")
    desk.write(b"new/inner", b"new inner")
    desk.move((b"a", b"new/b"))
    desk.move((b"x", b"y"), (b"y", b"x"))
    desk.move((b"d", b"new/d"))
    desk.write(b"c", b"c, second")
    desk.delete(b"e")
    desk.write(b"f", b"f")
    desk.write(b"edited", b"edited elsewhere")
    desk.write(b"taken", b"taken from elsewhere")


FIRST = (b"a", b"x", b"y", b"c", b"e", b"edited", b"d/deep")


@pytest.mark.usefixtures("autojump_clock")
@pytest.mark.parametrize("loosely", [False, True], ids=["as ext4", "loosely"])
async def test_no_crash_while_placing_loses_or_halves_anything(
    loosely, keys, tmp_path_factory, autojump_clock
):
    root = Path(tempfile.mkdtemp(prefix="cozysync-states-", dir=memory_directory()))
    try:
        points = await _recorded(root, keys)
        states = 0
        for name, database, files in points:
            for kept, nodes in _states(files, loosely):
                states += 1
                await _check(root, name, database, files, kept, nodes, keys)
        assert len(points) > 35
        assert states > 100
    finally:
        shutil.rmtree(root)


async def _recorded(root, keys):
    """The group is played; a copy of disk and database from before each call that changes."""
    now = Clock()
    files = FileSystem(now)
    person = MemoryDisk(files, "ann")
    for path in (PRIVATE, PRIVATE + b"/staging", PRIVATE + b"/aside", TRASH):
        person.mkdir(path)
    points = []
    recording = False

    def before(deed, *_):
        if recording and deed not in LOOKING:
            there = root / f"point{len(points)}.db"
            for part in ("", "-wal"):
                shutil.copy(f"{root / 'live.db'}{part}", f"{there}{part}")
            points.append((deed, there, copy.deepcopy(files)))

    desk = Desk(root / "live.db", files, keys, now, before)
    desk.mkdir(b"d")
    for path in FIRST:
        desk.write(path, path + b", first")
    while await desk.place():
        pass
    everyday(desk)
    with person.create(b"taken") as file:
        file.write(b"the person's new file")
    person.overwrite(b"edited", b"the person's unseen edit")
    files.sync()  # what they wrote is theirs for good: no crash may take it
    recording = True
    await desk.place()
    await desk.place()
    recording = False
    desk.close()
    assert {deed for deed, *_ in points} >= {
        "create",
        "write",
        "mkdir",
        "rename",
        "exchange",
        "sync",
    }
    return points


def _states(files, loosely):
    """Which changes of names are kept, and what each file is that was not synced."""
    chance = random.Random(len(files.renamings))
    count = len(files.renamings)
    kept = [list(range(n)) for n in range(count + 1)]
    if loosely:
        some = [c for n in range(count + 1) for c in combinations(range(count), n)]
        if count >= FEW:
            some = [[i for i in range(count) if chance.random() < 0.6] for _ in range(200)]
        kept = [list(each) for each in some if _is_closed(files.renamings, each)]
    if len(kept) > STATES_A_POINT:
        kept = [kept[0], kept[-1], *chance.sample(kept[1:-1], STATES_A_POINT - 2)]
    for at, each in enumerate(kept):
        kinds = ("old", "torn", "new") if at < 2 else (("old", "torn", "new")[at % 3],)
        for kind in kinds:
            yield each, kind


def _is_closed(renamings, kept):
    kept = set(kept)
    return not any(
        renamings[later].needs(renamings[earlier])
        for later in kept for earlier in range(later) if earlier not in kept
    )  # fmt: skip


async def _check(root, name, database, files, kept, kind, keys):
    files = copy.deepcopy(files)
    files.come_back([files.renamings[n] for n in kept], {
        node: _saved(files, node, content, kind) for node, content in files.dirty.items()
    })  # fmt: skip
    there = root / "again.db"
    for part in ("", "-wal"):
        shutil.copy(f"{database}{part}", f"{there}{part}")
    desk = Desk(there, files, keys, Clock())
    what = f"before {name}, {len(kept)} of the names kept, contents {kind}"
    try:
        await desk.ledger.do(desk.placing.recover)
        _look(desk, what)
        findings = desk.scan()
        strange = {each.path for each in findings.appeared} - {b"taken"}
        strange = {path for path in strange if not _is_unseen(files, path)}
        assert not strange, (what, "its own work is taken for a person's", strange)
        assert not findings.vanished, what
        for _ in range(4):
            await desk.intake.take()
            await desk.place()
        _look(desk, what)
        shown = {path: node.data for path, node in contents(files.root).items() if node.data}
        assert shown[b"new/inner"] == b"new inner", what
        assert shown[b"f"] == b"f", what
        assert shown[b"c"] == b"c, second", what
        assert shown[b"x"] == b"y, first", what
        assert shown[b"y"] == b"x, first", what
        assert shown[b"new/b"] == b"a, first", what
        assert shown[b"new/d/deep"] == b"d/deep, first", what
        assert b"e" not in shown, what
    finally:
        desk.close()
        for part in ("", "-wal", "-shm"):
            (root / f"again.db{part}").unlink(missing_ok=True)


def _is_unseen(files, path):
    return contents(files.root)[path].data in UNSEEN


def _saved(files, node, content, kind):
    new = Saved(node.data, node.mtime_ns, node.executable)
    old = files.saved(node) or Saved(b"", node.mtime_ns, False)
    if not content or kind == "new":
        return new
    return old if kind == "old" else Saved(node.data[: len(node.data) // 2], node.mtime_ns, False)


def _look(desk, what):
    """No half file where people look, and all that was unseen is there."""
    whole = {path + b", first" for path in FIRST} | UNSEEN
    whole |= {b"new inner", b"c, second", b"f", b"edited elsewhere", b"taken from elsewhere"}
    public = {p: n.data for p, n in contents(desk.files.root).items() if n.kind is Kind.FILE}
    halves = {path: data for path, data in public.items() if data not in whole}
    assert not halves, (what, halves)
    assert set(public.values()) >= UNSEEN, (what, "a person's file is gone", sorted(public))
