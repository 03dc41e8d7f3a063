"""The secrets file."""

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
from cozysync.vault.failures import SecretsFileDamaged, SecretsFileExposed
from cozysync_protocol import Epoch


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
