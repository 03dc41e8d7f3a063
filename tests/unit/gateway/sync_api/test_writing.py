"""Changing the tree through the JSON interface."""

import base64
from contextlib import aclosing

import pytest
import trio

from cozysync.gateway.sync_api import asked, contents
from cozysync.gateway.sync_api.spool import RESERVE
from cozysync.gateway.view import Space
from tests.suites.memory_view import etag
from tests.suites.phones import put

# Who is refused sends on into nothing: the client in these tests leaves its body then.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*async_generator object (\\w*ByteStream|test_):pytest.PytestUnraisableExceptionWarning"
)

LINES = b"".join(b"line %d\n" % number for number in range(20))
TOP = LINES.replace(b"line 1\n", b"line one\n")
END = LINES.replace(b"line 18\n", b"line eighteen\n")
BOTH = TOP.replace(b"line 18\n", b"line eighteen\n")


async def content(view, path):
    async with aclosing(view.read(path)) as pieces:
        return b"".join([piece async for piece in pieces])


async def write(phone, path, data, **params):
    return await phone.put("content", params={"path": path} | params, content=data)


async def test_a_new_file_is_written(view, phone):
    answer = await write(phone, "/Documents/new", b"text", base="", mtime_ms=1_700_000_000_123)
    told = answer.json()
    assert (answer.status_code, told["outcome"], told["beside"]) == (200, "written", [])
    assert told["entry"]["version"] == etag(b"text")
    entry = await view.entry("/Documents/new")
    assert entry.mtime_ns == 1_700_000_000_123_000_000
    assert await content(view, "/Documents/new") == b"text"
    assert list(view.staging.glob("api-*")) == []


async def test_an_edit_of_an_older_version_is_merged_with_what_came_since(view, phone):
    await put(view, "/Documents/a.txt", LINES)
    await put(view, "/Documents/a.txt", TOP)
    told = (await write(phone, "/Documents/a.txt", END, base=etag(LINES))).json()
    assert told["outcome"] == "merged"
    assert told["entry"]["version"] == etag(BOTH)
    assert await content(view, "/Documents/a.txt") == BOTH


async def test_what_cannot_be_merged_stands_side_by_side(view, phone):
    await put(view, "/Documents/a.bin", b"\x00one")
    await put(view, "/Documents/a.bin", b"\x00two")
    told = (await write(phone, "/Documents/a.bin", b"\x00three", base=etag(b"\x00one"))).json()
    assert told["outcome"] == "conflict"
    [beside] = told["beside"]
    assert {await content(view, "/Documents/a.bin"), await content(view, beside)} == {
        b"\x00two", b"\x00three",
    }  # fmt: skip
    assert (await phone.get("status")).json()["conflicts"] == 1


@pytest.mark.parametrize(
    ("path", "params", "status", "code"),
    [
        ("/Documents/there", {"base": ""}, 409, "exists"),
        ("/Documents/there", {"base": "0" * 32}, 412, "stale"),
        ("/Documents/none/x", {}, 409, "not-a-directory"),
        ("/Documents", {}, 403, "forbidden"),
        ("/Documents/../Secret/x", {}, 400, "bad-path"),
        ("/Documents/there", {"mtime_ms": "soon"}, 400, "malformed"),
        ("/Documents/there", {"bsae": ""}, 400, "malformed"),
    ],
)
async def test_what_cannot_be_written_changes_nothing(view, phone, path, params, status, code):
    await put(view, "/Documents/there", b"old")
    cursor = (await phone.get("changes")).json()["cursor"]
    answer = await write(phone, path, b"new", **params)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    page = (await phone.get("changes", params={"cursor": cursor})).json()
    assert (page["changed"], page["removed"]) == ([], [])
    assert list(view.staging.glob("api-*")) == []


async def test_a_reader_changes_nothing(view, reader):
    await put(view, "/Documents/a", b"old")
    node = (await view.entry("/Documents/a")).node
    deeds = [
        {"deed": "write", "path": "/Documents/a", "content": ""},
        {"deed": "move", "node": node, "target": "/Documents/b"},
        {"deed": "copy", "node": node, "target": "/Documents/b"},
        {"deed": "remove", "node": node},
        {"deed": "make_directory", "path": "/Documents/d"},
    ]
    results = (await reader.post("batches", json={"deeds": deeds})).json()["results"]
    assert [each["status"] for each in results] == [403] * 5
    assert (await write(reader, "/Documents/a", b"new")).status_code == 403
    assert (await write(reader, "/Secret/a", b"new")).status_code == 403
    assert (await reader.delete("entry", params={"node": node})).status_code == 403
    assert [each.path for each in await view.children("/Documents")] == ["/Documents/a"]
    assert await content(view, "/Documents/a") == b"old"


async def test_too_large_a_body_is_not_taken(view, phone, monkeypatch):
    monkeypatch.setattr(contents, "MOST_AT_ONCE", 1000)
    assert (await write(phone, "/Documents/a", b"x" * 1001)).status_code == 413

    async def unannounced():
        for _ in range(3):
            yield b"x" * 500

    assert (await write(phone, "/Documents/a", unannounced())).status_code == 413
    assert list(view.staging.glob("api-*")) == []
    assert (await write(phone, "/Documents/a", b"x" * 1000)).status_code == 200


async def test_a_body_that_stops_coming_is_let_go(view, phone, autojump_clock):
    async def stuck():
        yield b"x"
        await trio.sleep(asked.SILENCE_S * 2)

    answer = await write(phone, "/Documents/a", stuck())
    assert (answer.status_code, answer.json()["code"]) == (408, "too-slow")
    assert list(view.staging.glob("api-*")) == []


async def test_the_disk_is_not_filled_by_phones(view, phone, monkeypatch):
    async def space():
        return Space(0, RESERVE + 3)

    monkeypatch.setattr(view, "space", space)
    assert (await write(phone, "/Documents/a", b"four")).status_code == 507
    assert (await write(phone, "/Documents/a", b"two")).status_code == 200


async def test_directories_are_made_with_those_above(view, phone):
    answer = await phone.post("directories", json={"path": "/Photos/2026/11", "parents": True})
    assert answer.json()["entry"]["path"] == "/Photos/2026/11"
    again = await phone.post("directories", json={"path": "/Photos/2026/11"})
    assert again.json()["entry"]["node"] == answer.json()["entry"]["node"]
    alone = await phone.post("directories", json={"path": "/Photos/a/b"})
    assert (alone.status_code, alone.json()["code"]) == (409, "not-a-directory")
    await put(view, "/Photos/file", b"x")
    file = await phone.post("directories", json={"path": "/Photos/file"})
    assert (file.status_code, file.json()["code"]) == (409, "exists")


async def test_moving_by_node_twice_is_moving_once(view, phone):
    await put(view, "/Documents/a", b"1")
    node = (await view.entry("/Documents/a")).node
    wanted = {"node": node, "target": "/Photos/b"}
    for _ in range(2):
        answer = await phone.post("moves", json=wanted)
        assert (answer.status_code, answer.json()["entry"]["path"]) == (200, "/Photos/b")
    await put(view, "/Photos/c", b"2")
    answer = await phone.post("moves", json={"path": "/Photos/b", "target": "/Photos/c"})
    assert (answer.status_code, answer.json()["code"]) == (409, "exists")
    stale = {"path": "/Photos/b", "target": "/Photos/d", "base": etag(b"0")}
    assert (await phone.post("moves", json=stale)).status_code == 412
    answer = await phone.post(
        "moves", json={"path": "/Photos/b", "target": "/Photos/c", "replace": True}
    )
    assert answer.json()["entry"]["node"] == node


async def test_copying_twice_is_copying_once(view, phone):
    await put(view, "/Documents/a", b"1")
    wanted = {"path": "/Documents/a", "target": "/Photos/a"}
    nodes = {(await phone.post("copies", json=wanted)).json()["entry"]["node"] for _ in range(2)}
    assert len(nodes) == 1
    await put(view, "/Documents/a", b"2")
    assert (await phone.post("copies", json=wanted)).status_code == 409
    itself = await phone.post("copies", json={"path": "/Photos/a", "target": "/Photos/a"})
    assert itself.status_code == 400


async def test_what_is_removed_is_gone_however_often(view, phone):
    await put(view, "/Documents/a", b"1")
    where = {"path": "/Documents/a", "base": etag(b"1")}
    assert (await phone.delete("entry", params=where | {"base": "00"})).status_code == 412
    assert (await phone.delete("entry", params=where)).status_code == 204
    assert (await phone.delete("entry", params=where)).status_code == 204
    assert await view.children("/Documents") == []
    await put(view, "/Documents/a", b"another")
    assert (await phone.delete("entry", params=where)).status_code == 412
    assert (await phone.delete("entry", params={"path": "/Documents"})).status_code == 403


async def test_a_batch_tells_of_each_deed_and_may_come_twice(view, phone):
    await put(view, "/Documents/a", b"1")
    node = (await view.entry("/Documents/a")).node
    gone = await put(view, "/Documents/gone", b"1")
    deeds = [
        {"deed": "make_directory", "path": "/Documents/d"},
        {"deed": "move", "node": node, "target": "/Documents/d/a"},
        {"deed": "copy", "node": node, "target": "/Documents/d/b"},
        {"deed": "remove", "node": gone.entry.node},
        {"deed": "move", "path": "/Documents/none", "target": "/Documents/x"},
        {
            "deed": "write", "path": "/Documents/d/c", "base": "", "mtime_ms": 5000,
            "content": base64.b64encode(b"text").decode(),
        },
    ]  # fmt: skip
    first = (await phone.post("batches", json={"deeds": deeds})).json()["results"]
    assert [each["status"] for each in first] == [200, 200, 200, 200, 404, 200]
    assert first[4]["problem"]["remedy"]
    assert first[5]["outcome"] == "written"
    cursor = (await phone.get("changes")).json()["cursor"]
    second = (await phone.post("batches", json={"deeds": deeds})).json()["results"]
    assert [each["status"] for each in second] == [200, 200, 200, 200, 404, 200]
    nodes, again = (
        [each.get("entry", {}).get("node") for each in told] for told in (first, second)
    )
    assert nodes == again
    page = (await phone.get("changes", params={"cursor": cursor})).json()
    assert (page["changed"], page["removed"]) == ([], [])
    assert [each.name for each in await view.children("/Documents/d")] == ["a", "b", "c"]
    assert list(view.staging.glob("api-*")) == []


async def test_a_batch_that_is_to_stop_stops(view, phone):
    deeds = [
        {"deed": "move", "path": "/Documents/none", "target": "/Documents/x"},
        {"deed": "make_directory", "path": "/Documents/d"},
    ]
    results = (await phone.post("batches", json={"deeds": deeds, "stop": True})).json()["results"]
    assert [each["status"] for each in results] == [404, 424]
    assert await view.children("/Documents") == []


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"deeds": []}', "application/json", 400),
        (b'{"deeds": [{"deed": "format"}]}', "application/json", 400),
        (b'{"deeds": [{"deed": "remove", "path": "/a", "all": true}]}', "application/json", 400),
        (b'{"deeds": [{"deed": "remove", "path": "/\\udcff"}]}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"\xff", "application/json", 400),
        (b'{"deeds": [{"deed": "remove", "path": "/a"}]}', "text/plain", 415),
        (b" " * (asked.MOST_JSON + 1), "application/json", 413),
    ],
)  # fmt: skip
async def test_a_body_that_is_not_understood_does_nothing(phone, body, kind, status):
    answer = await phone.post("batches", content=body, headers={"content-type": kind})
    assert answer.status_code == status
    assert answer.json()["remedy"]
