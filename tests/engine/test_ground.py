"""Folders that go, come back, or are not what they were, on a real disk."""

import errno
import os
import shutil
import subprocess

import pytest

from cozysync.disk import RootState
from tests.suites.fleet import fleet


def mount(*arguments):
    if shutil.which("mount") is None or subprocess.run(["mount", *arguments]).returncode:
        pytest.skip("only who may mount can try this")


def unmount(place):
    # Lazily: one that stayed, for whatever reason, would trouble every later run.
    subprocess.run(["umount", "-l", place], check=True)


async def filled(both):
    ann, bob = both.members
    ann.hands.mkdir("d")
    for n in range(5):
        ann.hands.write(f"d/{n}", f"text {n}")
    tree = await both.settle()
    return ann, bob, tree


async def stands_in_the_way(member, words):
    assert not (await member.engine.settle()).in_sync
    assert words in member.blocked()[0]


async def test_a_disk_that_is_not_mounted_deletes_nothing_and_goes_on_when_it_is(tmp_path):
    async with fleet(tmp_path, "ann", "bob", on_disk=True) as both:
        ann, bob, tree = await filled(both)
        disk = tmp_path / "disk"
        ann.folder.rename(disk)
        ann.folder.mkdir()
        mount("--bind", disk, ann.folder)
        try:
            await ann.stop()
            await ann.start()
            assert await both.settle() == tree
        finally:
            unmount(ann.folder)  # nothing keeps it busy
        await stands_in_the_way(ann, "not the folder that was bound")
        await bob.settle()
        assert bob.hands.texts() == tree
        bob.hands.write("meanwhile", "x")
        await bob.settle()
        mount("--bind", disk, ann.folder)
        try:
            assert (await both.settle()).keys() == tree.keys() | {"meanwhile"}
            assert ann.blocked() == []
        finally:
            unmount(ann.folder)


async def test_a_folder_that_is_away_when_the_daemon_starts_is_waited_for(tmp_path):
    async with fleet(tmp_path, "ann", "bob", on_disk=True) as both:
        ann, bob, tree = await filled(both)
        await ann.stop()
        ann.folder.rename(tmp_path / "away")
        await ann.start()
        await stands_in_the_way(ann, "not there")
        ann.folder.mkdir()
        await stands_in_the_way(ann, "not the folder that was bound")
        ann.folder.rmdir()
        (tmp_path / "away").rename(ann.folder)
        assert await both.settle() == tree
        assert bob.hands.texts() == tree


async def test_nothing_is_placed_in_a_folder_that_went_while_it_was_looked_at(tmp_path):
    """What stands in its place may be the empty directory below a disk that was taken away."""
    async with fleet(tmp_path, "ann", "bob") as both:
        ann, bob = both.members
        await both.settle()
        await ann.stop()
        bob.hands.mkdir("new")
        bob.hands.write("new/a", "x")
        await bob.settle()
        there, changes = [RootState.OK], []

        def go(deed, *paths):
            if deed == "listing":
                there[0] = RootState.ABSENT
            elif deed in ("mkdir", "rename"):
                changes.append(paths)

        disk = ann.hands._disk
        disk._before = go
        ann._ground.check = lambda *_: there[0]
        await ann.start()
        await ann.until(lambda: any("not there" in each for each in ann.blocked()))
        assert changes == []
        disk._before = lambda *_: None
        there[0] = RootState.OK
        await ann.until_in_sync()
        assert await both.settle() == {"new/a": "x"}


async def test_what_a_copy_lacks_is_not_deleted_before_somebody_says_so(tmp_path):
    async with fleet(tmp_path, "ann", "bob", on_disk=True) as both:
        ann, bob, tree = await filled(both)
        await ann.stop()
        ann.folder.rename(tmp_path / "original")
        shutil.copytree(tmp_path / "original", ann.folder, symlinks=True)
        (ann.folder / "d" / "3").unlink()
        await ann.start()
        await stands_in_the_way(ann, "a copy of it")
        await bob.settle()
        assert bob.hands.texts() == tree
        (found,) = ann.engine.approvals.list()
        await ann.engine.approvals.decide(ann.folder, found["seen"], allow=False)
        assert await both.settle() == tree
        ann.hands.delete("d/3")
        assert (await both.settle()).keys() == tree.keys() - {"d/3"}


async def test_a_whole_copy_is_taken_for_the_folder(tmp_path):
    async with fleet(tmp_path, "ann", "bob", on_disk=True) as both:
        ann, _, tree = await filled(both)
        ann.folder.rename(tmp_path / "original")
        shutil.copytree(tmp_path / "original", ann.folder, symlinks=True)
        assert await both.settle() == tree
        ann.hands.delete("d/3")
        assert (await both.settle()).keys() == tree.keys() - {"d/3"}


async def test_a_name_that_the_disk_refuses_is_named_and_keeps_no_other_waiting(tmp_path):
    async with fleet(tmp_path, "ann", "bob", on_disk=True) as both:
        ann, bob, tree = await filled(both)
        mount("-t", "tmpfs", "-o", "ro", "tmpfs", bob.folder / "d")
        try:
            ann.hands.write("d/new", "x")
            ann.hands.write("beside", "y")
            await ann.settle()
            assert not (await bob.engine.settle()).in_sync
            assert (bob.folder / "beside").read_text() == "y"
            assert any("d/new: it cannot be put in place" in each for each in bob.blocked())
        finally:
            unmount(bob.folder / "d")
        await bob.until_in_sync()
        assert await both.settle() == tree | {"d/new": "x", "beside": "y"}


async def test_a_disk_that_fills_up_loses_nothing_and_goes_on_by_itself(tmp_path, monkeypatch):
    async with fleet(tmp_path, "ann", "bob", on_disk=True) as both:
        ann, bob, _ = await filled(both)
        await bob.stop()
        disk = tmp_path / "disk"
        bob.folder.rename(disk)
        bob.folder.mkdir()
        mount("-t", "tmpfs", "-o", "size=4m", "tmpfs", bob.folder)
        try:
            shutil.copytree(disk, bob.folder, dirs_exist_ok=True)
            await bob.start()
            folder = await bob.folder_at_work()
            # As when others fill the disk between the look at its room and the writing.
            monkeypatch.setattr(folder._disk, "room", lambda: 1 << 40)
            (bob.folder / "filler").write_bytes(bytes(2 << 20))
            (ann.folder / "large").write_bytes(os.urandom(3 << 20))
            await ann.settle()
            outcome = await bob.engine.settle()
            assert not outcome.in_sync
            assert any(os.strerror(errno.ENOSPC) in each for each in bob.blocked())
            (bob.folder / "filler").unlink()
            await bob.until_in_sync()
            assert (bob.folder / "large").read_bytes() == (ann.folder / "large").read_bytes()
            assert not list((bob.folder / ".cozysync" / "staging").iterdir())
        finally:
            await bob.stop()
            unmount(bob.folder)
            bob.folder.rmdir()
            disk.rename(bob.folder)
            await bob.start()


@pytest.mark.parametrize("heard", [False, True])
async def test_the_trash_is_emptied_by_a_clock_that_the_server_confirms(tmp_path, heard):
    async with fleet(tmp_path, "ann", on_disk=True) as one:
        (ann,) = one.members
        resting = ann.folder / ".cozysync" / "trash" / "2020-02-02" / "resting"
        resting.parent.mkdir(parents=True)
        resting.write_text("deleted long ago, or today by a clock that is wrong")
        if heard:
            ann.engine.link.heard_time(one.now() / 1e9)
        await ann.settle()
        ann.hands.write("x", "x")
        await ann.settle()
        await ann.settle()
        assert resting.exists() is not heard
