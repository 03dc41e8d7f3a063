"""Every check of what the server keeps and lets go of has been seen to fail."""

import sqlite3
from types import SimpleNamespace

from cozysync.server.collection import Collection
from cozysync.server.marks import Marks
from cozysync.server.snapshots import Snapshots
from cozysync.server.store import SqliteStore
from cozysync_protocol import ChunkLocation
from tests.simulation import play, server_checks
from tests.simulation.server import Machine

# Little goes wrong here, and much is let go of.
QUIET = "tidy=5 naps=1 grace=30 active=200"


def wrong(seeds=(53, 57, 59)):
    for seed in seeds:
        if found := play.play(seed, faults=QUIET).wrong:
            return " ".join(found)
    return ""


def test_a_pack_of_nobody_that_stays_is_noticed(monkeypatch):
    monkeypatch.setattr(Collection, "_orphans", lambda *_: [])
    monkeypatch.setattr(Marks, "due", lambda *_: [])
    monkeypatch.setattr(play, "COLLECTED_WITHIN_S", 100)
    assert "is kept, and nobody needs anything in it" in wrong()


def test_packs_of_which_little_is_in_use_are_noticed(monkeypatch):
    packs = {bytes([n]) * 32: 10_000 for n in (1, 2)}
    server = SimpleNamespace(
        vault=bytes(16),
        store=SimpleNamespace(snapshots=SimpleNamespace(packs=lambda _: ())),
        packs=SimpleNamespace(
            all=lambda _: [(pack, 0.0) for pack in packs], size=lambda _, pack: packs[pack]
        ),
    )

    def said(length):
        places = [ChunkLocation(pack, pack, 0, length) for pack in packs]
        monkeypatch.setattr(server_checks, "_in_use", lambda *_: places)
        return list(server_checks.is_small(server, ["ann"]))

    assert not said(6_000)
    assert "bytes of packs are kept" in said(1_000)[0]


def test_a_pack_that_goes_though_an_entry_names_it_is_noticed(monkeypatch):
    monkeypatch.setattr(Marks, "named", lambda *_: [])
    assert "promised to keep pack" in wrong((50, 51, 52))


def test_a_pack_that_goes_before_its_grace_is_over_is_noticed(monkeypatch):
    orphans = Collection._orphans
    monkeypatch.setattr(
        Collection, "_orphans", lambda self, vault, before: orphans(self, vault, before + 1e9)
    )
    assert "promised to keep pack" in wrong()


def test_a_snapshot_that_loses_a_piece_is_noticed(monkeypatch):
    orphans = Collection._orphans

    def careless(self, vault, before):
        packs, self._store.snapshots.packs = self._store.snapshots.packs, lambda _: ()
        try:
            return orphans(self, vault, before)
        finally:
            self._store.snapshots.packs = packs

    monkeypatch.setattr(Collection, "_orphans", careless)
    assert "a piece of the snapshot is gone" in wrong()


def test_a_log_that_loses_its_control_entries_is_noticed(monkeypatch):
    truncate = Snapshots.truncate

    def more(self, vault, reached):
        truncate(self, vault, reached)
        self._connection.execute(
            "DELETE FROM entry WHERE position > 4 AND position <="
            " (SELECT start FROM vault WHERE id = ?)", (vault,),
        )  # fmt: skip

    monkeypatch.setattr(Snapshots, "truncate", more)
    assert "acknowledged an entry" in wrong()


def test_a_log_that_begins_where_no_snapshot_leads_is_noticed(monkeypatch):
    kept = Machine.crash

    def crash(machine):
        kept(machine)
        with sqlite3.connect(machine.data / "server.db") as database:
            database.execute("DELETE FROM snapshot")
        database.close()

    monkeypatch.setattr(Machine, "crash", crash)
    assert "no snapshot leads there" in wrong()


def test_an_entry_that_gets_two_places_is_noticed(monkeypatch):
    append_all = SqliteStore.append_all

    def twice(self, additions):
        return [
            [(place[0] + 1, place[1]) for place in outcome] if twice.again else outcome
            for outcome in append_all(self, additions)
        ]

    twice.again = False
    monkeypatch.setattr(SqliteStore, "append_all", twice)
    known = SqliteStore._known

    def again(self, connection, state, entry):
        found = known(self, connection, state, entry)
        twice.again = found is not None
        return found

    monkeypatch.setattr(SqliteStore, "_known", again)
    found = ""
    for seed in (53, 57, 59, 60, 61):
        found += " ".join(play.play(seed, faults=QUIET + " line=0.4").wrong)
        if found:
            break
    assert "another place" in found
