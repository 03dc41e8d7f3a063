"""Looking a device over: what is wrong with it, and how to mend it.

Every check is a function that tells findings, and none of them changes anything. They look for
themselves, so that they work when the daemon does not; what only the daemon knows they are handed
as the answer to `status`.
"""

import os
import shutil
import sqlite3
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import quote

import trio

from cozysync.daemon.config import Config, load
from cozysync.disk.watch import INOTIFY
from cozysync.replica import DamagedDatabase
from cozysync.sync.home import Home
from cozysync.sync.http_remote import HttpRemote
from cozysync.sync.status import clock_trouble
from cozysync.sync.trust import is_on_this_machine
from cozysync.vault import CozyError, LockKind, load_secrets, lock_kind
from cozysync_protocol import Info

# Below this a larger file, or the next wave of a new device, meets a full disk.
LITTLE_ROOM = 1 << 30
LONG_QUIET_S = 90 * 86_400

_LOCKS = {
    LockKind.NOTHING: "without another lock",
    LockKind.PASSPHRASE: "under a passphrase",
    LockKind.KEYRING: "locked by a key in the keyring of the system",
}

Report = Mapping[str, Any]


class Grade(StrEnum):
    """How much a finding matters. Only `wrong` makes the command fail."""

    FINE = "fine"
    ADVICE = "advice"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `remedy` is empty where nothing is to be done."""

    check: str
    grade: Grade
    what: str
    remedy: str = ""

    def to_json(self) -> dict[str, str]:
        """Plain values."""
        return asdict(self)


Found = Iterator[Finding]


def check_up(home: Home, status: Report | None) -> Found:
    """All findings about this device; `status` is what its daemon says, None when it is silent."""
    yield from _home(home)
    try:
        config = load(home.config_file)
    except CozyError as error:
        yield _wrong("configuration", error)
        return
    yield Finding("configuration", Grade.FINE, f"{home.config_file} reads")
    if not home.has_vault:
        yield Finding("vault", Grade.WRONG, "This device is in no vault.", "Run cozysync up.")
        return
    yield from _secrets(home)
    yield from _phrase(home)
    yield from _database(home)
    yield from _server(config)
    yield from _room(home, status)
    if status is None:
        yield Finding("daemon", Grade.WRONG, "The daemon does not run.", "cozysync start")
        return
    yield Finding("daemon", Grade.FINE, f"it runs as process {status['daemon']['pid']}")
    yield from _socket(home)
    yield from _told_by_daemon(status)
    yield from _watching(status)
    yield from _devices(status, time.time())
    yield from _phones(status, time.time())


def _home(home: Home) -> Found:
    open_to_others = False
    for place in {home.root, home.config_dir, home.log_dir}:
        if place.exists() and _mode(place) & 0o077:
            open_to_others = True
            yield Finding(
                "home",
                Grade.WRONG,
                f"Other users of this machine may look into {place} (mode {_mode(place):04o}).",
                f"chmod 700 '{place}'",
            )
    if not open_to_others:
        yield Finding("home", Grade.FINE, f"{home.root} is this user's alone")


def _secrets(home: Home) -> Found:
    try:
        kind = lock_kind(home.secrets_file)
        if kind is not LockKind.PASSPHRASE:
            load_secrets(home.secrets_file)
    except CozyError as error:
        yield _wrong("keys", error)
    else:
        yield Finding("keys", Grade.FINE, f"{home.secrets_file} is its owner's, {_LOCKS[kind]}")


def _phrase(home: Home) -> Found:
    if home.phrase_unchecked.exists():
        yield Finding(
            "phrase",
            Grade.ADVICE,
            "Nobody has shown yet that the recovery phrase was written down.",
            "Type it from your paper: cozysync phrase check",
        )
    else:
        yield Finding("phrase", Grade.FINE, "nothing is known to be missing")


def _database(home: Home) -> Found:
    address = f"file:{quote(str(home.database))}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError as error:
        remedy = "If it is missing, cozysync start builds it anew from the server and your folders."
        yield Finding("database", Grade.WRONG, f"{home.database}: {error}.", remedy)
        return
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found == "ok":
        yield Finding("database", Grade.FINE, f"{home.database} is sound")
    else:
        yield _wrong("database", DamagedDatabase(home.database, found))


def _server(config: Config) -> Found:
    url = config.engine.server
    if not url:
        remedy = "Set server in the configuration (docs/CONFIG.md)."
        yield Finding("server", Grade.WRONG, "No server is set.", remedy)
        return
    try:
        info = trio.run(_asked, config)
    except CozyError as error:
        yield _wrong("server", error)
        return
    yield Finding("server", Grade.FINE, f"{url} answers, and speaks this version")
    clock = clock_trouble(time.time() - info.server_time_ms / 1000)
    if clock is not None:
        yield Finding("clock", Grade.WRONG, clock.reason, clock.remedy)
    else:
        yield Finding("clock", Grade.FINE, "it goes as the server's does")
    yield from _line(config, url)


def _line(config: Config, url: str) -> Found:
    if config.engine.server_key:
        yield Finding("tls", Grade.FINE, "the server is known by its key")
    elif config.speaks_tls:
        yield Finding("tls", Grade.FINE, "an authority vouches for the server")
    elif is_on_this_machine(url):
        yield Finding("tls", Grade.FINE, "none, and the server is on this machine")
    else:
        yield Finding(
            "tls",
            Grade.ADVICE,
            f"{url} is spoken to without TLS: whoever listens sees what the server sees.",
            "Let the server speak TLS (it does by itself without --plain), then set server to its "
            "https:// address and server_key to what cozysync server key prints there.",
        )


async def _asked(config: Config) -> Info:
    remote = HttpRemote(config.engine.server or "", trust=config.trust)
    try:
        return await remote.info()
    finally:
        await remote.close()


def _room(home: Home, status: Report | None) -> Found:
    places = [home.root, *(Path(each["path"]) for each in (status or {}).get("folders", []))]
    short = False
    for place in places:
        try:
            free = shutil.disk_usage(place).free
        except OSError:
            continue  # a folder that is away is told by the daemon
        if free < LITTLE_ROOM:
            short = True
            what = f"The disk of {place} has only {free // (1 << 20)} MiB left."
            yield Finding("room", Grade.ADVICE, what, "Free some space before syncing stops.")
    if not short:
        yield Finding("room", Grade.FINE, "all disks have room")


def _socket(home: Home) -> Found:
    if _mode(home.socket) & 0o077:
        remedy = f"chmod 600 '{home.socket}', and find out what made it so"
        yield Finding("socket", Grade.WRONG, f"Others may open {home.socket}.", remedy)
    else:
        yield Finding("socket", Grade.FINE, f"{home.socket} is this user's alone")


def _told_by_daemon(status: Report) -> Found:
    for each in status["attention"]:
        yield Finding("daemon", Grade.WRONG, each["reason"], each["remedy"])
    if status.get("alarm") is None:
        what = f"verified up to position {status['server']['position']}, and no alarm stands"
        yield Finding("log", Grade.FINE, what)
    for folder in status["folders"]:
        for each in folder["blocked"]:
            yield Finding(
                "folder", Grade.WRONG, f"{each['path']}: {each['reason']}", each["remedy"]
            )


def _watching(status: Report) -> Found:
    for folder in status["folders"]:
        if folder["watching"] not in (INOTIFY, "not yet"):
            yield Finding(
                "watching",
                Grade.ADVICE,
                f"{folder['path']} is not watched as it could be: {folder['watching']}.",
                "Changes are found all the same, only later. Where a sysctl is named, set it as "
                "root, and run cozysync restart.",
            )


def _devices(status: Report, now_s: float) -> Found:
    for each in status["devices"]:
        wrote = each["last_written"]
        if each["this"] or each["revoked"] or wrote is None or now_s - wrote < LONG_QUIET_S:
            continue
        yield Finding(
            "devices",
            Grade.ADVICE,
            f"«{each['name']}» has written nothing for {(now_s - wrote) / 86_400:.0f} days.",
            "If it is lost: cozysync devices revoke NAME. If it is only at rest, all is well.",
        )


def _phones(status: Report, now_s: float) -> Found:
    gateway = status.get("gateway")
    if not gateway or not gateway["enabled"]:
        return
    if gateway["listening"]:
        yield Finding("phones", Grade.FINE, f"they are let in at {gateway['url']}")
    for each in gateway["phones"]:
        quiet_s = now_s - (each["last_seen"] or each["added"])
        if quiet_s >= LONG_QUIET_S:
            yield Finding(
                "phones",
                Grade.ADVICE,
                f"The phone «{each['name']}» was not here for {quiet_s / 86_400:.0f} days.",
                "If it is lost or given away: cozysync phone revoke NAME.",
            )


def _wrong(check: str, error: CozyError) -> Finding:
    return Finding(check, Grade.WRONG, error.message, error.remedy)


def _mode(path: Path) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)
