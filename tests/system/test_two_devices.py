"""Two engines and a real server process: a folder that lives on both."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from cozysync.server import create_invitation
from cozysync.sync.config import EngineConfig
from cozysync.sync.engine import Engine
from cozysync.sync.home import Home
from cozysync.sync.http_remote import HttpRemote
from cozysync.sync.replica import open_replica
from cozysync.sync.seams import real_seams
from cozysync.vault import (
    DeviceKeys,
    RootKeys,
    Secrets,
    add_device,
    create_vault,
    new_phrase,
    save_secrets,
)
from cozysync_protocol import encode_control, encode_entry

SERVE = """
import sys
from pathlib import Path
from cozysync.server import serve
serve(Path(sys.argv[1]), "127.0.0.1", 0, ready=lambda url: print(url, flush=True))
"""


@pytest.fixture
def server(tmp_path):
    data = tmp_path / "server"
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(data)], stdout=subprocess.PIPE, text=True
    )
    url = process.stdout.readline().strip()
    yield url, data
    process.terminate()
    process.wait(10)
    process.stdout.close()


def tree(folder: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if name.startswith(".cozysync"):
            continue
        if path.is_symlink():
            found[name] = ("link", os.readlink(path))
        elif path.is_dir():
            found[name] = None
        else:
            found[name] = (path.read_bytes(), path.stat().st_mtime_ns, os.access(path, os.X_OK))
    return found


def home_with(root: Path, secrets: Secrets) -> Home:
    home = Home.at(root)
    home.prepare()
    save_secrets(home.secrets_file, secrets)
    return home


async def two_homes(tmp_path, url, data):
    first, second = DeviceKeys.generate(), DeviceKeys.generate()
    created = create_vault(RootKeys.from_phrase(new_phrase()), first, "desk")
    vault = created.keys.vault
    remote = HttpRemote(url, vault, first.id, first.sign)
    await remote.create_vault(create_invitation(data), encode_entry(created.entry))
    await remote.close()
    one = home_with(tmp_path / "one", Secrets(first, created.keys))
    replica = open_replica(one.database)
    replica.outbox.add(created.entry.header.sequence, encode_entry(created.entry))
    replica.outbox.acknowledge(created.entry.header.sequence, 1)
    replica.close()
    two = home_with(tmp_path / "two", Secrets(second, created.keys))
    return one, two, encode_control(add_device(created.keys, second.public, "lap"))


async def test_a_folder_lives_on_two_devices(tmp_path, server):
    url, data = server
    one, two, enrolment = await two_homes(tmp_path, url, data)
    a, b = tmp_path / "a", tmp_path / "b"
    a.mkdir()
    b.mkdir()
    (a / "docs" / "deep").mkdir(parents=True)
    (a / "empty").mkdir()
    (a / "docs" / "deep" / "x.txt").write_text("hello")
    (a / "run.sh").write_text("#!/bin/sh\n")
    (a / "run.sh").chmod(0o755)
    (a / "link").symlink_to("docs/deep/x.txt")
    (a / "big").write_bytes(os.urandom(3_000_000))
    for n in range(200):
        (a / "docs" / f"n{n}").write_text(f"file {n} " * 300)
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            engines = [
                Engine(home, config=EngineConfig(device=name, server=url), seams=real_seams())
                for home, name in ((one, "desk"), (two, "lap"))
            ]
            await nursery.start(engines[0].run)

            def enrol() -> None:
                with engines[0].replica.database.transaction():
                    engines[0].ledger.write_control(enrolment)

            await engines[0]._puller.reach(1)
            await engines[0].ledger.do(enrol)
            await engines[0].add_folder(a, "work")
            await engines[0].settle()
            await nursery.start(engines[1].run)
            await engines[1].add_folder(b, "work")

            async def both(*order):
                for engine in (*order, *order):
                    outcome = await engine.settle()
                    assert outcome.in_sync, outcome.reasons
                assert tree(a) == tree(b)

            await both(*engines)
            # Deeds on one side, then on the other, and nothing goes back and forth.
            (a / "docs" / "n1").write_text("edited")
            os.rename(a / "docs" / "n2", a / "moved")
            os.rename(a / "docs" / "deep", a / "deep")
            (a / "docs" / "n3").unlink()
            (a / "new").write_text("fresh")
            os.replace(a / "new", a / "docs" / "n4")
            (a / "run.sh").chmod(0o644)
            await both(*engines)
            (b / "from b").write_text("x")
            os.rename(b / "docs" / "n5", b / "t")
            os.rename(b / "docs" / "n6", b / "docs" / "n5")
            os.rename(b / "t", b / "docs" / "n6")
            await both(*reversed(engines))
            end = engines[0].status().server.position
            await both(*engines)
            assert engines[0].status().server.position == end
            assert not [name for name in tree(a) if "conflict" in name]
            nursery.cancel_scope.cancel()
    canaries = (b"hello", b"from b", b"x.txt", b"docs")
    for path in data.rglob("*"):
        if path.is_file():
            stored = path.read_bytes()
            assert not any(word in stored for word in canaries), path
