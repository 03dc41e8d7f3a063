"""The watch says where to look, and says «anywhere» whenever it may have missed something."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import trio

from cozysync.disk import watch
from cozysync.disk.watch import INOTIFY, Watcher

PATIENCE_S = 20
QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")


@pytest.fixture
async def watching(tmp_path, nursery):
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    watcher = Watcher(root)
    send, receive = trio.open_memory_channel(1000)

    async def listen():
        async for directories in watcher.dirty():
            await send.send(directories)

    nursery.start_soon(listen)
    return root, watcher, receive


async def until(receive, wanted):
    with trio.fail_after(PATIENCE_S):
        async for directories in receive:
            if wanted(directories):
                return directories
    return None


async def test_the_first_word_is_anywhere(watching):
    _root, watcher, receive = watching
    assert await until(receive, lambda _: True) is None
    assert watcher.how == INOTIFY


async def test_a_change_names_its_directory(watching):
    root, _watcher, receive = watching
    await until(receive, lambda told: told is None)
    (root / "sub" / "file").write_text("x")
    assert await until(receive, bool) == {b"sub"}
    (root / "file").write_text("x")
    assert await until(receive, lambda told: told and b"" in told) == {b""}


async def test_a_name_that_the_library_cannot_say_is_looked_for_everywhere(watching, monkeypatch):
    monkeypatch.setattr(watch, "RESTART_S", 0.01)
    root, _watcher, receive = watching
    await until(receive, lambda told: told is None)
    (root / os.fsdecode(b"sub/\xff")).write_text("x")
    assert await until(receive, lambda told: told is None) is None
    await until(receive, lambda told: told is None)
    (root / "sub" / "plain").write_text("x")
    assert await until(receive, bool) == {b"sub"}


async def test_our_own_directory_is_nobodys_business(watching):
    root, _watcher, receive = watching
    await until(receive, lambda told: told is None)
    (root / ".cozysync").mkdir()
    (root / ".cozysync" / "file").write_text("x")
    (root / "sub" / "file").write_text("x")
    assert await until(receive, bool) == {b"sub"}


async def test_a_directory_that_is_not_there_yet(tmp_path, nursery, monkeypatch):
    monkeypatch.setattr(watch, "POLL_S", 0.02)
    watcher = Watcher(tmp_path / "later")
    told = watcher.dirty()
    assert await anext(told) is None
    assert watcher.how.startswith("polling")
    (tmp_path / "later").mkdir()
    with trio.fail_after(PATIENCE_S):
        while watcher.how != INOTIFY:
            await anext(told)
    await told.aclose()


async def test_another_directory_at_the_same_path(watching, monkeypatch):
    root, _watcher, receive = watching
    monkeypatch.setattr(watch, "RESTART_S", 0.01)
    await until(receive, lambda told: told is None)
    root.rename(root.with_name("away"))
    (root / "sub").mkdir(parents=True)
    assert await until(receive, lambda told: told is None) is None
    await until(receive, lambda told: told is None)
    (root / "sub" / "file").write_text("x")
    assert await until(receive, bool) == {b"sub"}


FEW_WATCHES = """
import sys, trio
from pathlib import Path
from cozysync.disk.watch import Watcher

Path("/proc/sys/user/max_inotify_watches").write_text("5")

async def main():
    watcher = Watcher(Path(sys.argv[1]))
    with trio.fail_after(20):
        async for directories in watcher.dirty():
            print(directories, watcher.how)
            return

trio.run(main)
"""


def test_where_watches_run_out_it_polls_and_names_the_setting(tmp_path):
    """In a user namespace of its own, whose limit is lowered: the machine's stays as it is."""
    for n in range(20):
        (tmp_path / f"{n}").mkdir()
    command = ["unshare", "--user", "--map-root-user", sys.executable, "-c", FEW_WATCHES, tmp_path]
    if shutil.which("unshare") is None or subprocess.run(["unshare", "--user", "true"]).returncode:
        pytest.skip("user namespaces cannot be made here")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("None polling every"), done.stderr
    assert "fs.inotify.max_user_watches" in done.stdout


LISTENER = """
import sys, trio
from pathlib import Path
from cozysync.disk.watch import Watcher

async def main():
    async for directories in Watcher(Path(sys.argv[1])).dirty():
        print(directories, flush=True)

trio.run(main)
"""


def test_after_more_changes_than_the_kernel_keeps_it_looks_everywhere_and_watches_anew(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    command = [sys.executable, "-c", LISTENER, root]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as listener:
        patience = threading.Timer(PATIENCE_S, listener.kill)
        patience.start()
        try:
            assert listener.stdout.readline() == "None\n"
            os.kill(listener.pid, signal.SIGSTOP)
            for n in range(int(QUEUE.read_text()) // 3):  # made, written, closed
                (root / f"{n}").write_text("x")
            (root / "late").mkdir()
            os.kill(listener.pid, signal.SIGCONT)
            assert "None\n" in iter(listener.stdout.readline, "")
            assert "None\n" in iter(listener.stdout.readline, "")  # now it stands again
            (root / "late" / "file").write_text("x")
            assert any("late" in line for line in iter(listener.stdout.readline, ""))
        finally:
            patience.cancel()
            listener.kill()
