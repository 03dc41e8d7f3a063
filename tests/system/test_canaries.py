"""Rows 15, 18 and 24 through real processes: what nobody but devices is to know is nowhere else.

Canaries are names and contents of files, names of devices and of the folder; secrets are the
phrase and all keys. They are looked for in all that the server keeps, says and logs, in its backup,
in what the daemons log, and in how they were called.
"""

import json
import sqlite3
import time
from base64 import b32encode, b64encode, urlsafe_b64encode
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from bench.processes import PATIENCE_S, Device, Server, pair, run, settle
from cozysync.sync.home import Home
from cozysync.vault import CannotOpen, MissingEpoch, load_secrets
from cozysync_protocol import EntryKind, decode_entry, read_index
from tests.suites.canaries import CANARIES, MARKS

pytestmark = pytest.mark.system

NAMES = "canary-device-wren", "canary-device-finch"
FOLDER = "canary-folder-lark"
SOUGHT = [*MARKS, b"canary-device", b"canary-folder"]


class Scene:
    """Two devices at work, errors and all, whose server and daemons tell everything they can."""

    def __init__(self, root):
        self.root = root
        self.server = Server(root / "server")
        self.server.errors = (root / "server.errors").open("wb")
        self.server.start()
        self.devices = one, other = [Device(root, n) for n in ("one", "other")]
        self.said = []
        for device, name in zip(self.devices, NAMES, strict=True):
            device.name = name
            config = Home.at(device.home).config_file
            config.parent.mkdir(parents=True, exist_ok=True)
            config.write_text('log_level = "debug"\n')
        code = self.server.invite()
        made = one.run("init", "--json", "--server", self.server.url, "--invite", code,
                       "--device", one.name)  # fmt: skip
        self.phrase = json.loads(made.stdout.splitlines()[0])["phrase"]
        one.start()
        pair(one, other)
        other.start()
        for device in self.devices:
            device.bind(FOLDER)
        (one.folder / "letters").mkdir()
        for name, text in CANARIES.items():
            (one.folder / "letters" / name).write_text(text)
        settle(*self.devices)
        (other.folder / "letters" / "canary-name-heron").write_text("canary-content again")
        settle(other, one)
        self.provoke()

    def provoke(self):
        """Errors on both sides: a server that is away, requests that are wrong, wrong arguments."""
        one, other = self.devices
        self.server.end()
        (one.folder / "letters" / "canary-name-away").write_text("canary-content away")
        give_up = time.monotonic() + PATIENCE_S
        while one.status()["server"]["reachable"]:
            assert time.monotonic() < give_up
            time.sleep(0.05)
        self.server.start()
        settle(one, other)
        for path, body in (("/v1/vaults", b"\xc1"), ("/v1/sessions/proof", self.phrase.encode())):
            httpx.post(self.server.url + path, content=body)
        self.metrics = httpx.get(self.server.url + "/metrics").content
        for words in (
            ("restore", one.folder / "letters" / "canary-name-nowhere"),
            ("explain", "/nowhere"),
            ("devices", "revoke", "nobody", "--yes"),
            ("join", "127.0.0.1:1/1-apple-river-stone"),
            ("status", "--json"),
            ("devices", "list", "--json"),
            ("doctor",),
            ("verify",),
        ):
            done = one.run(*words, check=False)
            self.said += [done.stdout.encode(), done.stderr.encode()]

    def secrets(self):
        """All keys of both devices and the phrase, in the forms in which they might slip out."""
        raw = []
        for device in self.devices:
            found = load_secrets(Home.at(device.home).secrets_file)
            raw += found.device.private_bytes()
            raw += [found.vault.secret(epoch) for epoch in found.vault.epochs]
        forms = {self.phrase.encode(), " ".join(self.phrase.split()[:4]).encode()}
        for secret in raw:
            forms |= {secret, secret.hex().encode(), b32encode(secret)}
            forms |= {b64encode(secret).rstrip(b"="), urlsafe_b64encode(secret).rstrip(b"=")}
        return forms

    def close(self):
        for device in self.devices:
            device.kill()
        self.server.end()
        self.server.errors.close()


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    scene = Scene(tmp_path_factory.mktemp("canaries"))
    try:
        yield scene
    finally:
        scene.close()


def held(root):
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def found(data, sought):
    return [each for each in sought if each in data]


def test_the_server_keeps_says_and_logs_nothing_in_clear(scene):
    backup = scene.root / "backup"
    run(scene.server.data, "server", "backup", backup, "--data", scene.server.data)
    status = run(scene.server.data, "server", "status", "--data", scene.server.data)
    kept = held(scene.server.data) | held(backup)
    kept |= {"metrics": scene.metrics, "status": status.stdout.encode()}
    kept |= {"log": (scene.root / "server.errors").read_bytes()}
    assert sum(map(len, kept.values())) > 200_000
    for where, data in kept.items():
        assert found(data, SOUGHT) == [], where
        assert found(data, scene.secrets()) == [], where
        assert found(where.encode(), SOUGHT) == []


def test_the_daemons_log_no_name_content_or_key(scene):
    for device in scene.devices:
        logs = held(Home.at(device.home).log_dir)
        assert any(b'"level"' in data for data in logs.values())
        for where, data in logs.items():
            assert found(data, SOUGHT) == [], where
            assert found(data, scene.secrets()) == [], where
            assert b"earer " not in data.replace("earer …".encode(), b"")


def test_processes_bear_nothing_in_their_arguments_or_environment(scene):
    for pid in (*(device.pid for device in scene.devices), scene.server.pid):
        for name in ("cmdline", "environ"):
            data = Path(f"/proc/{pid}/{name}").read_bytes()
            assert b"cozysync" in data or name == "environ"
            assert found(data, SOUGHT) == []
            assert found(data, scene.secrets()) == []


def test_no_key_is_said_and_only_one_file_holds_them(scene):
    secrets = scene.secrets()
    assert any(b"canary-device" in each for each in scene.said)  # people do see names
    for each in scene.said:
        assert found(each, secrets) == []
    holders = set()
    for device in scene.devices:
        for where, data in held(device.home).items():
            if found(data, secrets):
                holders.add(Path(where))
    assert holders == {Home.at(device.home).secrets_file for device in scene.devices}
    assert all(scene.phrase.encode() not in path.read_bytes() for path in holders)


def test_what_is_written_after_a_revocation_opens_with_no_key_of_the_revoked_device(scene):
    one, other = scene.devices
    before = entries(scene.server.data)
    packs = set(held(scene.server.data / "packs"))
    old = load_secrets(Home.at(other.home).secrets_file).vault
    assert all(old.open_entry(entry) for entry in before if is_sealed(entry))
    one.run("devices", "revoke", NAMES[1], "--yes")
    for n, text in enumerate(CANARIES.values()):
        (one.folder / f"canary-name-new-{n}").write_text("not for the revoked: " + text)
    settle(one)
    after = entries(scene.server.data)[len(before) :]
    fresh = [Path(path) for path in held(scene.server.data / "packs") if path not in packs]
    # What is in his home now, after his daemon heard of it.
    old = load_secrets(Home.at(other.home).secrets_file).vault
    new = load_secrets(Home.at(one.home).secrets_file).vault
    sealed = [entry for entry in after if is_sealed(entry)]
    assert sealed
    assert fresh
    for entry in sealed:
        assert new.open_entry(entry)
        with pytest.raises((MissingEpoch, CannotOpen)):
            old.open_entry(entry)
    for path in fresh:
        data = path.read_bytes()
        assert read_index(data, new.open_index)
        with pytest.raises((MissingEpoch, CannotOpen)):
            read_index(data, old.open_index)


def is_sealed(entry):
    return entry.header.kind is EntryKind.SEALED


def entries(data):
    """The log as the server keeps it."""
    with closing(sqlite3.connect(f"file:{data / 'server.db'}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT body FROM entry ORDER BY position").fetchall()
    return [decode_entry(row[0]) for row in rows]
