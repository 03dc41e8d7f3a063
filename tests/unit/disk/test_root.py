"""The root of a folder, under which the disk may be changed at any time."""

import os
from pathlib import Path

from cozysync.disk import PosixDisk, prepare_root


def open_paths():
    paths = []
    for handle in Path("/proc/self/fd").iterdir():
        try:
            paths.append(os.readlink(handle))
        except OSError:
            continue
    return paths


def test_between_looks_nothing_is_held_open(tmp_path):
    prepare_root(tmp_path)
    disk = PosixDisk(tmp_path)
    assert disk.lstat(b".cozysync/folder") is not None
    assert str(tmp_path) in open_paths()
    disk.forget()
    assert [path for path in open_paths() if path.startswith(str(tmp_path))] == []


def test_what_stands_there_now_is_looked_at(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    disk = PosixDisk(root)
    (root / "before").touch()
    assert [entry.name for entry in disk.listing(b"")] == [b"before"]
    disk.forget()
    root.rename(tmp_path / "away")
    assert disk.lstat(b"") is None
    root.mkdir()
    (root / "after").touch()
    assert [entry.name for entry in disk.listing(b"")] == [b"after"]
    disk.close()
