"""Every request that the server and the daemon take, with a valid example to begin from."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import MagicMock

from starlette.routing import Route

from cozysync.daemon.control import create_control
from cozysync.server import Server
from cozysync_protocol import (
    Append,
    Begun,
    CreateVault,
    GivenBack,
    HeadHash,
    LogFrame,
    PackList,
    Position,
    SessionProof,
    SessionRequest,
    SnapshotPointer,
    encode_entry,
)
from tests.unit.protocol.logs import ANN, VAULT, Log

LOG = Log()
ENTRY = encode_entry(LOG.entry(ANN))
FRAME = LogFrame(Position(2), HeadHash(b"h" * 32), ENTRY)
FIRST = LogFrame(Position(1), LOG.state.heads[Position(1)], encode_entry(LOG.entries[0]))
PACK = b"a pack as far as the server can see" * 9
PACK_ID = hashlib.sha256(PACK).hexdigest()
POINTER = (
    SnapshotPointer(
        VAULT, ANN.id, LOG.state.position, LOG.state.head, LOG.state.epoch, len(PACK),
        (hashlib.sha256(PACK).digest(),),
    )
    .signed(ANN.sign)
    .encode()
)  # fmt: skip


@dataclass(frozen=True)
class Request:
    """`path` as the route has it; `values` fill it in; the rest is a valid request."""

    method: str
    path: str
    bodies: tuple[bytes, ...] = (b"",)
    values: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


V = {"vault": VAULT.hex()}
BOX = {"number": "1", "side": "offer", "index": "0"}
SERVER = [
    Request("GET", "/v1/info"),
    Request("GET", "/healthz"),
    Request("GET", "/readyz"),
    Request("GET", "/metrics"),
    Request("POST", "/v1/vaults", (CreateVault("code", encode_entry(LOG.entries[0])).encode(),)),
    Request("POST", "/v1/sessions", (SessionRequest(VAULT, ANN.id).encode(),)),
    Request("POST", "/v1/sessions/proof", (
        SessionProof(VAULT, ANN.id, b"n" * 56, b"s" * 64).encode(),
    )),
    Request("GET", "/v1/vaults/{vault}/log", values=V, query={"after": "0", "wait": "0"}),
    Request("POST", "/v1/vaults/{vault}/log",
            (Append((ENTRY,)).encode(), Append((ENTRY, ENTRY)).encode()), V),
    Request("POST", "/v1/vaults/{vault}/log/given-back",
            (GivenBack(Position(2), (FRAME,)).encode(),
             GivenBack(Position(9), (FRAME,), "code").encode()), V),
    Request("POST", "/v1/vaults/{vault}/log/begun",
            (Begun("code", LOG.state, (FIRST,)).encode(),), V),
    Request("POST", "/v1/vaults/{vault}/packs/lost", (PackList((bytes(32),)).encode(),), V),
    Request("POST", "/v1/vaults/{vault}/packs/missing",
            (PackList((bytes(32), bytes.fromhex(PACK_ID))).encode(),), V),
    Request("PUT", "/v1/vaults/{vault}/packs/{pack}", (PACK,), V | {"pack": PACK_ID}),
    Request("GET", "/v1/vaults/{vault}/packs/{pack}", values=V | {"pack": PACK_ID},
            headers={"range": "bytes=0-9"}),
    Request("GET", "/v1/vaults/{vault}/snapshot", values=V),
    Request("PUT", "/v1/vaults/{vault}/snapshot", (POINTER,), V, headers={"if-match": '"0"'}),
    Request("POST", "/v1/mailbox"),
    Request("PUT", "/v1/mailbox/{number}/{side}/{index}", (b"message",), BOX),
    Request("GET", "/v1/mailbox/{number}/{side}/{index}", values=BOX, query={"wait": "0"}),
    Request("DELETE", "/v1/mailbox/{number}", values={"number": "1"}),
]  # fmt: skip


def _json(**fields):
    return (json.dumps(fields).encode(),)


SEEN = {"seen": "00000000"}
CONTROL = [
    Request("GET", "/v1/status"),
    Request("POST", "/v1/settle", _json(timeout=5)),
    Request("POST", "/v1/folders/add", _json(path="/nowhere", name="n")),
    Request("POST", "/v1/folders/remove", _json(path="/nowhere")),
    Request("POST", "/v1/folders/pause", _json(path="/nowhere")),
    Request("POST", "/v1/folders/resume", _json(path="/nowhere")),
    Request("POST", "/v1/folders/conflicts", _json(path="/nowhere", policy="copies")),
    Request("POST", "/v1/pairings"),
    Request("GET", "/v1/pairings/{number}", values={"number": "1"}, query={"wait": "0"}),
    Request("DELETE", "/v1/pairings/{number}", values={"number": "1"}),
    Request("GET", "/v1/explain", query={"path": "/nowhere"}),
    Request("GET", "/v1/log", query={"path": "/nowhere", "limit": "5"}),
    Request("POST", "/v1/restore", _json(path="/nowhere", at=1.7e9, **SEEN)),
    Request("POST", "/v1/rewind", _json(device="ann", since=1.7e9, **SEEN)),
    Request("POST", "/v1/tidy"),
    Request("GET", "/v1/conflicts"),
    Request("GET", "/v1/conflicts/{id}/versions/{number}", values={"id": "ab", "number": "1"}),
    Request("POST", "/v1/conflicts/{id}", _json(choice="1", anyway=False, **SEEN), {"id": "ab"}),
    Request("POST", "/v1/alarm/try-again"),
    Request("POST", "/v1/give", _json(invitation="code")),
    Request("POST", "/v1/verify", _json(after="chunks.0.0", quick=False)),
    Request("GET", "/v1/held"),
    Request("POST", "/v1/held", _json(path="/nowhere", deny=True, **SEEN)),
    Request("POST", "/v1/devices/rename", _json(device="nobody", name="n")),
    Request("POST", "/v1/devices/revoke", _json(device="nobody", last=False)),
    Request("POST", "/v1/gateway", _json(enabled=False, listen="127.0.0.1:0", hosts="a b")),
    Request("POST", "/v1/phones/add", _json(name="anna", folders=["Photos"], read_only=True)),
    Request("POST", "/v1/phones/revoke", _json(name="anna")),
    Request("POST", "/v1/stop"),
]


def _routes(app):
    for route in app.routes:
        assert isinstance(route, Route)
        for method in route.methods - {"HEAD"}:
            yield method, route.path


def server_routes():
    """What the server's application offers."""
    store = MagicMock()
    store.secret.return_value = bytes(32)
    server = Server(store, MagicMock(), now_s=lambda: 0.0, entropy=bytes)
    return set(_routes(server.routes()))


def control_routes():
    """What the daemon's control socket offers."""
    return set(_routes(create_control(MagicMock(), MagicMock(), MagicMock(), Path(), lambda: None)))
