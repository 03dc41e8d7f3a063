"""Copying all that a server keeps, while it runs, and bringing such a copy back.

A backup has the form of a data directory. The database is copied first, in one moment; then the
packs that it names, which are there and never change, for the server takes no entry before its
packs. The database gets its name last: a backup that broke off leaves the one before whole.

Bringing one back goes the other way round, packs first. Packs that are in the directory already
stay, whatever the database knows of them: their names say what they hold.
"""

import os
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from cozysync.server.failures import ServerError
from cozysync.server.layout import (
    CERTIFICATE,
    DATABASE,
    PACKS,
    SERVER_KEY,
    needed_packs,
    packs_on_disk,
    reading,
)
from cozysync.server.serve import locked
from cozysync.server.verify import FindingKind, Report, damage_of, verify

_NEW = ".new"
_SETTLED_TRIES = 3
"""How often a backup begins anew when the server threw packs away while it was made."""


@dataclass(frozen=True, slots=True)
class Copied:
    """How a backup or restore went. `packs` were copied or linked now; `report` is of the whole."""

    packs: int
    bytes: int
    report: Report


def backup(data: Path, to: Path) -> Copied:
    """Bring the backup in `to` to what the server in `data` keeps now, running or not.

    Packs are hard links where that can be, else copies; those that are there already stay. What
    was copied is compared with its name, and the log is verified. Raises `ServerError`.
    """
    _check_target(data, to)
    packs = size = 0
    for left in reversed(range(_SETTLED_TRIES)):
        _copy_database(data, to)
        more = _copy_packs(data, to, link=True)
        packs, size = packs + more[0], size + more[1]
        _copy_keys(data, to)
        (to / (DATABASE + _NEW)).replace(to / DATABASE)
        _sync(to)
        report = verify(to, contents=False)
        missing = any(each.kind is FindingKind.MISSING_PACK for each in report.findings)
        if not missing or not left:
            break
    _prune(data, to)
    return Copied(packs, size, report)


def restore(data: Path, source: Path, *, replace: bool = False) -> Copied:
    """Make `data` what a backup holds. No server may be at work on it.

    With `replace` a database that is there is set aside under another name, never deleted.
    Invitations of the backup are void, for they may have been used since. Raises `ServerError`.
    """
    report = verify(source, contents=False)
    broken = [each for each in report.findings if each.kind is not FindingKind.MISSING_PACK]
    if broken:
        raise ServerError(f"The backup {source} is broken: {broken[0].what}.", "Use another one.")
    if data.resolve() == source.resolve():
        raise ServerError("A backup cannot be restored onto itself.", "Name another --data.")
    with locked(data):
        there = [each.name for each in data.iterdir() if each.name != "lock"]
        if there and not replace:
            raise ServerError(
                f"{data} is not empty.",
                "Name an empty directory, or say --replace: its database is then set aside.",
            )
        packs, size = _copy_packs(source, data, link=False)
        _set_aside(data)
        _copy_database(source, data)
        _void_invitations(data / (DATABASE + _NEW))
        _copy_keys(source, data)
        (data / (DATABASE + _NEW)).replace(data / DATABASE)
        _sync(data)
    return Copied(packs, size, verify(data, contents=False))


def _check_target(data: Path, to: Path) -> None:
    here, there = data.resolve(), to.resolve()
    if here.is_relative_to(there) or there.is_relative_to(here):
        raise ServerError(
            f"The backup {to} would lie in {data}, or the other way round.",
            "Name a directory elsewhere, best on another disk.",
        )
    try:
        to.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = sorted(each.name for each in to.iterdir())
    except OSError as error:
        raise ServerError(
            f"The backup {to} cannot be made: {error.strerror}.",
            "Choose another directory, or give yourself the right to write there.",
        ) from error
    if found and not {DATABASE, DATABASE + _NEW, PACKS} & set(found):
        raise ServerError(
            f"{to} holds something that is no backup of a server ({found[0]}).",
            "Name an empty directory, or that of an earlier backup.",
        )
    if "lock" in found:
        raise ServerError(f"A server works, or worked, in {to}.", "Name another directory.")


# --- the database


def _copy_keys(source: Path, to: Path) -> None:
    """Copy the key that devices know the server by: with another one they would not speak to it."""
    for name in (CERTIFICATE, SERVER_KEY):
        if not (source / name).exists():
            continue
        path = to / (name + _NEW)
        path.unlink(missing_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write((source / name).read_bytes())
        path.replace(to / name)


def _copy_database(source: Path, to: Path) -> None:
    """Put a copy of the database, as it is at one moment, beside its place."""
    path = to / (DATABASE + _NEW)
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with reading(source) as connection, closing(sqlite3.connect(path)) as copy:
            connection.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, whole in itself
    except sqlite3.DatabaseError as error:
        raise ServerError(
            f"The database cannot be copied: {error}.",
            "Look at both disks: cozysync server verify. The backup before is as it was.",
        ) from error
    _sync(path)


def _set_aside(data: Path) -> None:
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    for suffix in ("", "-wal", "-shm"):
        path = data / (DATABASE + suffix)
        if path.exists():
            path.replace(data / f"replaced-{stamp}.db{suffix}")


def _void_invitations(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM invitation")
    _sync(path)


# --- the packs


def _copy_packs(source: Path, to: Path, *, link: bool) -> tuple[int, int]:
    """Bring the packs over that are not there yet; how many, and their bytes.

    One whose bytes do not fit its name is left: better none than a wrong one.
    """
    count = size = 0
    made: set[Path] = set()
    for _, pack, path in packs_on_disk(source):
        target = to / PACKS / path.relative_to(source / PACKS)
        if target.exists():
            continue
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.part")
        temporary.unlink(missing_ok=True)
        try:
            _bring(path, temporary, link=link)
            if damage_of(temporary, pack) is not None:
                temporary.unlink()
                continue
        except FileNotFoundError:
            continue  # thrown away meanwhile: a newer database does not name it
        temporary.replace(target)
        made.add(target.parent)
        count, size = count + 1, size + target.stat().st_size
    for directory in made:
        _sync(directory)
    return count, size


def _bring(path: Path, target: Path, *, link: bool) -> None:
    if link:
        try:
            os.link(path, target)
        except FileNotFoundError:
            raise
        except OSError:
            pass  # another disk, or one without links
        else:
            return
    shutil.copyfile(path, target)
    _sync(target)


def _prune(data: Path, to: Path) -> None:
    """Let go of packs in the backup that neither the server has nor the database names."""
    with reading(to) as connection:
        vaults = [vault for (vault,) in connection.execute("SELECT id FROM vault")]
        named = {pack for vault in vaults for pack in needed_packs(connection, vault)}
    for _, pack, path in list(packs_on_disk(to)):
        if pack not in named and not (data / PACKS / path.relative_to(to / PACKS)).exists():
            path.unlink()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
