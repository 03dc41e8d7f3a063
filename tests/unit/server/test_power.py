"""The power goes, the disk is full or breaks, at every call: what was acknowledged is whole."""

import errno
import hashlib
from contextlib import closing

import pytest

from cozysync.server import DirectoryPacks
from cozysync.server.failures import Refusal
from cozysync.server.schema import open_database
from cozysync_protocol import ErrorCode, PackId, VaultId
from tests.suites.power import RecordedFiles, crashes

VAULT, OTHER = VaultId(b"v" * 16), VaultId(b"o" * 16)


def pack_of(data):
    return PackId(hashlib.sha256(data).digest())


def same_directory(data):
    """Other bytes whose pack lies in the same directory."""
    prefix = pack_of(data)[:1]
    return next(each for n in range(10**6) if pack_of(each := b"%d" % n)[:1] == prefix)


ONE = b"the first pack"
UPLOADS = [(VAULT, ONE), (VAULT, same_directory(ONE)), (VAULT, ONE), (OTHER, b"the last pack")]


def upload(packs, vault, data):
    """As the interface does it."""
    pack = pack_of(data)
    if packs.size(vault, pack) is not None:
        return
    writer = packs.writer(vault, pack)
    try:
        writer.write(data)
        writer.finish()
    finally:
        writer.abandon()


def check(root, calls):
    """No crash leaves a torn pack under a name, or loses one that was acknowledged."""
    count = 0
    for acknowledged, found in crashes(root, calls):
        count += 1
        for path, data in found.items():
            if not path.name.startswith("."):
                assert pack_of(data).hex() == path.name, (path, data)
        whole = {(path.parts[-3], path.name) for path in found}
        assert {(vault.hex(), pack_of(data).hex()) for vault, data in acknowledged} <= whole
    return count


def test_what_was_acknowledged_survives_every_cut_of_power(tmp_path):
    files = RecordedFiles()
    packs = DirectoryPacks(tmp_path / "data" / "packs", files)
    for vault, data in UPLOADS:
        upload(packs, vault, data)
        files.acknowledge((vault, data))
    assert check(tmp_path, files.calls) > 30


def calls_of_uploads(tmp_path):
    files = RecordedFiles()
    packs = DirectoryPacks(tmp_path / "counted", files)
    started = files.count
    for vault, data in UPLOADS:
        upload(packs, vault, data)
    return started, files.count


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_a_call_that_fails_damages_nothing_and_the_server_goes_on(tmp_path, error):
    start, end = calls_of_uploads(tmp_path)
    for broken in range(start, end):
        root = tmp_path / f"{error}-{broken}"
        root.mkdir()
        files = RecordedFiles(lambda n, _, broken=broken: error if n == broken else 0)
        packs = DirectoryPacks(root / "packs", files)
        codes = []
        for vault, data in UPLOADS:
            try:
                upload(packs, vault, data)
            except Refusal as refusal:
                codes.append((error, refusal.problem.code))
            except OSError:
                codes.append((error, None))
            else:
                files.acknowledge((vault, data))
        assert codes in ([(errno.ENOSPC, ErrorCode.STORAGE_FULL)], [(errno.EIO, None)]), broken
        for vault, data in UPLOADS:  # there is room again
            upload(packs, vault, data)
            files.acknowledge((vault, data))
            assert packs.read(vault, pack_of(data), 0, 100) == data
        assert check(root, files.calls)


def test_a_kill_before_the_flush_is_made_good_at_the_next_start(tmp_path):
    """The name was there, so the next server would have acknowledged it; then the power went."""
    files = RecordedFiles(lambda _, name: errno.EIO if name == "sync_directory" and late else 0)
    late = False
    packs = DirectoryPacks(tmp_path / "packs", files)
    upload(packs, VAULT, same_directory(ONE))
    late = True
    with pytest.raises(OSError):
        upload(packs, VAULT, ONE)
    assert packs.missing(VAULT, [pack_of(ONE)]) == [pack_of(ONE)]
    late = False
    again = DirectoryPacks(tmp_path / "packs", files)
    upload(again, VAULT, ONE)
    files.acknowledge((VAULT, ONE))
    assert check(tmp_path, files.calls)


def test_every_commit_of_the_log_waits_for_the_disk(tmp_path):
    """By SQLite's own numbers: 2 is FULL."""
    with closing(open_database(tmp_path / "server.db", lambda: 0.0)) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
