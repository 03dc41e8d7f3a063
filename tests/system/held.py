"""What history holds, read as a person who restores everything would: replica, keys and packs."""

from cozysync.content import decode_recipe, expand, open_read, plan_reads
from cozysync.sync.home import Home
from cozysync.sync.replica import open_replica
from cozysync.vault import load_secrets


def versions(home, packs):
    """The content of every version that the replica of a stopped device keeps.

    `packs` is the server's directory of packs. A version whose chunks cannot be had or do not open
    raises.
    """
    keys = load_secrets(Home.at(home).secrets_file).vault
    replica = open_replica(Home.at(home).database)
    try:
        rows = replica.database.connection.execute(
            "SELECT DISTINCT detail FROM version WHERE detail <> x''"
        ).fetchall()

        def chunks(ids):
            found = {}
            for read in plan_reads(replica.chunks.locate(ids).values()):
                name = read.pack.hex()
                data = (packs / keys.vault.hex() / name[:2] / name).read_bytes()
                piece = data[read.start : read.start + read.length]
                opened, spoiled = open_read(keys, read, piece)
                assert not spoiled, read.pack.hex()
                found |= opened
            return found

        for (detail,) in rows:
            recipe = decode_recipe(detail)
            if recipe.lists:
                recipe = expand(recipe, chunks([chunk for chunk, _ in recipe.lists]).__getitem__)
            if recipe.inline is not None:
                yield recipe.inline
            else:
                held = chunks([chunk for chunk, _ in recipe.chunks])
                yield b"".join(held[chunk] for chunk, _ in recipe.chunks)
    finally:
        replica.close()
