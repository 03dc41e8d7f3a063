"""Names that a disk takes for one."""

from cozysync.disk import PosixDisk, prepare_root, probe_fold
from cozysync.disk.names import fold
from tests.suites.folding_disk import FoldingDisk


def test_a_disk_that_tells_names_apart_folds_nothing(tmp_path):
    prepare_root(tmp_path)
    disk = PosixDisk(tmp_path)
    assert probe_fold(disk) is None
    assert not list((tmp_path / ".cozysync" / "staging").iterdir())
    disk.close()


def test_a_disk_that_folds_is_found_out(tmp_path):
    prepare_root(tmp_path)
    disk = PosixDisk(tmp_path)
    folds = probe_fold(FoldingDisk(disk))
    assert folds(b"A") == folds(b"a")
    assert folds("\u00e9".encode()) == folds("e\u0301".encode())
    assert folds(b"a") != folds(b"b")
    disk.close()


def test_what_is_no_text_is_only_itself():
    assert fold(b"\xffA", case=True, form=True) == b"\xffA"
    assert fold(b"A", case=False, form=True) == b"A"
