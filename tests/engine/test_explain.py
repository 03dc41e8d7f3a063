"""Why a file is not in sync, through whole engines on a real disk."""

import os
import sqlite3

import pytest
import trio

from tests.suites.fleet import fleet


async def explained(member, path):
    found = await member.engine.explainer.explain(member.folder / path)
    assert found.reason
    return found


async def test_each_path_has_its_reason(tmp_path):
    async with fleet(tmp_path, "ann", "bob", on_disk=True) as both:
        ann, _ = both.members
        ann.hands.write(".cozyignore", "*.tmp\nbuild/\n")
        ann.hands.write("in-sync", "x")
        ann.hands.write("a.tmp", "x")
        ann.hands.mkdir("build/deep")
        ann.hands.write("build/deep/x", "x")
        os.mkfifo(ann.folder / "pipe")
        base = sqlite3.connect(ann.folder / "base.db")
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("CREATE TABLE t (x)")
        await ann.engine.settle()
        for path, state, words in (
            ("in-sync", "in_sync", "as it is in the vault"),
            ("a.tmp", "ignored", "«*.tmp»"),
            ("build/deep/x", "ignored", "«build/»"),
            (".cozysync/folder", "ignored", "cozysync's own"),
            ("pipe", "blocked", "socket, pipe or device"),
            (".", "blocked", "pipe"),
            ("base.db", "in_sync", "as it is"),
            ("base.db-wal", "ignored", "database beside it"),
            ("nothing", "absent", "nothing here"),
            ("../elsewhere", "outside", "in no folder"),
        ):
            found = await ann.engine.explainer.explain(
                (ann.folder / path).resolve() if ".." in path else ann.folder / path
            )
            assert (str(found.state), words in found.reason) == (state, True), (path, found)
        base.close()


async def test_what_is_held_and_what_is_paused(tmp_path):
    async with fleet(tmp_path, "ann", on_disk=True) as one:
        (ann,) = one.members
        ann.hands.mkdir("d")
        for n in range(60):
            ann.hands.write(f"d/{n}", "x")
        await ann.settle()
        ann.hands.delete("d")
        await ann.engine.settle()
        found = await explained(ann, "d/7")
        assert str(found.state) == "held"
        assert "approve" in found.remedy
        await ann.engine.pause_folder(ann.folder)
        found = await explained(ann, "d/7")
        assert str(found.state) == "paused"


async def test_what_waits_for_the_server(tmp_path):
    async with fleet(tmp_path, "ann", on_disk=True) as one:
        (ann,) = one.members
        ann.remote.unplug()
        ann.hands.write("small", "travels in its entry")
        (ann.folder / "large").write_bytes(os.urandom(1 << 20))
        await waits(ann, "small")
        await waits(ann, "large")
        ann.remote.plug()
        await ann.until_in_sync()
        assert str((await explained(ann, "large")).state) == "in_sync"


async def waits(member, path):
    with trio.fail_after(30):
        while str((await explained(member, path)).state) != "waiting_for_server":  # noqa: ASYNC110
            await trio.sleep(0.05)


@pytest.mark.parametrize("gone", [False, True])
async def test_a_folder_that_is_away(tmp_path, gone):
    async with fleet(tmp_path, "ann", on_disk=True) as one:
        (ann,) = one.members
        ann.hands.write("x", "x")
        await ann.settle()
        ann.folder.rename(tmp_path / "away")
        if not gone:
            ann.folder.mkdir()
        await ann.engine.settle()
        found = await explained(ann, "x")
        assert str(found.state) == "blocked"
        assert ("not there" in found.reason) is gone
