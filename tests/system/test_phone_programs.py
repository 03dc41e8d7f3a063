"""Programs that people have speak to a gateway that listens: litmus, rclone, cadaver.

Where one is not installed its test is left out; `.ci/run` installs them.
"""

import re
import shutil
import subprocess
from functools import partial

import pytest
import trio

from cozysync.gateway.files import FILES, files_door
from cozysync.gateway.scope import Scope
from cozysync.gateway.serve import serve
from tests.suites.memory_view import MemoryView
from tests.suites.phones import GatewayInTest

pytestmark = pytest.mark.system

LONGEST_S = 120


@pytest.fixture
def view(tmp_path):
    staging = tmp_path / "staging"
    staging.mkdir()
    return MemoryView(staging)


@pytest.fixture
async def place(view, tmp_path, nursery):
    """The URL of a folder, and the name and password that lead there."""
    gateway = GatewayInTest(view, [files_door()], tmp_path)
    password = gateway.book.add("anna", Scope())
    port = await nursery.start(partial(serve, gateway.app, "127.0.0.1", 0, None))
    yield f"http://127.0.0.1:{port}{FILES}/Documents/", "anna", password
    nursery.cancel_scope.cancel()


def needs(program):
    return pytest.mark.skipif(
        shutil.which(program) is None, reason=f"{program} is not installed (see .ci/run)"
    )


async def run(*command, cwd, stdin=b"", env=None):
    with trio.fail_after(LONGEST_S):
        done = await trio.run_process(
            command, cwd=cwd, stdin=stdin, env=env, capture_stdout=True, check=False,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
    told = done.stdout.decode(errors="replace")
    assert done.returncode == 0, told
    return told


@needs("litmus")
async def test_litmus_finds_nothing_wrong(place, tmp_path):
    told = await run("litmus", *place, cwd=tmp_path)
    passed = re.findall(r"of (\d+) tests run: (\d+) passed, 0 failed", told)
    assert sum(int(count) for count, _ in passed) == 104, told
    assert all(count == good for count, good in passed), told
    assert "WARNING" not in told


@needs("rclone")
async def test_rclone_syncs_both_ways(place, view, tmp_path):
    url, name, password = place
    here, back = tmp_path / "here", tmp_path / "back"
    (here / "Über uns" / "leer 100%").mkdir(parents=True)
    (here / "Über uns" / "what? #1; ok.txt").write_text("text\n")
    (here / "large").write_bytes(bytes(range(256)) * 20_000)
    obscured = (await run("rclone", "obscure", "-", cwd=tmp_path, stdin=password.encode())).strip()
    there = f":webdav,url='{url}',user={name},pass='{obscured}',vendor=other:"
    rclone = partial(run, "rclone", "--config", "/dev/null", cwd=tmp_path)
    await rclone("sync", "--create-empty-src-dirs", str(here), there)
    await rclone("check", "--download", str(here), there)
    node = (await view.entry("/Documents/large")).node
    await rclone("moveto", f"{there}large", f"{there}Über uns/largest")
    assert (await view.entry("/Documents/Über uns/largest")).node == node
    await rclone("sync", "--create-empty-src-dirs", there, str(back))
    assert (back / "Über uns" / "leer 100%").is_dir()
    assert (back / "Über uns" / "what? #1; ok.txt").read_text() == "text\n"
    assert (back / "Über uns" / "largest").read_bytes() == (here / "large").read_bytes()
    await rclone("purge", f"{there}Über uns")
    assert await view.children("/Documents") == []


@needs("cadaver")
async def test_cadaver_edits_a_tree(place, view, tmp_path):
    url, name, password = place
    host = "127.0.0.1"
    (tmp_path / ".netrc").write_text(f"machine {host}\nlogin {name}\npassword {password}\n")
    (tmp_path / ".netrc").chmod(0o600)
    (tmp_path / "f.txt").write_text("hello\n")
    deeds = """mkcol d\ncd d\nput f.txt\ncopy f.txt g.txt\nmove f.txt h.txt\nlock g.txt\nls
        unlock g.txt\nget g.txt back.txt\ndelete g.txt\nquit\n"""
    home = {"HOME": str(tmp_path)}
    told = await run("cadaver", url, cwd=tmp_path, stdin=deeds.encode(), env=home)
    assert "failed" not in told.lower(), told
    assert (tmp_path / "back.txt").read_text() == "hello\n"
    assert [each.path for each in await view.children("/Documents/d")] == ["/Documents/d/h.txt"]
