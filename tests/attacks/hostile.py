"""The real server under a wrapper that tampers and records, and whole engines that talk to it."""

import os
import shutil
import time
from base64 import b64encode
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import trio

from cozysync.replica import FolderRow
from cozysync.server.app import Server
from cozysync.server.packs import DirectoryPacks
from cozysync.server.store import SqliteStore
from cozysync.sync.home import Home
from cozysync.sync.http_remote import HttpRemote
from cozysync.sync.replica import open_replica
from cozysync.sync.seams import real_seams
from cozysync.vault import DeviceKeys, RootKeys, Secrets, create_vault, new_phrase, save_secrets
from cozysync_protocol import FrameReader, decode_control, encode_entry, encode_frame
from tests.suites.fleet import Days, Member, enrol
from tests.system.world import tree

URL = "http://server"


@dataclass
class Answer:
    """What goes back to a device; a tamperer changes it in place. `query` is what was asked."""

    method: str
    path: str
    query: httpx.QueryParams
    status: int
    headers: dict[str, str]
    body: bytes


class Wire(httpx.AsyncBaseTransport):
    """One device's line to the server. `spoken` is everything that went over it."""

    def __init__(self, app):
        self._inner = httpx.ASGITransport(app=app)
        self.spoken = bytearray()
        self.tamperers = []
        self.never_waits = False

    async def handle_async_request(self, request):
        body = await request.aread()
        self._record(str(request.url).encode(), request.headers.raw, body)
        url = request.url
        if self.never_waits and "wait" in url.params:
            url = url.copy_set_param("wait", "0")
        response = await self._inner.handle_async_request(
            httpx.Request(request.method, url, headers=request.headers, content=body)
        )
        answer = Answer(
            request.method, request.url.path, request.url.params, response.status_code,
            dict(response.headers), await response.aread(),
        )  # fmt: skip
        for tamper in self.tamperers:
            tamper(answer)
        self._record(b"", list(answer.headers.items()), answer.body)
        answer.headers.pop("content-length", None)
        return httpx.Response(
            answer.status, headers=answer.headers, stream=httpx.ByteStream(answer.body)
        )

    def _record(self, url, headers, body):
        self.spoken += url + b"\n" + repr(headers).encode() + b"\n" + body + b"\n"

    def honest(self):
        self.tamperers.clear()

    def on_log(self, change, *, end=None):
        """Change the list of frames in every answer, and the end that it claims (same if None)."""

        def tamper(answer):
            if answer.method == "GET" and answer.path.endswith("/log") and answer.status == 200:
                frames = change(FrameReader().feed(answer.body))
                answer.body = b"".join(encode_frame(frame) for frame in frames)
                if end is not None:
                    answer.headers["cozysync-end"] = str(end)

        self.tamperers.append(tamper)

    def show_log(self, frames):
        """Show these frames as the log, whatever there is: to each reader what it asks for."""

        def tamper(answer):
            if answer.method == "GET" and answer.path.endswith("/log"):
                after = int(answer.query.get("after", 0))
                wanted = [frame for frame in frames if frame.position > after]
                head = frames[-1].head if frames else bytes(32)
                answer.status = 200
                answer.body = b"".join(map(encode_frame, wanted))
                answer.headers |= {"cozysync-end": str(len(frames)), "cozysync-head": head.hex()}

        self.tamperers.append(tamper)

    def on_pack(self, change):
        """Change the bytes of every answer that brings some of a pack."""

        def tamper(answer):
            if answer.method == "GET" and "/packs/" in answer.path and answer.status < 300:
                answer.body = change(answer.body)

        self.tamperers.append(tamper)


class Victim(Member):
    """A device over a real folder, whose line a test holds."""

    def __init__(self, name, home, app, keys, vault, now, nursery, ground):
        super().__init__(name, home, None, now, 1, nursery)
        self.home, self.wire = home, Wire(app)
        self._keys, self._vault = keys, vault
        if ground is not None:
            self._ground = ground
            self.folder.mkdir(exist_ok=True)

    async def start(self):
        self.remote = HttpRemote(
            URL, self._vault, self._keys.id, self._keys.sign, transport=self.wire
        )
        await super().start()

    @property
    def alarm(self):
        return self.engine.alarms.standing

    def tree(self):
        return tree(self.folder)

    async def settle_or_not(self):
        return await self.engine.settle()


class Scene:
    """A server with one vault, the devices in it, and what a hostile one may reach."""

    def __init__(self, root, server, store, packs, phrase, root_keys, created, keys):
        self.root, self.server, self.store, self.packs = root, server, store, packs
        self.phrase, self.root_keys, self.created, self.keys = phrase, root_keys, created, keys
        self.vault = created.keys.vault
        self.members = []

    def secrets(self):
        """Every secret of the scene, in the forms in which it might slip out."""
        raw = [
            secret
            for each in self.keys
            for secret in each.private_bytes()
        ]  # fmt: skip
        for member in self.members:
            keys = member.engine.ledger.keys
            raw += [keys.secret(epoch) for epoch in keys.epochs]
        found = {self.phrase.encode()}
        for secret in raw:
            found |= {secret, secret.hex().encode(), b64encode(secret)}
        return found

    def frames(self):
        """The log as it stands on the server."""
        return self.store.read(self.vault, 0, 1 << 20, 1 << 40)

    def spoken(self):
        return b"".join(bytes(member.wire.spoken) for member in self.members)

    def pack_files(self):
        return sorted(p for p in (self.root / "server" / "packs").rglob("*") if p.is_file())

    async def settle(self):
        while True:
            before = len(self.frames())
            for member in self.members:
                await member.settle()
            if len(self.frames()) == before:
                return


def open_server(data):
    """The application over a data directory, as the real process makes it."""
    data.mkdir(parents=True, exist_ok=True)
    packs = DirectoryPacks(data / "packs")
    store = SqliteStore(data / "server.db", packs.missing, time.time)
    return store, packs, Server(store, packs, now_s=time.time, entropy=os.urandom)


def make_home(root, name, device, created, *, first=False):
    """The home of a device that is in the vault and has not run yet."""
    home = Home.at(root / name)
    home.prepare()
    root_wrapping = decode_control(created.entry.body).root_wrapping
    save_secrets(home.secrets_file, Secrets(device, created.keys, root_wrapping))
    replica = open_replica(home.database)
    if first:
        replica.outbox.add(created.entry.header.sequence, encode_entry(created.entry))
        replica.outbox.acknowledge(created.entry.header.sequence, 1)
    replica.folders.put(FolderRow(root / f"{name}-work", "work"))
    replica.close()
    return home


@asynccontextmanager
async def scene(root, *names, real=False, entropy=os.urandom, begin=True):
    """Devices of one vault on the real server application; `real` folders or ones in memory.

    Without `begin` only the first device runs; the others are enrolled and have not begun.
    """
    now = Days()
    store, packs, server = open_server(root / "server")
    phrase = new_phrase(entropy)
    root_keys = RootKeys.from_phrase(phrase)
    keys = [DeviceKeys.generate(entropy) for _ in names]
    created = create_vault(root_keys, keys[0], names[0], entropy)
    store.create_vault(store.invite(), encode_entry(created.entry))
    stage = Scene(root, server, store, packs, phrase, root_keys, created, keys)
    app = server.app()
    async with trio.open_nursery() as nursery:
        for name, device in zip(names, keys, strict=True):
            home = make_home(root, name, device, created, first=not stage.members)
            ground = real_seams().ground if real else None
            victim = Victim(name, home, app, device, stage.vault, now, nursery, ground)
            stage.members.append(victim)
        first, *others = stage.members
        await first.start()
        await first.settle()
        for member in others:
            await enrol(first, member)
        for member in others if begin else ():
            await member.start()
        try:
            yield stage
        finally:
            nursery.cancel_scope.cancel()
    store.close()


@asynccontextmanager
async def newcomer(told, root, name="bob"):
    """A device that begins to read what is told: a scene of before, whose server is copied."""
    shutil.copytree(told.root / "server", root / "server")
    store, packs, server = open_server(root / "server")
    stage = Scene(root, server, store, packs, told.phrase, told.root_keys, told.created, told.keys)
    home = make_home(root, name, told.keys[1], told.created)
    async with trio.open_nursery() as nursery:
        bob = Victim(name, home, server.app(), told.keys[1], told.vault, Days(), nursery, None)
        stage.members.append(bob)
        try:
            yield stage, bob
        finally:
            nursery.cancel_scope.cancel()
    store.close()
