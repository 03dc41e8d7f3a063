"""Files that are written to without pause, from a program that writes to a device that reads."""

import os
import subprocess
import sys

import trio

from cozysync.content import chunker
from cozysync.sync import upload
from tests.suites.fleet import fleet

MIB = 1 << 20

# Each line says its own number; what has been written is never changed.
LOGGER = """
import itertools, sys, time
with open(sys.argv[1], "a") as log:
    for n in itertools.count():
        log.write(f"{n:019}\\n" * 1000)
        log.flush()
        time.sleep(0.002)
"""
# The whole file is written over, by blocks of one letter, again and again.
SCRIBBLER = """
import itertools, sys
with open(sys.argv[1], "r+b", buffering=0) as file:
    for letter in itertools.cycle(b"abcdefghijklmnopqrstuvwxyz"):
        for block in range(64):
            file.seek(block * 524288)
            file.write(bytes([letter]) * 524288)
"""


async def test_a_log_that_never_rests_is_sent_as_it_was_and_keeps_nobody_waiting(tmp_path):
    async with fleet(tmp_path, "ann", "bob", on_disk=True) as both:
        ann, bob = both.members
        logger = await trio.lowlevel.open_process(
            [sys.executable, "-c", LOGGER, ann.folder / "log"]
        )
        try:
            await bob.until((bob.folder / "log").exists)
            for n in range(3):
                ann.hands.write(f"beside{n}", "x")
                await bob.until((bob.folder / f"beside{n}").exists)
            before = (bob.folder / "log").stat().st_size
            await bob.until(lambda: (bob.folder / "log").stat().st_size > before)
            await ann.until(lambda: any("log: it " in each for each in ann.blocked()))
            *lines, _ = (bob.folder / "log").read_text().split("\n")
            assert [int(line) for line in lines] == [n // 1000 for n in range(len(lines))]
        finally:
            logger.kill()
            await logger.wait()
        await both.settle()
        assert ann.blocked() == []


def is_a_moment(data):
    """Whether the file was like that at any time: a part written, the rest from before."""
    new, old = data[:1], data[-1:]
    written = data.count(new) if new != old else len(data)
    follows = (new[0] - old[0]) % 26 in (0, 1)
    return follows and data == new * written + old * (len(data) - written)


async def test_a_file_that_has_no_moment_is_named_and_not_sent_torn(tmp_path):
    async with fleet(tmp_path, "ann", "bob", on_disk=True) as both:
        ann, bob = both.members
        (ann.folder / "image").write_bytes(b"z" * (64 * 524288))
        await both.settle()
        scribbler = await trio.lowlevel.open_process(
            [sys.executable, "-c", SCRIBBLER, ann.folder / "image"], stdout=subprocess.DEVNULL
        )
        try:
            await ann.until(lambda: any("changes while it is read" in e for e in ann.blocked()))
            outcome = await ann.engine.settle()
            assert not outcome.in_sync
            await bob.settle()
            assert is_a_moment((bob.folder / "image").read_bytes())
        finally:
            scribbler.kill()
            await scribbler.wait()
        await both.settle()
        assert ann.blocked() == []


async def test_a_file_that_grows_while_it_is_read_is_given_up_early(tmp_path, monkeypatch):
    """Grown over the size from which files are cut coarsely, it was sent twice as a whole."""
    monkeypatch.setattr(upload, "LOOK_EVERY", MIB)
    monkeypatch.setattr(chunker, "LARGE_FROM", 9 * MIB)
    data, more = os.urandom(8 * MIB), os.urandom(2 * MIB)
    async with fleet(tmp_path, "ann") as one:
        (ann,) = one.members
        disk, reads = ann.hands._disk, []

        def grow(deed, *_):
            if deed == "read":
                reads.append(deed)
                if len(reads) == 3:
                    disk.overwrite(b"video", data + more)

        with disk.create(b"video") as file:
            file.write(data)
        disk._before = grow
        await ann.until_in_sync()
        sent = sum(map(len, one.server.packs.values()))
        assert len(data + more) <= sent < len(data + more) + 3 * MIB
        assert len(reads) > 3
