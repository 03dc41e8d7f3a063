"""Looking through all that a server keeps, without keys.

The log is read as a device reads it: every signature, every author's chain, every head. Packs are
compared with their names, which are hashes of their bytes. It reads only, so it may run beside the
server; with `repair` it also moves damaged packs aside, and devices send again what was in them.
"""

import hashlib
import sqlite3
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from cozysync.server.layout import (
    DAMAGED,
    PACKS,
    base_of,
    needed_packs,
    pack_path,
    packs_on_disk,
    reading,
)
from cozysync_protocol import (
    ChainBroken,
    ForkDetected,
    HeadHash,
    LogState,
    PackId,
    Position,
    ProtocolError,
    VaultId,
    admit,
    decode_entry,
    next_head,
)

_PIECE = 1024 * 1024


class FindingKind(StrEnum):
    """What can be wrong with what a server keeps."""

    DATABASE = "database"
    LOG = "log"
    MISSING_PACK = "missing-pack"
    DAMAGED_PACK = "damaged-pack"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: `where` is a path, or a position of a vault's log."""

    kind: FindingKind
    vault: str
    where: str
    what: str
    remedy: str


@dataclass(slots=True)
class Report:
    """All that was looked at, and what is wrong with it.

    `spare` packs are named by no entry: uploads whose entry is still to come, or never came.
    `given_up` packs were lost; the devices know, and have sent their contents again in others.
    """

    vaults: int = 0
    entries: int = 0
    packs: int = 0
    bytes: int = 0
    spare: int = 0
    given_up: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        counts = {name: getattr(self, name) for name in self.__slots__ if name != "findings"}
        findings = [
            {name: str(getattr(each, name)) for name in each.__slots__} for each in self.findings
        ]
        return {"clean": self.is_clean, **counts, "findings": findings}


def verify(data: Path, *, repair: bool = False, contents: bool = True) -> Report:
    """Look through a server's data directory, or a backup of one.

    `repair` moves damaged packs aside; without `contents` packs are only looked for, not read.
    Raises `ServerError` when there is nothing to look at.
    """
    report = Report()
    named: dict[VaultId, set[PackId]] = {}
    with reading(data) as connection:
        try:
            named = _read_database(data, connection, report)
        except sqlite3.DatabaseError as error:
            report.findings.append(_broken_database(data, str(error)))
    _look_at_packs(data, named, report, repair=repair, contents=contents)
    return report


# --- the log


def _read_database(
    data: Path, connection: sqlite3.Connection, report: Report
) -> dict[VaultId, set[PackId]]:
    """Check every vault's log; returns the packs that each needs."""
    for (finding,) in connection.execute("PRAGMA integrity_check(10)").fetchall():
        if finding != "ok":
            report.findings.append(_broken_database(data, finding))
    needed: dict[VaultId, set[PackId]] = {}
    rows = connection.execute("SELECT id, position, state FROM vault ORDER BY id").fetchall()
    for vault, position, state in rows:
        report.vaults += 1
        named = needed[vault] = _read_log(connection, vault, position, state, report)
        given_up = _lost_packs(connection, vault) & named
        missing = {p for p in given_up if not pack_path(data / PACKS, vault, p).exists()}
        report.given_up += len(missing)
        named -= missing
    return needed


def _lost_packs(connection: sqlite3.Connection, vault: VaultId) -> set[PackId]:
    if connection.execute("PRAGMA user_version").fetchone()[0] < 2:
        return set()  # a backup by a version that did not know of any
    rows = connection.execute("SELECT pack FROM lost_pack WHERE vault = ?", (vault,))
    return {PackId(row[0]) for row in rows}


def _read_log(
    connection: sqlite3.Connection, vault: VaultId, end: int, stored: bytes, report: Report
) -> set[PackId]:
    start, state = base_of(connection, vault)
    trouble: str | None = None
    entries = connection.execute(
        "SELECT position, device, sequence, head, body FROM entry WHERE vault = ?"
        " AND position > ? ORDER BY position",
        (vault, start),
    )
    for position, device, sequence, head, body in entries:
        report.entries += 1
        try:
            header = decode_entry(body).header
            if trouble is not None:
                continue  # all that follows hangs on the broken one
            if (header.device, header.sequence) != (device, sequence):
                raise ChainBroken("another entry than its row says")
            state = _follow(state, Position(position), HeadHash(head), body)
        except ProtocolError as error:
            if trouble is None:
                trouble = f"the entry at position {position}: {error}"
    if trouble is None and (state.position != end or state.encode() != stored):
        trouble = f"it ends at position {state.position}, and was to end at {end}"
    if trouble is not None:
        report.findings.append(_broken_log(vault, state.position, trouble))
    return needed_packs(connection, vault)


def _follow(state: LogState, position: Position, head: HeadHash, body: bytes) -> LogState:
    """The state after one more entry of the log as it is stored; raises `ProtocolError`."""
    if position != state.position + 1:
        raise ChainBroken(f"entries between {state.position} and {position} are missing")
    entry = decode_entry(body)
    if entry.header.seen_position > state.position:
        raise ForkDetected("its author had seen more than there was")
    admitted = admit(state, entry)
    if next_head(state.head, admitted.devices[entry.header.device].last) != head:
        raise ForkDetected("a head that does not follow from the entries")
    return replace(admitted, position=position, head=head)


# --- the packs


def _look_at_packs(
    data: Path,
    named: dict[VaultId, set[PackId]],
    report: Report,
    *,
    repair: bool,
    contents: bool,
) -> None:
    seen: dict[VaultId, set[PackId]] = {}
    for vault, pack, path in packs_on_disk(data):
        try:
            size = path.stat().st_size
            damage = damage_of(path, pack) if contents else None
        except FileNotFoundError:
            continue  # the server has just thrown it away
        seen.setdefault(vault, set()).add(pack)
        if damage is not None:
            report.findings.append(_damaged(data, vault, path, damage, repair=repair))
            continue
        report.packs += 1
        report.bytes += size
        report.spare += pack not in named.get(vault, set())
    for vault, packs in named.items():
        for pack in sorted(packs - seen.get(vault, set())):
            report.findings.append(_missing(data, vault, pack))


def damage_of(path: Path, pack: PackId) -> str | None:
    """What is wrong with a pack's file, None when its bytes fit its name; raises `OSError`."""
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("rb", buffering=0) as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
                size += len(piece)
    except FileNotFoundError:
        raise
    except OSError as error:
        return f"it cannot be read: {error.strerror or error}"
    if digest.digest() == pack:
        return None
    return "it is empty" if not size else f"its {size:,} bytes do not fit its name"


def _damaged(data: Path, vault: VaultId, path: Path, damage: str, *, repair: bool) -> Finding:
    remedy = "Move it aside: cozysync server verify --repair. Devices then send it again."
    if repair:
        aside = data / DAMAGED / vault.hex() / path.name
        aside.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.replace(aside)
        remedy = f"It was moved to {aside}; devices send again what was in it."
    return Finding(FindingKind.DAMAGED_PACK, vault.hex(), str(path), damage, remedy)


def _missing(data: Path, vault: VaultId, pack: PackId) -> Finding:
    return Finding(
        FindingKind.MISSING_PACK,
        vault.hex(),
        str(pack_path(data / PACKS, vault, pack)),
        "an entry names it, and it is not there",
        "Put it back from a backup (cozysync server restore --replace); else the devices send "
        "again what was in it, as far as they hold it.",
    )


def _broken_log(vault: VaultId, position: Position, what: str) -> Finding:
    return Finding(
        FindingKind.LOG,
        vault.hex(),
        f"position {position + 1}",
        what,
        "Restore a backup (cozysync server restore --replace); devices give back what it lacks.",
    )


def _broken_database(data: Path, what: str) -> Finding:
    return Finding(
        FindingKind.DATABASE,
        "",
        str(data),
        what,
        "Restore a backup (cozysync server restore --replace); devices give back what it lacks. "
        "Check the disk as well: files do not break by themselves.",
    )
