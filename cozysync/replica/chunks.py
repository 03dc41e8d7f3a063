"""Where every chunk of the vault lies: chunk → pack, offset, length.

A location is *announced* once a sealed entry carries it, so that every other replica has it too.
Chunks of packs that this device uploaded wait unannounced until the entry that uses them is
authored. Of a chunk that was announced twice the place told last in the log counts, so that all
devices agree when live chunks are moved out of packs that are mostly dead.

A pack is *retired* when it is lost, damaged or about to go. Its locations still answer (some of
its chunks may be sound), but they count for nothing: whoever has the content sends it anew, and
the first location in another pack takes the place.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from cozysync.replica.database import Database, Schema
from cozysync_protocol import ChunkId, ChunkLocation, PackId

T = TypeVar("T")

Place = tuple[int, int]
"""A pack's number in this replica, and an offset."""

# A pack id is 32 bytes and serves some hundred chunks, so it is stored once.
CHUNKS_SCHEMA = Schema(
    "chunks",
    (
        """
        CREATE TABLE pack (key INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE);
        CREATE TABLE chunk (
            id BLOB PRIMARY KEY,
            pack INTEGER NOT NULL,
            offset INTEGER NOT NULL,
            length INTEGER NOT NULL,
            announced INTEGER NOT NULL
        ) WITHOUT ROWID;
        """,
        """
        ALTER TABLE pack ADD COLUMN retired INTEGER NOT NULL DEFAULT 0;
        CREATE INDEX pack_retired ON pack (key) WHERE retired;
        """,
    ),
)

# Ids asked for in one statement: far below SQLite's bound on variables (32,766 since 3.32, 999
# before), and beyond a few hundred a statement's fixed cost no longer shows.
IDS_PER_QUERY = 500

_LOCATE = (
    "SELECT chunk.id, pack.id, offset, length FROM chunk JOIN pack ON pack.key = chunk.pack"
    " WHERE chunk.id IN ({})"
)
_IN_PACKS = (
    "SELECT chunk.id, pack.id, offset, length FROM chunk JOIN pack ON pack.key = chunk.pack"
    " WHERE pack.id IN ({})"
)
_AFTER = (
    "SELECT pack.key, chunk.id, pack.id, offset, length FROM chunk JOIN pack"
    " ON pack.key = chunk.pack WHERE (chunk.pack, offset) > (?, ?)"
    " ORDER BY chunk.pack, offset LIMIT ?"
)
_UNANNOUNCED = _LOCATE + " AND announced = 0"
KNOWN_CHUNKS = (
    "SELECT chunk.id FROM chunk JOIN pack ON pack.key = chunk.pack"
    " WHERE chunk.id IN ({}) AND NOT retired"
)
_IN_RETIRED = (
    "SELECT {} FROM chunk JOIN pack ON pack.key = chunk.pack WHERE retired ORDER BY pack, offset"
)


class ChunkIndex:
    """The chunk index of one replica. Changes belong into the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._connection = database.connection

    def add(self, locations: Iterable[ChunkLocation], announced: bool) -> None:
        """Learn locations.

        The place that was announced last counts, unless its pack is retired. One that is not
        announced yet counts for chunks that have no place, or only one in a retired pack.
        """
        # In order of id, neighbours land on the same page: a third faster than at random.
        ordered = sorted(locations, key=_chunk_of)
        keys = self._pack_keys({location.pack for location in ordered})
        self._connection.executemany(
            "INSERT INTO chunk VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET pack = excluded.pack, offset = excluded.offset,"
            " length = excluded.length, announced = 1 WHERE excluded.announced = 1"
            " AND NOT (SELECT retired FROM pack WHERE key = excluded.pack)",
            [
                (each.chunk, keys[each.pack], each.offset, each.length, announced)
                for each in ordered
            ],
        )
        if retired := set(self._retired_keys()):
            self._move(
                [each for each in ordered if keys[each.pack] not in retired], keys, announced
            )

    def _move(
        self, locations: Sequence[ChunkLocation], keys: dict[PackId, int], announced: bool
    ) -> None:
        self._connection.executemany(
            "UPDATE chunk SET pack = ?, offset = ?, length = ?, announced = ?"
            " WHERE id = ? AND pack IN (SELECT key FROM pack WHERE retired)",
            [
                (keys[each.pack], each.offset, each.length, announced, each.chunk)
                for each in locations
            ],
        )

    def retire(self, packs: Iterable[PackId]) -> set[PackId]:
        """Let the locations in these packs give way to others; returns those not retired yet.

        A pack that is not known is remembered as retired all the same: its chunks may come.
        """
        keys = self._pack_keys(set(packs))
        old = self._retired_keys()
        self._connection.executemany(
            "UPDATE pack SET retired = 1 WHERE key = ?", [(key,) for key in keys.values()]
        )
        return {pack for pack, key in keys.items() if key not in old}

    def lying_in(self, packs: Iterable[PackId]) -> set[ChunkId]:
        """The chunks whose place is in one of these packs."""
        return {ChunkId(row[0]) for row in self._rows_in(self._known_keys(packs))}

    def doom(self, packs: Iterable[PackId], gone: set[ChunkId]) -> None:
        """Forget these chunks, and retire the packs, of which none is known that holds nothing."""
        packs = set(packs)
        self._connection.executemany(
            "DELETE FROM chunk WHERE id = ?", [(chunk,) for chunk in sorted(gone)]
        )
        keys = self._known_keys(packs)
        holding = {row[1] for row in self._rows_in(keys)}
        self._connection.executemany(
            "DELETE FROM pack WHERE key = ?", [(key,) for key in keys if key not in holding]
        )
        self._connection.executemany(
            "UPDATE pack SET retired = 1 WHERE key = ?", [(key,) for key in holding]
        )

    def _known_keys(self, packs: Iterable[PackId]) -> list[int]:
        return [
            row[0]
            for query, some in _portions("SELECT key FROM pack WHERE id IN ({})", packs)
            for row in self._connection.execute(query, some)
        ]

    def _rows_in(self, keys: Iterable[int]) -> Iterator[tuple[bytes, int]]:
        for query, some in _portions("SELECT id, pack FROM chunk WHERE pack IN ({})", keys):
            yield from self._connection.execute(query, some).fetchall()

    def retired(self) -> list[ChunkLocation]:
        """The chunks that lie only in retired packs, by place."""
        query = _IN_RETIRED.format("chunk.id, pack.id, offset, length")
        return [ChunkLocation(*row) for row in self._connection.execute(query)]

    def packs(self) -> list[PackId]:
        """All packs in which a chunk lies, but for retired ones."""
        query = "SELECT id FROM pack WHERE NOT retired AND key IN (SELECT pack FROM chunk)"
        return [PackId(row[0]) for row in self._connection.execute(query)]

    def _retired_keys(self) -> set[int]:
        return {row[0] for row in self._connection.execute("SELECT key FROM pack WHERE retired")}

    def known(self, ids: Iterable[ChunkId]) -> set[ChunkId]:
        """Those of the ids that have a location in a pack that is not retired."""
        found: set[ChunkId] = set()
        for query, some in _portions(KNOWN_CHUNKS, ids):
            found.update(row[0] for row in self._connection.execute(query, some))
        return found

    def locate(self, ids: Iterable[ChunkId]) -> dict[ChunkId, ChunkLocation]:
        """The locations of those ids that have one."""
        return {location.chunk: location for location in self._select(_LOCATE, ids)}

    def unannounced(self, ids: Iterable[ChunkId]) -> list[ChunkLocation]:
        """The locations, among these ids, that no entry carries yet; ordered by pack and offset."""
        found = self._select(_UNANNOUNCED, ids)
        return sorted(found, key=lambda each: (each.pack, each.offset))

    def mark_announced(self, ids: Iterable[ChunkId]) -> None:
        """Note that an entry carries the locations of these chunks."""
        for query, some in _portions("UPDATE chunk SET announced = 1 WHERE id IN ({})", ids):
            self._connection.execute(query, some)

    def after(self, place: Place, limit: int) -> list[tuple[Place, ChunkLocation]]:
        """The next chunks in order of place, at most so many; `(0, 0)` begins."""
        rows = self._connection.execute(_AFTER, (*place, limit))
        return [((key, each[2]), ChunkLocation(*each)) for key, *each in rows]

    def in_packs(self, packs: Iterable[PackId]) -> list[ChunkLocation]:
        """The chunks that lie in these packs."""
        return list(self._select(_IN_PACKS, packs))

    def count(self) -> int:
        """How many chunks have a location."""
        row = self._connection.execute("SELECT COUNT(*) FROM chunk").fetchone()
        return int(row[0])

    def _select(self, template: str, ids: Iterable[bytes]) -> Iterator[ChunkLocation]:
        for query, some in _portions(template, ids):
            for row in self._connection.execute(query, some):
                yield ChunkLocation(*row)

    def _pack_keys(self, packs: set[PackId]) -> dict[PackId, int]:
        self._connection.executemany(
            "INSERT OR IGNORE INTO pack (id) VALUES (?)", [(pack,) for pack in sorted(packs)]
        )
        keys: dict[PackId, int] = {}
        for query, some in _portions("SELECT id, key FROM pack WHERE id IN ({})", packs):
            keys.update(self._connection.execute(query, some).fetchall())
        return keys


def _chunk_of(location: ChunkLocation) -> ChunkId:
    return location.chunk


def _portions(template: str, ids: Iterable[T]) -> Iterator[tuple[str, Sequence[T]]]:
    """Statements over all ids, some at a time, with as many marks as there are ids."""
    remaining = iter(dict.fromkeys(ids))
    while some := tuple(islice(remaining, IDS_PER_QUERY)):
        yield template.format(",".join("?" * len(some))), some
