"""A phone that goes offline and comes back: the same tree on both sides, and nothing lost."""

import itertools
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cozysync.gateway.errors import ViewError
from cozysync.gateway.sync_api import sync_door
from cozysync_conflict import Kind
from tests.suites.memory_view import MemoryView
from tests.suites.phone import SyncingPhone
from tests.suites.phones import GatewayInTest, put
from tests.unit.gateway.sync_api.test_uploads import content

D = "/Documents"
PATHS = [f"{D}/a.txt", f"{D}/b", f"{D}/d/a.txt", f"{D}/d/c"]
EXAMPLES = int(os.environ.get("COZYSYNC_TEST_PHONES", "25"))
MEMORY = Path("/dev/shm")  # where flushing takes no time
WHO = ("desk", "phone")


class LineBroken(Exception):
    """The net is away."""


class World:
    """A desktop (writing through the view), a phone, and what each has ever written or removed."""

    def __init__(self, view, home):
        self.view = view
        self.gateway = GatewayInTest(view, [sync_door(view.staging)], home)
        self.numbers = itertools.count(1)
        self.written, self.removed = set(), set()

    async def begin(self, client):
        self.phone = SyncingPhone(client, D, piece=40)
        await self.view.make_directory(f"{D}/d")
        await self.phone.sync()

    async def do(self, who, deed, path, other):
        await getattr(self, f"_{who}_{deed}")(path, other)

    def _token(self, who):
        token = f"{who} {next(self.numbers)} {'.' * 30}\n".encode()
        self.written.add(token)
        return token

    def _gone(self, data):
        self.removed |= {line for line in self.written if line in data}

    def _changed(self, old, token, at_end):
        return old + token if at_end else token + old

    async def _desk_write(self, path, other):
        try:
            entry = await self.view.entry(path)
        except ViewError:
            await put(self.view, path, self._token("desk"), base="")
            return
        old = await content(self.view, path)
        data = self._changed(old, self._token("desk"), other > path)
        await put(self.view, path, data, base=entry.version)

    async def _desk_move(self, path, other):
        try:
            await self.view.move(path, other)
        except ViewError:
            return

    async def _desk_remove(self, path, _):
        try:
            self._gone(await content(self.view, path))
            await self.view.remove(path)
        except ViewError:
            return

    async def _phone_write(self, path, other):
        copy = self.phone.files.get(path)
        old = copy.data if copy is not None else b""
        self.phone.write(path, self._changed(old, self._token("phone"), other > path))

    async def _phone_move(self, path, other):
        if path in self.phone.files and other not in self.phone.files:
            self.phone.move(path, other)

    async def _phone_remove(self, path, _):
        if path in self.phone.files:
            self._gone(self.phone.files[path].data)
            self.phone.remove(path)

    async def sync(self, calls):
        """Sync; with `calls`, until the line breaks after so many half-requests."""
        left = itertools.count(calls, -1)

        def breaks():
            if next(left) <= 0:
                raise LineBroken

        self.phone.breaks = breaks if calls else None
        with suppress(LineBroken):
            await self.phone.sync()
        self.phone.breaks = None

    async def tree(self):
        told = {}
        for entry in (await self.view.changes(D)).changed:
            is_file = entry.kind is Kind.FILE
            told[entry.path] = await content(self.view, entry.path) if is_file else None
        return told


DEEDS = st.tuples(
    st.sampled_from(WHO), st.sampled_from(["write", "write", "move", "remove"]),
    st.sampled_from(PATHS), st.sampled_from(PATHS),
)  # fmt: skip
SYNCS = st.tuples(st.just("sync"), st.integers(0, 12))


def over_memory(home):
    (home / "staging").mkdir()
    return MemoryView(home / "staging")


async def play(steps, home, view=None):
    world = World(view or over_memory(home), home)
    async with world.gateway.phone() as client:
        await world.begin(client)
        for step in steps:
            if step[0] == "sync":
                await world.sync(step[1])
            else:
                await world.do(*step)
        for _ in range(6):
            await world.sync(0)
    tree = await world.tree()
    assert world.phone.tree() == tree
    held = b"".join(data for data in tree.values() if data is not None)
    lost = {token for token in world.written - world.removed if token not in held}
    assert not lost


A, B, C = PATHS[:3]
KNOWN = [
    [("desk", "write", A, A), ("sync", 0), ("phone", "write", A, B), ("desk", "write", A, A)],
    [("desk", "write", B, B), ("sync", 0), ("phone", "write", B, A), ("desk", "write", B, C)],
    [("desk", "write", A, A), ("sync", 0), ("phone", "write", A, A), ("desk", "remove", A, A)],
    [("desk", "write", A, A), ("sync", 0), ("phone", "remove", A, A), ("desk", "write", A, A)],
    [("desk", "write", A, A), ("sync", 0), ("phone", "write", A, A), ("desk", "move", A, C)],
    [("desk", "write", A, A), ("sync", 0), ("phone", "move", A, C), ("desk", "write", A, A)],
    [("phone", "write", A, A), ("desk", "write", A, A), ("sync", 0), ("sync", 0)],
    [("phone", "write", A, A), *[("sync", n) for n in range(1, 12)]],
]


@settings(
    max_examples=EXAMPLES, derandomize=True, deadline=None, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(st.lists(DEEDS | DEEDS | SYNCS, max_size=14))
def test_whatever_happens_apart_both_end_with_the_same_and_nothing_is_lost(steps):
    home = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
    try:
        trio.run(play, steps, home)
    finally:
        shutil.rmtree(home)


@pytest.mark.parametrize("steps", KNOWN)
async def test_what_phones_meet_every_day_ends_well(steps, tmp_path):
    await play(steps, tmp_path)


async def test_a_cursor_that_is_gone_costs_a_listing_and_nothing_else(tmp_path):
    world = World(over_memory(tmp_path), tmp_path)
    async with world.gateway.phone() as client:
        await world.begin(client)
        await world.do("desk", "write", A, A)
        await world.do("desk", "write", B, B)
        await world.sync(0)
        await world.do("desk", "remove", B, B)
        await world.do("phone", "write", C, C)
        world.view._life = "another"
        await world.sync(0)
        await world.sync(0)
    assert world.phone.tree() == await world.tree()
    assert set(world.phone.tree()) == {f"{D}/d", A, C}
