"""What the server deletes, when, and what it keeps nevertheless."""

import hashlib
import os
import sqlite3

import pytest

from cozysync.server.collection import DAY_S, Collection, Keeping
from cozysync.server.failures import Refusal
from cozysync.server.packs import DirectoryPacks
from cozysync.server.schema import _FIRST, _SECOND
from cozysync.server.store import SqliteStore
from cozysync.server.verify import verify
from cozysync_protocol import (
    ErrorCode,
    LogState,
    PackId,
    PacksDoomed,
    SnapshotPointer,
    encode_entry,
)
from tests.unit.protocol.logs import ANN, BOB, VAULT, Log, added, revoked

NOW = 1_800_000_000


class Site:
    """A server's data, a log that grows on it, and the server's clock."""

    def __init__(self, data, keeping=None):
        self.data, self.now = data, NOW
        self.packs = DirectoryPacks(data / "packs")
        self.store = SqliteStore(data / "server.db", self.packs.missing, lambda: self.now)
        self.collection = Collection(self.store, self.packs, keeping or Keeping())
        self.log = Log()
        self.store.create_vault(self.store.invite(), encode_entry(self.log.entries[0]))
        self.add(ANN, added(BOB))

    def add(self, who, control=None, **changes):
        before = self.log.state
        entry = self.log.append(who, control, **changes)
        try:
            self.store.append(VAULT, [encode_entry(entry)])
        except Refusal:
            self.log.state = before
            self.log.entries.pop()
            raise

    def put(self, size=2000):
        data = os.urandom(size)
        pack = PackId(hashlib.sha256(data).digest())
        writer = self.packs.writer(VAULT, pack)
        writer.write(data)
        writer.finish()
        os.utime(self.packs.path(VAULT, pack), (self.now, self.now))
        return pack

    def has(self, pack):
        return self.packs.size(VAULT, pack) is not None

    def read_by(self, *who):
        for each in who:
            self.store.note_contact(VAULT, each.id)
            self.store.heard(self.store.state(VAULT), each.id, self.log.state.position)

    def snapshot(self, who=ANN, packs=None):
        version, _ = self.store.snapshots.pointer(VAULT)
        state = self.log.state
        packs = (self.put(),) if packs is None else packs
        pointer = SnapshotPointer(VAULT, who.id, state.position, state.head, state.epoch, 1, packs)
        self.store.snapshots.put(VAULT, version, pointer.signed(who.sign).encode())
        return packs

    def collect(self, days=0.0):
        self.now += int(days * DAY_S)
        self.collection.collect(VAULT, self.now, self.now)

    def entries(self):
        return len(self.store.read(VAULT, self.store.snapshots.start(VAULT), 1000, 1 << 40))


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    yield site
    site.store.close()


def refusal(work):
    with pytest.raises(Refusal) as caught:
        work()
    return caught.value.problem.code


# --- the log --------------------------------------------------------------------------------------


def test_the_log_below_the_snapshot_goes_when_all_have_read_it_and_control_entries_stay(site):
    for _ in range(5):
        site.add(ANN)
    site.snapshot()
    site.read_by(ANN)
    site.collect()
    assert site.store.snapshots.start(VAULT) == 0
    site.read_by(BOB)
    site.collect()
    assert site.store.snapshots.start(VAULT) == 7
    assert refusal(lambda: site.store.read(VAULT, 6, 10, 1 << 20)) is ErrorCode.HORIZON
    assert site.store.read(VAULT, 7, 10, 1 << 20) == []
    controls = site.store.read(VAULT, 0, 10, 1 << 20, control=True)
    assert [frame.position for frame in controls] == [1, 2]
    site.add(BOB)
    assert site.entries() == 1


@pytest.mark.parametrize("why", ["away for long", "revoked"])
def test_who_is_gone_holds_nothing_up(site, why):
    site.add(ANN)
    if why == "revoked":
        site.add(ANN, revoked(BOB))
    else:
        site.now += 31 * DAY_S
    site.snapshot()
    site.read_by(ANN)
    site.collect()
    assert site.store.snapshots.start(VAULT) > 0


def test_an_entry_that_is_gone_is_not_taken_again(site):
    site.add(BOB)
    sent = encode_entry(site.log.entries[-1])
    site.add(ANN)
    site.snapshot()
    site.read_by(ANN, BOB)
    site.collect()
    assert refusal(lambda: site.store.append(VAULT, [sent])) is ErrorCode.HORIZON


def test_a_log_without_its_beginning_verifies_and_a_hole_in_the_rest_is_found(site):
    for _ in range(4):
        site.add(ANN, packs=(site.put(),))
    site.snapshot()
    site.read_by(ANN, BOB)
    site.collect()
    site.add(BOB)
    site.add(ANN)
    report = verify(site.data)
    assert report.is_clean, report.findings
    assert report.packs == 5
    with sqlite3.connect(site.data / "server.db") as other:
        other.execute("DELETE FROM entry WHERE position = 7")
    other.close()
    assert not verify(site.data).is_clean


def test_the_file_shrinks_with_the_log(site):
    for _ in range(200):
        site.add(ANN, body=os.urandom(5000))
    site.store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = (site.data / "server.db").stat().st_size
    site.snapshot()
    site.read_by(ANN, BOB)
    site.collect()
    site.store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert (site.data / "server.db").stat().st_size < before / 5


# --- snapshots ------------------------------------------------------------------------------------


def test_a_snapshot_of_what_never_was_is_refused(site):
    state, packs = site.log.state, (site.put(),)
    good = SnapshotPointer(VAULT, ANN.id, state.position, state.head, state.epoch, 1, packs)
    for code, bad in (
        (ErrorCode.FORK, SnapshotPointer(VAULT, ANN.id, 2, bytes(32), 1, 1, packs)),
        (ErrorCode.FORK, SnapshotPointer(VAULT, ANN.id, 9, state.head, 1, 1, packs)),
        (ErrorCode.UNKNOWN_PACK, SnapshotPointer(VAULT, ANN.id, 2, state.head, 1, 1, (bytes(32),))),
    ):
        pointer = bad.signed(ANN.sign).encode()
        assert refusal(lambda p=pointer: site.store.snapshots.put(VAULT, 0, p)) is code
    pointer = good.signed(ANN.sign).encode()
    assert refusal(lambda: site.store.snapshots.put(VAULT, 1, pointer)) is ErrorCode.CONFLICT
    assert site.store.snapshots.put(VAULT, 0, pointer) == 1


def test_the_packs_of_a_snapshot_stay_until_another_takes_its_place(site):
    (first,) = site.snapshot()
    site.collect(days=8)
    assert site.has(first)
    site.add(ANN)
    (second,) = site.snapshot()
    os.utime(site.packs.path(VAULT, first), (site.now, site.now))  # as the interface does
    site.collect(days=6)
    assert site.has(first)
    site.collect(days=2)
    assert not site.has(first)
    assert site.has(second)


# --- packs ----------------------------------------------------------------------------------------


def test_a_doomed_pack_goes_when_all_have_read_of_it_and_the_grace_is_over(site):
    pack, other = site.put(), site.put()
    site.add(ANN, packs=(pack, other))
    site.add(ANN, PacksDoomed((pack,)))
    site.read_by(ANN)
    site.collect(days=8)
    assert site.has(pack)  # bob may still read the one before
    site.read_by(ANN, BOB)
    site.collect()
    assert not site.has(pack)
    assert site.has(other)
    assert verify(site.data).is_clean


def test_a_doomed_pack_stays_for_the_grace_though_all_have_read_of_it(site):
    pack = site.put()
    site.add(ANN, packs=(pack,))
    site.add(ANN, PacksDoomed((pack,)))
    site.read_by(ANN, BOB)
    site.collect(days=6)
    assert site.has(pack)
    site.read_by(ANN, BOB)
    site.collect(days=2)
    assert not site.has(pack)


def test_nobody_names_a_doomed_pack_any_more(site):
    pack = site.put()
    site.add(ANN, packs=(pack,))
    site.add(ANN, PacksDoomed((pack,)))
    assert refusal(lambda: site.add(BOB, packs=(pack,))) is ErrorCode.UNKNOWN_PACK


def test_a_pack_that_another_has_just_named_is_not_doomed(site):
    pack = site.put()
    site.add(ANN, packs=(pack,))
    seen = {"seen_position": site.log.state.position, "seen_head": site.log.state.head}
    site.add(BOB, packs=(pack,))
    assert refusal(lambda: site.add(ANN, PacksDoomed((pack,)), **seen)) is ErrorCode.PACK_IN_USE
    site.add(ANN, PacksDoomed((pack,)))  # who has seen that may


def test_packs_that_nobody_names_go_after_the_grace(site):
    early = site.put()
    site.now += 6 * DAY_S
    late = site.put()
    site.collect(days=2)
    assert not site.has(early)
    assert site.has(late)
    site.add(ANN, packs=(late,))
    site.collect(days=30)
    assert site.has(late)
    assert refusal(lambda: site.add(BOB, packs=(early,))) is ErrorCode.UNKNOWN_PACK


def test_a_kill_between_a_pack_and_its_note_is_made_good(site):
    pack = site.put()
    site.add(ANN, packs=(pack,))
    site.add(ANN, PacksDoomed((pack,)))
    site.read_by(ANN, BOB)
    forget = site.store.forget_packs

    def killed(*_):
        raise KeyboardInterrupt

    site.store.forget_packs = killed
    with pytest.raises(KeyboardInterrupt):
        site.collect(days=8)
    site.store.forget_packs = forget
    assert not site.has(pack)
    site.read_by(ANN, BOB)
    site.collect()
    assert site.store.marks.due(VAULT, 1 << 40, 1 << 40) == []


# --- older databases ------------------------------------------------------------------------------


def test_an_older_database_is_brought_up_with_what_its_log_says(tmp_path):
    log = Log()
    log.append(ANN, added(BOB))
    log.append(ANN, packs=(bytes([1]) * 32,))
    log.append(BOB, packs=(bytes([2]) * 32,))
    old = sqlite3.connect(tmp_path / "server.db", isolation_level=None)
    old.executescript(_FIRST + _SECOND + "PRAGMA user_version = 2;")
    state = LogState(VAULT)
    for position, entry in enumerate(log.entries, 1):
        header = entry.header
        head = log.state.heads[position]
        row = (VAULT, position, header.device, header.sequence, head, encode_entry(entry))
        old.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)", row)
        state = log.state
    old.execute("INSERT INTO vault VALUES (?, ?, ?)", (VAULT, 4, state.encode()))
    old.close()
    store = SqliteStore(tmp_path / "server.db", lambda *_: [], lambda: NOW)
    packs = [bytes([n]) * 32 for n in (1, 2, 3)]
    assert store.marks.named(VAULT, packs) == packs[:2]
    assert [f.position for f in store.read(VAULT, 0, 10, 1 << 20, control=True)] == [1, 2]
    readers = store.marks.readers(VAULT)
    assert {readers[ANN.id].position, readers[BOB.id].position} == {2, 3}
    store.close()
