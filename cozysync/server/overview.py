"""What a server keeps, in figures, for the person who runs it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cozysync.server.layout import packs_on_disk, reading
from cozysync_protocol import LogState, VaultId


@dataclass(frozen=True, slots=True)
class VaultFigures:
    """One vault. `devices` are those that may write; `last_contact` is in seconds since 1970."""

    vault: str
    position: int
    devices: int
    entries: int
    entry_bytes: int
    packs: int
    pack_bytes: int
    last_contact: int | None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name) for name in self.__slots__}


def overview(data: Path) -> list[VaultFigures]:
    """The vaults of a data directory; raises `ServerError` when it holds none."""
    stored: dict[VaultId, tuple[int, int]] = {}
    for vault, _, path in packs_on_disk(data):
        count, size = stored.get(vault, (0, 0))
        stored[vault] = (count + 1, size + path.stat().st_size)
    found: list[VaultFigures] = []
    with reading(data) as connection:
        rows = connection.execute("SELECT id, position, state FROM vault ORDER BY id").fetchall()
        for vault, position, state in rows:
            entries, entry_bytes = connection.execute(
                "SELECT COUNT(*), COALESCE(SUM(LENGTH(body)), 0) FROM entry WHERE vault = ?",
                (vault,),
            ).fetchone()
            (contact,) = connection.execute(
                "SELECT MAX(seconds) FROM contact WHERE vault = ?", (vault,)
            ).fetchone()
            devices = LogState.decode(state).devices.values()
            packs = stored.get(vault, (0, 0))
            found.append(
                VaultFigures(
                    vault.hex(),
                    position,
                    sum(not each.revoked for each in devices),
                    entries,
                    entry_bytes,
                    *packs,
                    contact,
                )
            )
    return found
