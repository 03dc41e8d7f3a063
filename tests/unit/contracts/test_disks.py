"""The real disk and the one in memory hold one contract, and do the same whatever is asked."""

import random
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cozysync.disk import PosixDisk
from cozysync_conflict import Kind
from tests.suites.contracts import DiskContract
from tests.suites.memory_disk import FileSystem, MemoryDisk
from tests.suites.mutations import EXAMPLES


class TestPosixDisk(DiskContract):
    @pytest.fixture
    def disk(self, tmp_path):
        disk = PosixDisk(tmp_path)
        yield disk
        disk.close()


class TestMemoryDisk(DiskContract):
    @pytest.fixture
    def disk(self):
        return MemoryDisk(FileSystem(time.time_ns))


NAMES = [b"a", b"b", b"a/a", b"a/b", b"b/a", b"a/a/a", b"b/b/b"]


def written(disk, path, data):
    with disk.create(path) as file:
        file.write(data)


def read(disk, path):
    with disk.open(path) as file:
        return file.read()


DEEDS = {
    "mkdir": lambda disk, one, _: disk.mkdir(one),
    "create": lambda disk, one, two: written(disk, one, two),
    "symlink": lambda disk, one, two: disk.symlink(two, one),
    "rmdir": lambda disk, one, _: disk.rmdir(one),
    "unlink": lambda disk, one, _: disk.unlink(one),
    "rename": lambda disk, one, two: disk.rename(one, two),
    "exchange": lambda disk, one, two: disk.exchange(one, two),
    "read": lambda disk, one, _: read(disk, one),
    "readlink": lambda disk, one, _: disk.readlink(one),
    "lstat": lambda disk, one, _: (s := disk.lstat(one)) and (s.kind, s.size, s.executable),
    "listing": lambda disk, one, _: sorted((e.name, e.stat.kind) for e in disk.listing(one)),
    "executable": lambda disk, one, _: disk.set_executable(one, True),
    "mtime": lambda disk, one, _: disk.set_mtime(one, 10**18),
    "forget": lambda disk, _, __: disk.forget(),
}


def outcome(disk, deed, one, two):
    try:
        return DEEDS[deed](disk, one, two)
    except OSError as error:
        return type(error), error.errno


def tree(disk, directory=b""):
    for entry in sorted(disk.listing(directory)):
        path = directory + b"/" + entry.name if directory else entry.name
        yield path, entry.stat.kind, entry.stat.size, entry.stat.executable
        if entry.stat.kind is Kind.DIRECTORY:
            yield from tree(disk, path)


@settings(max_examples=EXAMPLES * 5, deadline=None)
@given(seed=st.integers(0, 2**64))
def test_both_disks_do_the_same(seed):
    chance = random.Random(seed)
    place = Path(tempfile.mkdtemp())
    real, fake = PosixDisk(place), MemoryDisk(FileSystem(time.time_ns))
    done = []
    try:
        for _ in range(40):
            deed = chance.choice(list(DEEDS)), chance.choice(NAMES), chance.choice(NAMES)
            done.append(deed)
            assert outcome(real, *deed) == outcome(fake, *deed), done
        real.forget()
        fake.forget()
        assert list(tree(real)) == list(tree(fake)), done
    finally:
        real.close()
        shutil.rmtree(place)
