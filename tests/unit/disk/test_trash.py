"""What rests in the trash leaves after a while, and nothing else does."""

from cozysync.disk import PosixDisk, empty_trash, prepare_root


def test_days_before_leave_and_the_others_stay(tmp_path):
    prepare_root(tmp_path)
    trash = tmp_path / ".cozysync" / "trash"
    for day in ("2026-01-30", "2026-01-31", "2026-02-01", "kept by hand"):
        (trash / day / "a" / "b").mkdir(parents=True)
        (trash / day / "a" / "b" / "file").write_text(day)
    (trash / "2026-01-01").write_text("a file, not a day of ours")
    (tmp_path / "target").write_text("stays")
    (trash / "2026-01-30" / "link").symlink_to(tmp_path / "target")
    (trash / "2026-01-30" / "up").symlink_to(tmp_path)
    disk = PosixDisk(tmp_path)
    try:
        empty_trash(disk, "2026-01-31")
    finally:
        disk.close()
    left = {path.name for path in trash.iterdir()}
    assert left == {"2026-01-31", "2026-02-01", "kept by hand", "2026-01-01"}
    assert (trash / "2026-01-31" / "a" / "b" / "file").exists()
    assert (tmp_path / "target").read_text() == "stays"


def test_no_trash_is_no_trouble(tmp_path):
    prepare_root(tmp_path)
    disk = PosixDisk(tmp_path)
    try:
        empty_trash(disk, "9999-12-31")
    finally:
        disk.close()
