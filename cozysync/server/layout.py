"""What lies where in a server's data directory, and reading it beside a server that runs."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from cozysync.server.failures import ServerError
from cozysync_protocol import LogState, PackId, SnapshotPointer, VaultId, decode_entry

DATABASE = "server.db"
PACKS = "packs"
DAMAGED = "damaged"
"""Packs whose bytes do not fit their name, moved here so that devices send them again."""


CERTIFICATE = "tls.pem"
"""The certificate that the server made itself, and its private key."""
SERVER_KEY = "server-key"
"""The fingerprint that devices know the server by; not there when an authority vouches for it."""


@contextmanager
def reading(data: Path) -> Iterator[sqlite3.Connection]:
    """The database as it is at one moment, whoever writes to it meanwhile.

    Raises `ServerError` when the directory holds none.
    """
    path = data / DATABASE
    if not path.is_file():
        raise ServerError(
            f"{data} holds no server's data: {path} is not there.",
            "Name the directory that `cozysync server run` was given with --data.",
        )
    address = f"file:{quote(str(path.absolute()))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        yield connection


def base_of(connection: sqlite3.Connection, vault: VaultId) -> tuple[int, LogState]:
    """Where a vault's log begins, and the state of the log there."""
    if _version(connection) < _TRUNCATES:
        return 0, LogState(vault)
    query = "SELECT start, base FROM vault WHERE id = ?"
    start, base = connection.execute(query, (vault,)).fetchone()
    return start, LogState.decode(base) if base else LogState(vault)


def needed_packs(connection: sqlite3.Connection, vault: VaultId) -> set[PackId]:
    """The packs that a vault's log and snapshot need."""
    if _version(connection) < _TRUNCATES:
        bodies = connection.execute("SELECT body FROM entry WHERE vault = ?", (vault,))
        return {pack for (body,) in bodies for pack in decode_entry(body).header.packs}
    rows = connection.execute("SELECT pack FROM named WHERE vault = ?", (vault,))
    needed = {PackId(row[0]) for row in rows}
    query = "SELECT pointer FROM snapshot WHERE vault = ?"
    for (pointer,) in connection.execute(query, (vault,)):
        needed.update(SnapshotPointer.decode(pointer).packs)
    return needed


# The version of the database from which on packs are noted, and the log may begin late.
_TRUNCATES = 3


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def packs_on_disk(data: Path) -> Iterator[tuple[VaultId, PackId, Path]]:
    """Every file below the packs that bears a pack's name in its place."""
    for path in sorted((data / PACKS).glob("*/*/*")):
        vault, pack = _bytes(path.parts[-3], 16), _bytes(path.name, 32)
        if vault is not None and pack is not None and path.parts[-2] == path.name[:2]:
            yield VaultId(vault), PackId(pack), path


def pack_path(root: Path, vault: VaultId, pack: PackId) -> Path:
    """Where a pack is, or would be, below the directory of all packs."""
    name = pack.hex()
    return root / vault.hex() / name[:2] / name


def _bytes(text: str, length: int) -> bytes | None:
    try:
        data = bytes.fromhex(text)
    except ValueError:
        return None
    return data if len(data) == length and data.hex() == text else None
