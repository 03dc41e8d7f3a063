"""The secrets file."""

import os
import stat
from pathlib import Path

import pytest

from cozysync.vault import (
    DeviceKeys,
    RootKeys,
    Secrets,
    create_vault,
    load_secrets,
    new_phrase,
    save_secrets,
)
from cozysync.vault.failures import (
    SecretsFileDamaged,
    SecretsFileExposed,
    SecretsFileMissing,
)
from cozysync_protocol import Epoch, decode, encode


@pytest.fixture
def secrets():
    device = DeviceKeys.generate()
    keys = create_vault(RootKeys.from_phrase(new_phrase()), device, "desk").keys
    return Secrets(device, keys.with_epoch(Epoch(2), bytes(range(32))))


def test_what_was_saved_is_loaded(tmp_path, secrets):
    save_secrets(tmp_path / "secrets", secrets)
    loaded = load_secrets(tmp_path / "secrets")
    assert loaded.device.private_bytes() == secrets.device.private_bytes()
    assert loaded.vault.epochs == (1, 2)
    assert [loaded.vault.secret(e) for e in (1, 2)] == [secrets.vault.secret(e) for e in (1, 2)]


def test_a_file_that_others_may_read_is_refused(tmp_path, secrets):
    save_secrets(tmp_path / "secrets", secrets)
    (tmp_path / "secrets").chmod(0o640)
    with pytest.raises(SecretsFileExposed):
        load_secrets(tmp_path / "secrets")


def test_a_cut_file_is_refused(tmp_path, secrets):
    path = tmp_path / "secrets"
    save_secrets(path, secrets)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SecretsFileDamaged):
        load_secrets(path)


def test_keys_show_nothing_of_themselves(secrets):
    shown = repr(secrets)
    for private in (*secrets.device.private_bytes(), secrets.vault.secret(Epoch(1))):
        assert private.hex() not in shown
        assert repr(private) not in shown


def test_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(SecretsFileMissing) as caught:
        load_secrets(tmp_path / "secrets")
    assert str(tmp_path / "secrets") in caught.value.message
    assert "cozysync" in caught.value.remedy


def test_a_device_without_a_vault_yet_is_kept_too(tmp_path):
    device = DeviceKeys.generate()
    save_secrets(tmp_path / "secrets", Secrets(device))
    loaded = load_secrets(tmp_path / "secrets")
    assert loaded.device.id == device.id
    assert loaded.vault is None


def test_the_file_is_its_owners_alone_whatever_the_umask(tmp_path, secrets):
    before = os.umask(0)
    try:
        save_secrets(tmp_path / "secrets", secrets)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o620, 0o601, 0o700 | 0o070])
def test_every_wider_mode_is_refused_with_the_command_that_mends_it(tmp_path, secrets, mode):
    path = tmp_path / "secrets"
    save_secrets(path, secrets)
    path.chmod(mode)
    with pytest.raises(SecretsFileExposed, match=f"{mode:04o}") as caught:
        load_secrets(path)
    assert f"chmod 600 '{path}'" in caught.value.remedy


def test_a_link_or_a_directory_in_its_place_is_refused(tmp_path, secrets):
    save_secrets(tmp_path / "elsewhere", secrets)
    (tmp_path / "secrets").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SecretsFileExposed, match="symbolic link"):
        load_secrets(tmp_path / "secrets")
    (tmp_path / "directory").mkdir(0o700)
    with pytest.raises(SecretsFileExposed, match="not a regular file"):
        load_secrets(tmp_path / "directory")
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(SecretsFileExposed, match="not a regular file"):
        load_secrets(tmp_path / "pipe")


def test_a_crash_before_the_new_file_is_complete_leaves_the_old_one(tmp_path, secrets, monkeypatch):
    path = tmp_path / "secrets"
    save_secrets(path, secrets)
    before = path.read_bytes()

    def crash(handle):
        raise OSError("no power")

    with monkeypatch.context() as context:
        context.setattr(os, "fsync", crash)
        with pytest.raises(OSError, match="no power"):
            save_secrets(path, Secrets(DeviceKeys.generate()))
    assert path.read_bytes() == before
    # What the crash left behind is in nobody's way.
    save_secrets(path, Secrets(DeviceKeys.generate()))
    assert load_secrets(path).vault is None
    assert [each.name for each in tmp_path.iterdir()] == ["secrets"]


def test_secrets_are_durable_when_they_are_saved(tmp_path, secrets, monkeypatch):
    """The bytes before the name, the name before anybody relies on it."""
    done, fsync, replace = [], os.fsync, Path.replace

    def synced(handle):
        done.append(("sync", Path(os.readlink(f"/proc/self/fd/{handle}")).name))
        fsync(handle)

    def named(path, target):
        done.append(("name", target.name))
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", named)
    save_secrets(tmp_path / "secrets", secrets)
    assert done == [("sync", "secrets.new"), ("name", "secrets"), ("sync", tmp_path.name)]


@pytest.mark.parametrize("data", [b"", b"\x00", b"\xc1" * 50, bytes(range(200)), b"\x97" * 100])
def test_bytes_that_are_no_secrets_are_refused(tmp_path, data):
    path = tmp_path / "secrets"
    path.write_bytes(data)
    path.chmod(0o600)
    with pytest.raises(SecretsFileDamaged):
        load_secrets(path)


def test_a_file_of_a_newer_version_is_refused_and_says_to_update(tmp_path, secrets):
    path = tmp_path / "secrets"
    save_secrets(path, secrets)
    fields = decode(path.read_bytes(), max_bytes=1 << 20)
    fields[1] = 2
    path.write_bytes(encode(fields))
    with pytest.raises(SecretsFileDamaged) as caught:
        load_secrets(path)
    assert "Update" in caught.value.remedy
