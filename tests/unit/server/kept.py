"""A server's data directory with a vault in it, made without a server process."""

import hashlib
import os
import time

from cozysync.server import DirectoryPacks, SqliteStore
from cozysync_protocol import PackId, encode_entry
from tests.unit.protocol.logs import ANN, VAULT, Log


class Kept:
    """`data` holds what the log says; it may grow."""

    def __init__(self, data, entries=5):
        data.mkdir(exist_ok=True)
        self.data = data
        self.packs = DirectoryPacks(data / "packs")
        self.store = SqliteStore(data / "server.db", self.packs.missing, time.time)
        self.log = Log()
        self.store.create_vault(self.store.invite(), encode_entry(self.log.entries[0]))
        self.named = []
        for _ in range(entries):
            self.grow()

    def grow(self):
        pack = self.put(os.urandom(5000))
        entry = self.log.append(ANN, packs=(pack,), body=os.urandom(300))
        self.store.append(VAULT, [encode_entry(entry)])
        self.named.append(pack)

    def put(self, data):
        pack = PackId(hashlib.sha256(data).digest())
        writer = self.packs.writer(VAULT, pack)
        writer.write(data)
        writer.finish()
        return pack

    def path(self, n):
        return self.packs.path(VAULT, self.named[n])

    def close(self):
        self.store.close()
