"""The real server application in this process: a vault, its device's session, what it holds."""

import hashlib
import os
import shutil
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from cozysync.server import DirectoryPacks, Server, SqliteStore
from cozysync_protocol import (
    Append,
    Challenge,
    CreateVault,
    PackId,
    Session,
    SessionProof,
    SessionRequest,
    encode_entry,
    session_signed_part,
)
from tests.unit.protocol.logs import ANN, VAULT, Log


class Clock:
    """Wall-clock time that a test sets forward."""

    def __init__(self):
        self.now_s = 1_800_000_000.0

    def __call__(self):
        return self.now_s


class Served:
    """One server in this process; `client` asks it, `log` is what an honest device has read."""

    def __init__(self, root, **options):
        self.root = root
        self.clock = Clock()
        self.packs = DirectoryPacks(root / "packs")
        self.store = SqliteStore(root / "server.db", self.packs.missing, self.clock)
        self.server = Server(
            self.store, self.packs, now_s=self.clock, entropy=os.urandom, **options
        )
        self.app = self.server.app()
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url="http://server"
        )
        self.log = Log()
        self.vault = f"/v1/vaults/{VAULT.hex()}"
        self.tokens = {}

    async def found(self):
        """Make the vault of `tests/unit/protocol/logs.py` and open a session for its device."""
        first = encode_entry(self.log.entries[0])
        made = CreateVault(self.store.invite(), first).encode()
        assert (await self.client.post("/v1/vaults", content=made)).status_code == 200
        await self.open_session(ANN)

    async def open_session(self, who):
        asked = SessionRequest(VAULT, who.id).encode()
        nonce = Challenge.decode((await self.client.post("/v1/sessions", content=asked)).content)
        signature = who.sign(session_signed_part(VAULT, who.id, nonce.nonce))
        proof = SessionProof(VAULT, who.id, nonce.nonce, signature).encode()
        answer = await self.client.post("/v1/sessions/proof", content=proof)
        assert answer.status_code == 200, answer.text
        self.tokens[who] = Session.decode(answer.content).token

    def headers(self, who=ANN):
        return {"authorization": f"Bearer {self.tokens[who]}"}

    async def ask(self, method, path, content=b"", *, who=ANN, **headers):
        """One request below the vault, on behalf of a device."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.request(
            method, self.vault + path, content=content, headers=self.headers(who) | named
        )

    async def put_pack(self, data, who=ANN):
        pack = PackId(hashlib.sha256(data).digest())
        return pack, await self.ask("PUT", f"/packs/{pack.hex()}", data, who=who)

    async def append(self, *entries, who=ANN):
        body = Append(tuple(map(encode_entry, entries))).encode()
        return await self.ask("POST", "/log", body, who=who)

    def held(self):
        """All that the server has: rows and files."""
        dump = list(self.store._connection.iterdump())
        files = {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in (self.root / "packs").rglob("*")
            if path.is_file()
        }
        return dump, files

    async def close(self):
        await self.client.aclose()
        self.store.close()


@asynccontextmanager
async def served(*, vault=True, **options):
    """A server with one vault (or none), in a directory that is thrown away."""
    root = Path(tempfile.mkdtemp(prefix="served"))
    here = Served(root, **options)
    here.store._connection.execute("PRAGMA synchronous=OFF")
    try:
        if vault:
            await here.found()
        yield here
    finally:
        await here.close()
        shutil.rmtree(root)
