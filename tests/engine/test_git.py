"""Repositories that are worked in, on two devices, on real disks."""

import re
import subprocess

import trio

from tests.suites.fleet import fleet

ODD = re.compile(r"conflict|\([0-9a-f]{6}\)|\.lock$|tmp_")
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/nonexistent",
    "GIT_AUTHOR_NAME": "t",
    "GIT_AUTHOR_EMAIL": "t@example.org",
    "GIT_COMMITTER_NAME": "t",
    "GIT_COMMITTER_EMAIL": "t@example.org",
}


async def git(where, *arguments):
    done = await trio.run_process(
        ["git", *arguments], cwd=where, env=ENVIRONMENT, capture_stdout=True,
        stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (arguments, done.stdout.decode())
    return done.stdout.decode()


async def commit(where, n):
    (where / f"file{n % 7}").write_text(f"{n}\n" * 50)
    await git(where, "add", ".")
    await git(where, "commit", "-qm", f"commit {n}")


async def is_sound(*places):
    for place in places:
        told = await git(place, "fsck", "--full", "--strict")
        assert "error" not in told
        names = [str(path.relative_to(place)) for path in (place / ".git").rglob("*")]
        assert not [name for name in names if ODD.search(name)]
        await git(place, "status")


async def test_a_repository_that_is_worked_in_is_sound_at_rest(tmp_path):
    async with fleet(tmp_path, "ann", "bob", on_disk=True) as both:
        ann, bob = both.members
        here, there = ann.folder / "repo", bob.folder / "repo"
        here.mkdir()
        await git(here, "init", "-q", "-b", "main")
        for n in range(12):
            await commit(here, n)
        await git(here, "gc", "-q", "--prune=now")
        await git(here, "switch", "-qc", "topic", "HEAD~3")
        (here / "of the topic").write_text("x")
        await git(here, "add", ".")
        await git(here, "commit", "-qm", "on the topic")
        await git(here, "rebase", "-q", "main")
        for n in range(20, 26):
            await commit(here, n)
        await git(here, "pack-refs", "--all")
        tree = await both.settle()
        assert await git(there, "rev-parse", "HEAD") == await git(here, "rev-parse", "HEAD")
        assert await git(there, "status", "--porcelain") == ""
        await is_sound(here, there)
        assert tree


async def test_commits_made_apart_break_nothing_and_make_no_odd_names(tmp_path):
    async with fleet(tmp_path, "ann", "bob", on_disk=True) as both:
        ann, bob = both.members
        here, there = ann.folder / "repo", bob.folder / "repo"
        here.mkdir()
        await git(here, "init", "-q", "-b", "main")
        for n in range(4):
            await commit(here, n)
        await both.settle()
        for member in both.members:
            member.remote.unplug()
        for n in range(10, 14):
            await commit(here, n)
        await git(here, "branch", "topic")
        await git(here, "gc", "-q", "--prune=now")
        for n in range(30, 33):
            await commit(there, n)
        await git(there, "branch", "topic/deep")
        await git(there, "pack-refs", "--all")
        for member in both.members:
            member.remote.plug()
        await both.settle()
        await is_sound(here, there)
        assert await git(there, "rev-parse", "HEAD") == await git(here, "rev-parse", "HEAD")
        assert ann.engine.inbox.count() > 0
