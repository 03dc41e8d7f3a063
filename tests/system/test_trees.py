"""Three devices over real trees: sources, a git working copy, odd names, a large file."""

import os
import random
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.system.world import World

pytestmark = pytest.mark.system

LARGE_MIB = int(os.environ.get("COZYSYNC_TEST_LARGE_MIB", "64"))

ODD = [
    b"plain",
    b" leading and trailing ",
    b"dots...",
    b"new\nline",
    b"tab\there",
    b"back\\slash",
    b"star*question?",
    b"quote'\"",
    b"not utf-8 \xff\xfe",
    "composed \u00e9".encode(),
    "decomposed e\u0301".encode(),
    "emoji \U0001f9ed".encode(),
    "right-to-left \u202e".encode(),
    b"CON",
    b"aux.txt",
    b"Case",
    b"case",
    b".hidden",
    b"-rf",
    b"\x01control",
    b"n" * 255,
    b"file.cozysync",
]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("world"), "ann", "bob", "eve")
    try:
        world.bind()
        yield world
    finally:
        world.close()


def git(where, *arguments):
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments],
        cwd=where,
        check=True,
        capture_output=True,
        timeout=60,
    )


def test_the_standard_library(world):
    source = Path(sysconfig.get_path("stdlib"))
    unwanted = shutil.ignore_patterns(
        "site-packages", "test", "tests", "__pycache__", "*.so", "*.a"
    )
    shutil.copytree(source, world.devices[0].folder / "lib", symlinks=True, ignore=unwanted)
    shown = world.settle()
    assert len(shown) > 500


def test_a_git_working_copy_stays_sound_on_the_far_side(world):
    ann, bob, eve = (device.folder / "repo" for device in world.devices)
    ann.mkdir()
    git(ann, "init", "-q")
    for n in range(5):
        (ann / f"file{n}").write_text(f"{n}\n" * 100)
        git(ann, "add", ".")
        git(ann, "commit", "-qm", f"commit {n}")
    git(ann, "gc", "-q")
    world.settle()
    git(bob, "fsck", "--full", "--strict")
    git(bob, "switch", "-qc", "feature")
    (bob / "file0").write_text("changed")
    git(bob, "commit", "-qam", "from the far side")
    world.settle()
    for each in (ann, eve):
        git(each, "fsck", "--full", "--strict")
        git(each, "diff", "--exit-code", "HEAD")


def test_odd_names_and_depths(world):
    folder = os.fsencode(world.devices[1].folder)
    os.mkdir(folder + b"/odd")
    for name in ODD:
        with open(folder + b"/odd/" + name, "wb") as file:
            file.write(name)
        os.mkdir(folder + b"/odd/" + name[:250] + b".d")
    deep = folder + b"/odd" + b"/deeper" * 100
    os.makedirs(deep)
    with open(deep + b"/bottom", "wb") as file:
        file.write(b"here")
    shown = world.settle()
    for name in ODD:
        assert shown[b"odd/" + name][0] == name


def test_a_large_file_and_an_insertion_in_its_middle(world):
    path = world.devices[0].folder / "large"
    chance = random.Random(7)
    data = b"".join(chance.randbytes(1 << 20) for _ in range(LARGE_MIB))
    path.write_bytes(data)
    world.settle()
    before = stored(world.server.data)
    middle = len(data) // 2
    # In one step: a file that is met while it grows past 64 MiB is cut twice, and sent twice.
    whole = world.root / "large, written elsewhere"
    whole.write_bytes(data[:middle] + b"x" * 1024 + data[middle:])
    whole.replace(path)
    world.settle()
    assert stored(world.server.data) - before < 8 << 20


def stored(place):
    return sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
