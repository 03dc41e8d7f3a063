"""Which chunks are in use: those of what is shown, and those of what history keeps."""

import sqlite3
from collections.abc import Iterator

from cozysync.content import Recipe, decode_recipe
from cozysync.replica import unpacked_node
from cozysync.sync.replica import Replica
from cozysync_conflict import Kind
from cozysync_protocol import ChunkId, Malformed, PackId

_VERSIONS = "SELECT node, time, device, detail FROM version WHERE detail <> x''"
_NODES = "SELECT id, parent, name, counted_at, state FROM node WHERE counted_at IS NOT NULL"


def shown_recipes(connection: sqlite3.Connection) -> Iterator[Recipe]:
    """The recipes of all contents that are shown; of what is in conflict, of all its versions."""
    for row in connection.execute(_NODES):
        if row[0][0] != Kind.DIRECTORY:
            for head in unpacked_node(*row).heads:
                yield from _recipe(head.content.detail)


def recipes_in_use(connection: sqlite3.Connection) -> Iterator[Recipe]:
    """The recipes of all contents that are shown or kept; some come twice."""
    for *_, detail in connection.execute(_VERSIONS):
        yield from _recipe(detail)
    yield from shown_recipes(connection)


def obey_doom(replica: Replica, packs: list[PackId]) -> bool:
    """Let go of what lies in doomed packs, and of the versions in history that need it.

    The device that dooms has looked at history by its rules; only what is shown is worth saving
    from it. Whether there is such: it stays where it is until somebody brings it elsewhere.
    """
    connection = replica.database.connection
    inside = replica.chunks.lying_in(packs)
    saved: set[ChunkId] = set()
    for recipe in shown_recipes(connection) if inside else ():
        # A long recipe does not tell all its chunks: none is let go of then.
        saved |= inside if recipe.lists else inside.intersection(c for c, _ in recipe.chunks)
    gone = inside - saved
    replica.chunks.doom(packs, gone)
    if gone:
        _let_go(connection, gone)
    return bool(saved)


def _let_go(connection: sqlite3.Connection, gone: set[ChunkId]) -> None:
    versions = [
        (node, time, device)
        for node, time, device, detail in connection.execute(_VERSIONS)
        for recipe in _recipe(detail)
        if not gone.isdisjoint(chunk for chunk, _ in (*recipe.chunks, *recipe.lists))
    ]
    connection.executemany(
        "UPDATE version SET detail = x'' WHERE node = ? AND time = ? AND device = ?", versions
    )


def _recipe(detail: bytes) -> Iterator[Recipe]:
    if detail:
        try:
            yield decode_recipe(detail)
        except Malformed:
            return  # as a hostile device wrote it: there is nothing to keep
