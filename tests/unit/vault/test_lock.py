"""What the secrets file is locked with."""

import base64
import sys
import types
from dataclasses import replace

import pytest

from cozysync.vault import (
    DeviceKeys,
    KeyringLacks,
    LockKind,
    NeedsPassphrase,
    RootKeys,
    Secrets,
    SecretsFileDamaged,
    ShortPassphrase,
    WrongPassphrase,
    create_vault,
    default_lock,
    let_go,
    load_secrets,
    lock_kind,
    new_phrase,
    passphrase_lock,
    save_secrets,
)
from cozysync_protocol import Epoch, decode, encode

PHRASE = "correct horse battery staple"


@pytest.fixture(scope="module")
def lock():
    return passphrase_lock(PHRASE)


@pytest.fixture(scope="module")
def secrets():
    root, device = RootKeys.from_phrase(new_phrase()), DeviceKeys.generate()
    return Secrets(device, create_vault(root, device, "desk").keys, root.wrapping_public)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "secrets"


def all_of(secrets):
    epochs = [secrets.vault.secret(epoch) for epoch in secrets.vault.epochs]
    return (*secrets.device.private_bytes(), *epochs, secrets.root_wrapping)


def test_under_a_passphrase_only_the_passphrase_opens_it(path, secrets, lock):
    save_secrets(path, replace(secrets, lock=lock))
    assert not [secret for secret in all_of(secrets) if secret in path.read_bytes()]
    assert PHRASE.encode() not in path.read_bytes()
    assert lock_kind(path) is LockKind.PASSPHRASE
    with pytest.raises(NeedsPassphrase):
        load_secrets(path)
    with pytest.raises(WrongPassphrase):
        load_secrets(path, ask=lambda: PHRASE + "r")
    opened = load_secrets(path, ask=lambda: PHRASE)
    assert all_of(opened) == all_of(secrets)
    assert path.stat().st_mode & 0o777 == 0o600


def test_whatever_is_saved_later_stays_under_it(path, secrets, lock):
    save_secrets(path, replace(secrets, lock=lock))
    opened = load_secrets(path, ask=lambda: PHRASE)
    more = opened.vault.with_epoch(Epoch(2), b"2" * 32)
    save_secrets(path, replace(opened, vault=more))
    assert b"2" * 32 not in path.read_bytes()
    assert load_secrets(path, ask=lambda: PHRASE).vault.epochs == (1, 2)


@pytest.mark.parametrize(
    ("at", "value"),
    [(2, 64 * 1024 - 1), (2, 8), (3, 2), (3, 0), (4, 0), (2, 1 << 21), (3, 17), (1, b"short")],
)
def test_a_file_can_make_guessing_no_cheaper_and_starting_no_dearer(path, secrets, lock, at, value):
    save_secrets(path, replace(secrets, lock=lock))
    fields = decode(path.read_bytes(), max_bytes=1 << 20)
    fields[2][at] = value
    path.write_bytes(encode(fields))
    asked = []
    with pytest.raises(SecretsFileDamaged):
        load_secrets(path, ask=lambda: asked.append(1) or PHRASE)
    assert not asked


def test_a_short_passphrase_is_refused():
    with pytest.raises(ShortPassphrase):
        passphrase_lock("seven77")


class Backend:
    """A keyring of the system, in memory."""

    def __init__(self):
        self.kept = {}

    def set_password(self, service, name, password):
        self.kept[service, name] = password

    def get_password(self, service, name):
        return self.kept.get((service, name))

    def delete_password(self, service, name):
        del self.kept[service, name]


@pytest.fixture
def install(monkeypatch):
    """Install the library, with this keyring as the system's."""

    def with_backend(backend):
        library, backends = types.ModuleType("keyring"), types.ModuleType("keyring.backends")
        backends.fail = types.SimpleNamespace(Keyring=type("Keyring", (Backend,), {}))
        backends.null = types.SimpleNamespace(Keyring=type("Keyring", (Backend,), {}))
        library.get_keyring = lambda: backend(backends)
        monkeypatch.setitem(sys.modules, "keyring", library)
        monkeypatch.setitem(sys.modules, "keyring.backends", backends)

    return with_backend


def test_where_the_system_has_a_keyring_it_holds_the_key(path, secrets, install):
    system = Backend()
    install(lambda _: system)
    save_secrets(path, replace(secrets, lock=default_lock()))
    assert lock_kind(path) is LockKind.KEYRING
    data = path.read_bytes()
    (kept,) = system.kept.values()
    assert base64.b64decode(kept) not in data
    assert not [secret for secret in all_of(secrets) if secret in data]
    opened = load_secrets(path)
    assert all_of(opened) == all_of(secrets)
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1
        path.write_bytes(changed)
        with pytest.raises((SecretsFileDamaged, KeyringLacks)):
            load_secrets(path)
    path.write_bytes(data)
    let_go(opened.lock)
    assert system.kept == {}
    with pytest.raises(KeyringLacks):
        load_secrets(path)


@pytest.mark.parametrize(
    "stand_in",
    [
        lambda backends: backends.fail.Keyring(),
        lambda backends: backends.null.Keyring(),
        lambda _: type("PlaintextKeyring", (Backend,), {})(),
    ],
)
def test_stand_ins_of_the_library_are_no_keyring(install, stand_in):
    install(stand_in)
    assert default_lock().kind is LockKind.NOTHING


def test_without_a_keyring_the_file_is_as_it_always_was(path, secrets, monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    save_secrets(path, replace(secrets, lock=default_lock()))
    assert lock_kind(path) is LockKind.NOTHING
    assert decode(path.read_bytes(), max_bytes=1 << 20)[1] == 1
