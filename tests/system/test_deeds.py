"""What people and programs do to files, on three devices, and that the server learns none of it."""

import os
import shutil

import pytest

from tests.system.world import World

pytestmark = pytest.mark.system

CANARIES = (b"canary-in-a-name", b"canary in a content")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("world"), "ann", "bob", "eve")
    try:
        world.bind()
        folder = world.devices[0].folder
        for n in range(8):
            (folder / f"file{n}").write_text(f"file {n}\n" * 50)
        (folder / "docs" / "deep").mkdir(parents=True)
        (folder / "docs" / "deep" / "page").write_text("page")
        (folder / "empty").mkdir()
        (folder / "canary-in-a-name").write_text("canary in a content")
        (folder / "link").symlink_to("docs/deep/page")
        world.settle()
        yield world
    finally:
        world.close()


def save_by_rename(folder):
    """As vim does with a backup: the old file moved away, a new one in its place."""
    os.rename(folder / "file1", folder / "file1~")
    (folder / "file1").write_text("saved by vim")
    (folder / "file1~").unlink()


def save_over(folder):
    """As LibreOffice does: a temporary file, renamed over the old one."""
    (folder / "lu12345.tmp").write_text("saved by LibreOffice")
    os.replace(folder / "lu12345.tmp", folder / "file2")


def swap(folder):
    os.rename(folder / "file6", folder / "between")
    os.rename(folder / "file7", folder / "file6")
    os.rename(folder / "between", folder / "file7")


def append(folder):
    with (folder / "file3").open("a") as file:
        file.write("one more line\n")


def recreate(folder):
    (folder / "file5").unlink()
    (folder / "file5").write_text("another one of the same name")


DEEDS = {
    "create": lambda folder: (folder / "new").write_text("new"),
    "create in a new directory": lambda f: ((f / "n/m").mkdir(parents=True), (f / "n/m/x").touch()),
    "edit": lambda folder: (folder / "file0").write_text("edited"),
    "save as vim does": save_by_rename,
    "save as LibreOffice does": save_over,
    "append": append,
    "truncate": lambda folder: os.truncate(folder / "file4", 3),
    "make executable": lambda folder: (folder / "file0").chmod(0o755),
    "make not executable": lambda folder: (folder / "file0").chmod(0o644),
    "rename": lambda folder: os.rename(folder / "new", folder / "renamed"),
    "move across directories": lambda f: os.rename(f / "renamed", f / "docs" / "renamed"),
    "rename a directory": lambda folder: os.rename(folder / "docs", folder / "papers"),
    "move a directory": lambda f: os.rename(f / "papers" / "deep", f / "empty" / "deep"),
    "swap two names": swap,
    "point a link elsewhere": lambda f: ((f / "link").unlink(), (f / "link").symlink_to("file0")),
    "delete": lambda folder: (folder / "papers" / "renamed").unlink(),
    "delete and recreate": recreate,
    "delete a directory": lambda folder: shutil.rmtree(folder / "empty"),
}


@pytest.mark.parametrize("name", DEEDS)
def test_a_deed_is_the_same_everywhere_and_does_not_echo(world, name):
    doer = world.devices[list(DEEDS).index(name) % 3]
    DEEDS[name](doer.folder)
    wanted = None

    def shown():
        return sorted(str(p.relative_to(doer.folder)) for p in doer.folder.rglob("*"))

    wanted = [path for path in shown() if not path.startswith(".cozysync")]
    world.settle()
    assert [path for path in shown() if not path.startswith(".cozysync")] == wanted
    assert not [path for path in wanted if "conflict" in path]
    position = doer.status()["server"]["position"]
    world.settle()
    assert doer.status()["server"]["position"] == position


def test_times_are_kept(world):
    ann, *others = (device.folder / "dated" for device in world.devices)
    ann.write_text("from long ago")
    os.utime(ann, ns=(10**18, 10**18))
    world.settle()
    assert [other.stat().st_mtime_ns for other in others] == [10**18] * 2


def test_the_server_and_the_logs_hold_no_name_and_no_content(world):
    places = [world.server.data, *(device.home / "logs" for device in world.devices)]
    for place in places:
        for path in place.rglob("*"):
            if path.is_file():
                stored = path.read_bytes()
                assert not [word for word in CANARIES if word in stored], path


def test_the_log_tells_the_deeds(world):
    lines = world.devices[1].run("log", "--json", "--limit", "1000").stdout
    for action in ("created", "changed", "moved", "deleted", "mode"):
        assert f'"{action}"' in lines
