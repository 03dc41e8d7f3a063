"""What lies where in a server's data directory, and reading it beside a server that runs."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from cozysync.server.failures import ServerError
from cozysync_protocol import PackId, VaultId

DATABASE = "server.db"
PACKS = "packs"
DAMAGED = "damaged"
"""Packs whose bytes do not fit their name, moved here so that devices send them again."""


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
