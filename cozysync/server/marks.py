"""What the server notes of packs and readers, so that it knows what it may delete.

Three notes: at which position an entry last *named* a pack; which packs are *doomed*, where and
since when; and how far each device has *read*, beside the time of its last contact. Times are the
server's, in seconds since 1970: no device's clock decides what is deleted.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from cozysync_protocol import DeviceId, PackId, Position, VaultId

MARKS_SCHEMA = """
CREATE TABLE named (vault BLOB NOT NULL, pack BLOB NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY (vault, pack)) WITHOUT ROWID;
CREATE TABLE doomed (vault BLOB NOT NULL, pack BLOB NOT NULL, position INTEGER NOT NULL,
    since INTEGER NOT NULL, PRIMARY KEY (vault, pack)) WITHOUT ROWID;
CREATE TABLE reader (vault BLOB NOT NULL, device BLOB NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY (vault, device)) WITHOUT ROWID;
"""

# Far below SQLite's bound on variables.
_IDS_PER_QUERY = 500


class Reader(NamedTuple):
    """How far a device has read, and when it last came (seconds since 1970)."""

    position: int
    came: int


class Marks:
    """The notes in one store. Changes belong into the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def name(self, vault: VaultId, packs: Iterable[PackId], position: Position) -> None:
        """An entry at this position names these packs."""
        self._connection.executemany(
            "INSERT INTO named VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET"
            " position = MAX(position, excluded.position)",
            [(vault, pack, position) for pack in packs],
        )

    def doom(
        self, vault: VaultId, packs: Iterable[PackId], position: Position, now_s: float
    ) -> None:
        """The entry at this position dooms these packs."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO doomed VALUES (?, ?, ?, ?)",
            [(vault, pack, position, int(now_s)) for pack in packs],
        )

    def doomed(self, vault: VaultId, packs: Sequence[PackId]) -> list[PackId]:
        """Those of the packs that are doomed."""
        query = "SELECT pack FROM doomed WHERE vault = ? AND pack IN ({})"
        return list(self._among(query, (vault,), packs))

    def named_after(
        self, vault: VaultId, packs: Sequence[PackId], position: Position
    ) -> list[PackId]:
        """Those of the packs that an entry behind this position names."""
        query = "SELECT pack FROM named WHERE vault = ? AND position > ? AND pack IN ({})"
        return list(self._among(query, (vault, position), packs))

    def named(self, vault: VaultId, packs: Sequence[PackId]) -> list[PackId]:
        """Those of the packs that an entry names."""
        return self.named_after(vault, packs, Position(0))

    def due(self, vault: VaultId, reached: int, since: float) -> list[PackId]:
        """The packs doomed at or before a position and a time."""
        rows = self._connection.execute(
            "SELECT pack FROM doomed WHERE vault = ? AND position <= ? AND since <= ?",
            (vault, reached, since),
        )
        return [PackId(row[0]) for row in rows]

    def forget(self, vault: VaultId, packs: Iterable[PackId]) -> None:
        """These packs are gone."""
        rows = [(vault, pack) for pack in packs]
        self._connection.executemany("DELETE FROM doomed WHERE vault = ? AND pack = ?", rows)
        self._connection.executemany("DELETE FROM named WHERE vault = ? AND pack = ?", rows)

    def read(self, vault: VaultId, device: DeviceId, position: int) -> None:
        """A device has read up to this position."""
        self._connection.execute(
            "INSERT INTO reader VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET"
            " position = MAX(position, excluded.position)",
            (vault, device, position),
        )

    def enrolled(self, vault: VaultId, device: DeviceId, now_s: float) -> None:
        """A device is in: until it has come it counts as one that was here just now."""
        self.read(vault, device, 0)
        self._connection.execute(
            "INSERT OR IGNORE INTO contact VALUES (?, ?, ?)", (vault, device, int(now_s))
        )

    def readers(self, vault: VaultId) -> dict[DeviceId, Reader]:
        """What is noted of each device."""
        rows = self._connection.execute(
            "SELECT device, position, seconds FROM reader JOIN contact USING (vault, device)"
            " WHERE vault = ?",
            (vault,),
        )
        return {DeviceId(device): Reader(position, came) for device, position, came in rows}

    def _among(
        self, query: str, values: tuple[object, ...], packs: Sequence[PackId]
    ) -> Iterator[PackId]:
        remaining = iter(packs)
        while some := tuple(islice(remaining, _IDS_PER_QUERY)):
            filled = query.format(",".join("?" * len(some)))
            for row in self._connection.execute(filled, (*values, *some)):
                yield PackId(row[0])
