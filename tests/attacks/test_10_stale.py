"""Row 10: a device that came in is shown an older log, or another one, once it begins to read.

It pairs (or recovers) through an honest server, which then goes back, forks, or begins with a
snapshot of its liking before the device's replica has read anything.
"""

import shutil
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio

from cozysync.replica import FolderRow
from cozysync.sync import enrol
from cozysync.sync.alarm import AlarmKind
from cozysync.sync.anew import rejoin
from cozysync.sync.giver import CannotGive
from cozysync.sync.home import Home
from cozysync.sync.http_remote import HttpRemote
from cozysync.sync.recover import recover_vault
from cozysync.sync.replica import open_replica
from cozysync.sync.seams import real_seams
from cozysync.vault import load_secrets, parse_code
from cozysync_protocol import (
    ROOT_DEVICE,
    DeviceAdded,
    EntryKind,
    RolledBack,
    decode_control,
    decode_entry,
)
from tests.attacks.hostile import URL, Scene, Victim, Wire, make_home, open_server, scene
from tests.suites.fleet import Days


@pytest.fixture
async def stage(tmp_path):
    """Ann at work, and cem enrolled, who has not read anything yet."""
    async with scene(tmp_path / "here", "ann", "cem", begin=False) as stage:
        ann = stage.members[0]
        ann.hands.write("old", "what was there before")
        await ann.settle()
        yield stage


@pytest.fixture
async def nursery():
    async with trio.open_nursery() as nursery:
        yield nursery
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def opened(stage, root, bob=None):
    """Another server, over a copy of what this one held, and bob's line to it."""
    store, packs, server = open_server(root / "server")
    if bob is not None:
        bob.wire = Wire(server.app())
    yield Scene(
        root, server, store, packs, stage.phrase, stage.root_keys, stage.created, stage.keys
    )
    if bob is not None:
        await bob.stop()
    store.close()


class Between(Wire):
    """A line on which something happens before the log is first read."""

    def __init__(self, app, deed):
        super().__init__(app)
        self._deed = deed

    async def handle_async_request(self, request):
        if request.method == "GET" and request.url.path.endswith("/log") and self._deed:
            deed, self._deed = self._deed, None
            await deed()
        return await super().handle_async_request(request)


async def paired(stage, root, nursery, monkeypatch, between=None):
    """Bob, who has joined by a code of ann's, and has not begun to read."""
    home = Home.at(root / "bob")
    line = Between(stage.server.app(), between)
    monkeypatch.setattr(enrol, "HttpRemote", partial(HttpRemote, transport=line))
    offering = await stage.members[0].engine.pair()
    async with trio.open_nursery() as pairing:
        pairing.start_soon(offering.finished)
        code = parse_code(offering.code)
        await enrol.join(home, code, "bob", real_seams(), lambda key: None)
    return victim(stage, home, nursery)


async def go_on(stage, root):
    """Copy the server as it is when the newcomer is enrolled; then ann goes on."""
    shutil.copytree(stage.root / "server", root / "there" / "server")
    stage.members[0].hands.write("new", "what the copy does not have")
    await stage.members[0].settle()


async def recovered(stage, root, nursery, monkeypatch):
    """The same, by the recovery phrase."""
    home = Home.at(root / "bob")
    keys, line = stage.root_keys, Wire(stage.server.app())
    remote = HttpRemote(URL, stage.vault, ROOT_DEVICE, keys.sign, transport=line)
    await recover_vault(home, remote, keys, "bob", real_seams())
    await remote.close()
    return victim(stage, home, nursery)


def victim(stage, home, nursery):
    replica = open_replica(home.database)
    replica.folders.put(FolderRow(home.root.parent / f"{home.root.name}-work", "work"))
    replica.close()
    device = load_secrets(home.secrets_file).device
    return Victim("bob", home, stage.server.app(), device, stage.vault, Days(), nursery, None)


CAME_IN = {"paired": paired, "recovered": recovered}


@pytest.fixture(params=CAME_IN)
async def bob(request, stage, tmp_path, nursery, monkeypatch):
    return await CAME_IN[request.param](stage, tmp_path, nursery, monkeypatch)


async def alarm_of(bob):
    with trio.fail_after(30):
        await bob.engine.alarms.until(standing=True)
    return bob.alarm.kind


async def test_an_honest_server_is_believed(stage, bob):
    await bob.start()
    await bob.settle()
    assert bob.hands.texts() == stage.members[0].hands.texts()


async def test_an_older_log_is_a_rollback(stage, bob):
    end = len(stage.frames()) - 2
    bob.wire.on_log(lambda frames: [f for f in frames if f.position <= end], end=end)
    await bob.start()
    assert await alarm_of(bob) is AlarmKind.ROLLBACK
    assert bob.hands.texts() == {}
    await bob.stop()  # no answer of before is on its way
    bob.wire.honest()
    await bob.start()
    await bob.engine.alarms.end()
    await bob.settle()
    assert bob.hands.texts() == stage.members[0].hands.texts()


async def test_a_server_that_says_only_while_it_is_read_that_it_has_gone_back_is_found_out(
    stage, tmp_path, nursery, monkeypatch
):
    bob = await paired(stage, tmp_path, nursery, monkeypatch)
    end = len(stage.frames()) - 2

    def tamper(answer):
        if answer.path.endswith("/log") and answer.body:
            answer.headers["cozysync-end"] = str(end)

    bob.wire.on_log(lambda frames: [f for f in frames if f.position <= end])
    bob.wire.tamperers.insert(0, tamper)
    await bob.start()
    assert await alarm_of(bob) is AlarmKind.ROLLBACK
    assert stage.members[0].alarm is None
    with pytest.raises(CannotGive):  # though it has read some of it
        await bob.engine.give("code")


async def test_a_server_that_goes_back_between_pairing_and_reading_is_found_out(
    stage, tmp_path, nursery, monkeypatch
):
    """And is not told what was written here meanwhile: its log would fork for everybody."""
    bob = await paired(stage, tmp_path, nursery, monkeypatch, partial(go_on, stage, tmp_path))
    async with opened(stage, tmp_path / "there", bob) as there:
        before = there.frames()
        assert len(before) < len(stage.frames())
        await bob.start()
        assert await alarm_of(bob) is AlarmKind.ROLLBACK
        bob.hands.write("mine", "not for an older log")
        await bob.look()
        await bob.engine.alarms.end()
        assert await alarm_of(bob) is AlarmKind.ROLLBACK
        assert there.frames() == before
        assert bob.hands.texts() == {"mine": "not for an older log"}


def enrolment_of(stage, device):
    """The entry by which a device came in."""
    for frame in stage.frames():
        entry = decode_entry(frame.entry)
        if entry.header.kind is EntryKind.CONTROL:
            control = decode_control(entry.body)
            if isinstance(control, DeviceAdded) and control.keys.device == device:
                return frame.entry
    raise AssertionError


@pytest.fixture
async def branch(stage, tmp_path, nursery):
    """Another history: cem, who is shown nothing of ann's, writes on."""
    shutil.copytree(stage.root / "server", tmp_path / "there" / "server")
    async with opened(stage, tmp_path / "there") as there:
        home = make_home(tmp_path / "there", "cem", stage.keys[1], stage.created)
        app = there.server.app()
        cem = Victim("cem", home, app, stage.keys[1], stage.vault, Days(), nursery, None)
        there.members.append(cem)
        await cem.start()
        for name in ("one", "two"):
            cem.hands.write(name, "of another history")
            await cem.settle()
        yield there
        await cem.stop()


@pytest.mark.parametrize("with_snapshot", [False, True])
async def test_another_history_into_which_the_enrolment_was_brought_is_a_fork(
    stage, branch, tmp_path, nursery, monkeypatch, with_snapshot
):
    """Whoever let bob in knew nothing that contradicts it: every entry is genuine and fits."""
    bob = await paired(stage, tmp_path, nursery, monkeypatch)
    device = load_secrets(bob.home.secrets_file).device.id
    cem = branch.members[0]
    await cem.remote.append([enrolment_of(stage, device)])
    await cem.settle()
    assert cem.alarm is None
    if with_snapshot:
        assert await cem.engine.upkeep.snapshots.make(only_if_due=False)
    bob.wire = Wire(branch.server.app())
    await bob.start()
    assert await alarm_of(bob) is AlarmKind.FORK
    assert bob.hands.texts() == {}
    assert bob.engine.replica.cursor.load() is None


async def test_a_snapshot_from_before_is_not_begun_with(stage, tmp_path, nursery, monkeypatch):
    ann = stage.members[0]

    async def copy_and_go_on():
        assert await ann.engine.upkeep.snapshots.make(only_if_due=False)
        shutil.copytree(stage.root / "server", tmp_path / "there" / "server")
        ann.hands.write("new", "what the snapshot does not have")
        await ann.settle()

    bob = await paired(stage, tmp_path, nursery, monkeypatch, copy_and_go_on)
    async with opened(stage, tmp_path / "there", bob):
        await bob.start()
        assert await alarm_of(bob) is AlarmKind.ROLLBACK
        with pytest.raises(RolledBack):  # and not only because somebody else was faster
            await bob.engine._puller.run()
        assert bob.engine.replica.cursor.load() is None


async def test_a_person_can_take_up_the_older_log_all_the_same(
    stage, tmp_path, nursery, monkeypatch
):
    bob = await paired(stage, tmp_path, nursery, monkeypatch, partial(go_on, stage, tmp_path))
    async with opened(stage, tmp_path / "there", bob):
        await bob.start()
        assert await alarm_of(bob) is AlarmKind.ROLLBACK
        await bob.stop()
        rejoin(bob.home)
        await bob.start()
        await bob.settle()
        assert bob.hands.texts() == {"old": "what was there before"}
