"""Live SQLite databases, from a program that writes to a device that reads."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import trio

from tests.suites.fleet import fleet

# Accounts between which money moves: their sum is the same after every transaction.
WRITER = """
import random, sqlite3, sys, time
path, mode, until = sys.argv[1], sys.argv[2], time.monotonic() + float(sys.argv[3])
base = sqlite3.connect(path, timeout=30, isolation_level=None)
base.execute(f"PRAGMA journal_mode = {mode}")
base.execute("PRAGMA cache_size = 10")  # pages go to the file before the transaction ends
base.execute("BEGIN IMMEDIATE")
base.execute("CREATE TABLE IF NOT EXISTS account (id INTEGER PRIMARY KEY, money INT, pad TEXT)")
base.executemany("INSERT OR IGNORE INTO account VALUES (?, 100, ?)",
                 [(n, "x" * 400) for n in range(400)])
base.execute("COMMIT")
while time.monotonic() < until:
    base.execute("BEGIN IMMEDIATE")
    for _ in range(100):
        one, other = random.sample(range(400), 2)
        base.execute("UPDATE account SET money = money - 1 WHERE id = ?", (one,))
        base.execute(
            "UPDATE account SET money = money + 1, pad = pad || 'y' WHERE id = ?", (other,)
        )
    base.execute("COMMIT")
    time.sleep(random.random() * 0.01)
"""
SECONDS = float(os.environ.get("COZYSYNC_TEST_DATABASE_S", "4"))


def is_sound(data, place):
    place.write_bytes(data)
    with closing(sqlite3.connect(place)) as base:
        whole = base.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return whole and base.execute("SELECT SUM(money) FROM account").fetchone() == (40_000,)


@pytest.mark.parametrize("mode", ["DELETE", "TRUNCATE", "MEMORY", "WAL"])
async def test_a_database_that_is_written_to_arrives_whole_every_time(tmp_path, mode):
    async with fleet(tmp_path, "ann", "bob", on_disk=True) as both:
        ann, bob = both.members
        there, here = ann.folder / "base.db", bob.folder / "base.db"
        writers = [program(WRITER, there, mode, str(SECONDS)) for _ in range(2)]
        samples, seen = 0, None
        while any(writer.poll() is None for writer in writers):
            await trio.sleep(0.02)
            now = os.stat(here).st_ino if here.exists() else None
            if now != seen:
                seen = now
                data = here.read_bytes()
                if data:
                    assert is_sound(data, tmp_path / "sample.db")
                    samples += 1
        assert [writer.wait() for writer in writers] == [0, 0]
        assert samples
        for path in ann.folder.glob("base.db-*"):
            path.unlink()  # an empty journal stays, and stays here
        await both.settle()
        assert here.read_bytes() == there.read_bytes()
        assert is_sound(here.read_bytes(), tmp_path / "sample.db")
        assert [path.name for path in bob.folder.iterdir() if path.name != ".cozysync"] == [
            "base.db"
        ]


def program(script, *arguments, **streams):
    return subprocess.Popen([sys.executable, "-c", script, *arguments], **streams)


def filled(path, mode, value):
    base = sqlite3.connect(path, isolation_level=None)
    base.execute(f"PRAGMA journal_mode = {mode}")
    base.execute("CREATE TABLE IF NOT EXISTS t (value TEXT)")
    base.execute("INSERT INTO t VALUES (?)", (value,))
    return base


def values(path):
    with closing(sqlite3.connect(path)) as base:
        assert base.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [row[0] for row in base.execute("SELECT value FROM t")]


HOLDER = "import sys; file = open(sys.argv[1], 'rb+'); print(flush=True); sys.stdin.read()"


async def held_open(path):
    """A program that keeps the file open, and does nothing."""
    process = program(HOLDER, path, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    await trio.to_thread.run_sync(process.stdout.readline)
    return process


@pytest.mark.parametrize("deed", ["edit", "delete", "rename"])
async def test_a_database_that_is_open_is_left_alone_until_it_is_closed(tmp_path, deed):
    async with fleet(tmp_path, "ann", "bob", on_disk=True) as both:
        ann, bob = both.members
        filled(ann.folder / "base.db", "DELETE", "one").close()
        await both.settle()
        holder = await held_open(bob.folder / "base.db")
        inode = os.stat(bob.folder / "base.db").st_ino
        if deed == "edit":
            filled(ann.folder / "base.db", "DELETE", "two").close()
        elif deed == "delete":
            ann.hands.delete("base.db")
        else:
            ann.hands.move("base.db", "other.db")
        await ann.settle()
        outcome = await bob.engine.settle()
        assert not outcome.in_sync
        assert "has this database open" in bob.blocked()[0]
        assert os.stat(bob.folder / "base.db").st_ino == inode
        holder.communicate(b"")
        await bob.until_in_sync()
        assert bob.hands.texts().keys() == ann.hands.texts().keys()


async def test_a_log_is_never_left_beside_another_base(tmp_path):
    async with fleet(tmp_path, "ann", "bob", on_disk=True) as both:
        ann, bob = both.members
        filled(ann.folder / "base.db", "WAL", "one").close()
        await both.settle()
        base = filled(bob.folder / "base.db", "WAL", "bob's")
        assert (bob.folder / "base.db-wal").stat().st_size
        filled(ann.folder / "base.db", "WAL", "ann's").close()
        await ann.settle()
        await bob.engine.settle()
        assert values(bob.folder / "base.db") == ["one", "bob's"]
        base.close()
        tree = await both.settle()
        # Bob's is found once or twice: before it was closed, Ann's edit may have had the name.
        found = {tuple(values(ann.folder / name)) for name in tree}
        assert found == {("one", "ann's"), ("one", "bob's")}
        assert any("conflict" in name for name in tree)


async def test_what_stands_in_the_log_alone_is_sent(tmp_path):
    async with fleet(tmp_path, "ann", "bob", on_disk=True) as both:
        ann, bob = both.members
        base = filled(ann.folder / "base.db", "WAL", "one")
        await ann.settle()
        await bob.settle()
        base.execute("INSERT INTO t VALUES ('two')")
        assert b"two" not in (ann.folder / "base.db").read_bytes()
        await ann.settle()
        await bob.settle()
        assert values(bob.folder / "base.db") == ["one", "two"]
        base.close()
        tree = await both.settle()
        assert list(tree) == ["base.db"]


async def test_files_that_are_only_named_so_travel(tmp_path):
    async with fleet(tmp_path, "ann", "bob", on_disk=True) as both:
        ann, bob = both.members
        names = ["notes", "notes-journal", "alone-wal"]
        for name in names:
            ann.hands.write(name, "just text")
        assert sorted(await both.settle()) == sorted(names)
        assert Path(bob.folder / "notes-journal").read_text() == "just text"
