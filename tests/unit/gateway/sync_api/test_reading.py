"""Looking and reading through the JSON interface."""

import json

import pytest
import trio

from cozysync.gateway.view import ABSENT
from tests.suites.memory_view import etag
from tests.suites.phones import put

TEXT = b"0123456789"


async def test_nobody_looks_without_a_password(gateway):
    async with gateway.client() as stranger:
        assert (await stranger.get("/api/v1/status")).status_code == 401
        assert (await stranger.get("/api/v1/openapi.json")).status_code == 401


async def test_an_entry_is_found_by_path_and_by_node(view, phone):
    await put(view, "/Documents/ä b.txt", TEXT, mtime_ns=1_700_000_000_123_456_789)
    told = (await phone.get("entry", params={"path": "/Documents/ä b.txt"})).json()
    assert told == {
        "path": "/Documents/ä b.txt",
        "node": (await view.entry("/Documents/ä b.txt")).node,
        "kind": "file",
        "version": etag(TEXT),
        "mtime_ms": 1_700_000_000_123,
        "size": 10,
        "executable": False,
    }
    await view.move("/Documents/ä b.txt", "/Photos/c")
    again = (await phone.get("entry", params={"node": told["node"]})).json()
    assert again["path"] == "/Photos/c"


async def test_a_directory_tells_what_it_holds(view, phone):
    await put(view, "/Documents/a", b"1")
    await view.make_directory("/Documents/b")
    told = (await phone.get("children", params={"path": "/Documents"})).json()
    assert [(each["path"], each["kind"]) for each in told["entries"]] == [
        ("/Documents/a", "file"),
        ("/Documents/b", "directory"),
    ]
    root = (await phone.get("children", params={"path": "/"})).json()
    assert [each["path"] for each in root["entries"]] == ["/Documents", "/Photos", "/Secret"]


async def test_a_name_that_is_no_text_is_spelled_and_read(view, phone):
    await put(view, "/Documents/\udcff\udcfe", TEXT)
    [told] = (await phone.get("children", params={"path": "/Documents"})).json()["entries"]
    assert told["path"] == "/Documents/\uf7ff\uf7fe"
    assert (await phone.get("content", params={"path": told["path"]})).content == TEXT
    gone = await phone.get("entry", params={"path": "/Documents/\uf7ff"})
    assert "/Documents/\uf7ff" in gone.json()["detail"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("path=/Documents/none", 404),
        ("node=ff", 404),
        ("node=xyz", 400),
        ("path=Documents", 400),
        ("path=/Documents/../Secret", 400),
        ("path=/Documents//a", 400),
        ("path=/Documents%00", 400),
        ("path=%ff", 400),
        ("", 400),
        ("path=/&node=ff", 400),
        ("path=/&path=/", 400),
        ("path=/&depth=2", 400),
        ("path=" + "a" * 9000, 400),
    ],
)
async def test_what_cannot_be_meant_is_refused_with_a_remedy(phone, query, status):
    answer = await phone.get(f"entry?{query}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"] == f"urn:cozysync:error:{problem['code']}"
    assert problem["detail"]
    assert problem["remedy"]


async def test_a_content_comes_whole_or_in_a_range(view, phone):
    await put(view, "/Documents/a", TEXT)
    where = {"path": "/Documents/a"}
    whole = await phone.get("content", params=where)
    assert (whole.status_code, whole.content) == (200, TEXT)
    assert whole.headers["etag"] == f'"{etag(TEXT)}"'
    assert whole.headers["content-length"] == "10"
    part = await phone.get("content", params=where, headers={"range": "bytes=3-5"})
    assert (part.status_code, part.content) == (206, b"345")
    assert part.headers["content-range"] == "bytes 3-5/10"
    beyond = await phone.get("content", params=where, headers={"range": "bytes=10-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */10")
    head = await phone.head("content", params=where, headers={"range": "bytes=3-5"})
    assert (head.status_code, head.content, head.headers["content-length"]) == (206, b"", "3")
    has = {"if-none-match": whole.headers["etag"]}
    assert (await phone.get("content", params=where, headers=has)).status_code == 304
    other = {"if-match": '"other"'}
    assert (await phone.get("content", params=where, headers=other)).status_code == 412


async def test_large_and_empty_contents_come_whole(view, phone):
    large = bytes(range(256)) * 1000
    await put(view, "/Documents/large", large)
    await put(view, "/Documents/empty", b"")
    assert (await phone.get("content", params={"path": "/Documents/large"})).content == large
    empty = await phone.get("content", params={"path": "/Documents/empty"})
    assert (empty.status_code, empty.content, empty.headers["content-length"]) == (200, b"", "0")


async def test_a_file_that_changes_just_then_is_looked_at_anew(view, phone, monkeypatch):
    await put(view, "/Documents/a", b"first")
    real = view.read

    def read(path, version=None, *rest):
        monkeypatch.setattr(view, "read", real)
        view._set(path, b"second", 0)
        view._nodes[path].history = view._nodes[path].history[-1:]
        return real(path, version, *rest)

    monkeypatch.setattr(view, "read", read)
    answer = await phone.get("content", params={"path": "/Documents/a"})
    assert (answer.content, answer.headers["etag"]) == (b"second", f'"{etag(b"second")}"')


async def test_the_cursor_of_now_tells_only_of_what_comes(view, phone):
    await put(view, "/Documents/a", b"1")
    now = (await phone.get("cursor", params={"path": "/Documents"})).json()["cursor"]
    await put(view, "/Documents/b", b"2")
    params = {"path": "/Documents", "cursor": now}
    page = (await phone.get("changes", params=params)).json()
    assert [each["path"] for each in page["changed"]] == ["/Documents/b"]


async def test_older_versions_are_told_and_read(view, phone):
    await put(view, "/Documents/a", b"first")
    await put(view, "/Documents/a", b"second!")
    where = {"path": "/Documents/a"}
    told = (await phone.get("versions", params=where)).json()["entries"]
    assert [(each["version"], each["size"]) for each in told] == [
        (etag(b"second!"), 7),
        (etag(b"first"), 5),
    ]
    old = await phone.get("content", params=where | {"version": etag(b"first")})
    assert (old.content, old.headers["etag"]) == (b"first", f'"{etag(b"first")}"')
    none = await phone.get("content", params=where | {"version": "abc"})
    assert (none.status_code, none.json()["code"]) == (404, "no-such-version")


async def test_a_content_is_never_run_by_a_browser(view, phone):
    await put(view, "/Documents/evil.html", b"<script>alert(1)</script>")
    answer = await phone.get("content", params={"path": "/Documents/evil.html"})
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == "attachment"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "no-store" in answer.headers["cache-control"]


async def test_a_directory_has_no_content(phone):
    answer = await phone.get("content", params={"path": "/Documents"})
    assert (answer.status_code, answer.json()["code"]) == (409, "is-a-directory")


async def test_changes_come_in_pages_and_then_only_what_is_new(view, phone):
    for number in range(5):
        await put(view, f"/Documents/{number}", b"x")
    seen, cursor, more = [], {}, True
    while more:
        page = (await phone.get("changes", params={"limit": 3} | cursor)).json()
        seen += [each["path"] for each in page["changed"]]
        cursor, more = {"cursor": page["cursor"]}, page["more"]
    assert sorted(seen) == [
        "/Documents", "/Documents/0", "/Documents/1", "/Documents/2", "/Documents/3",
        "/Documents/4", "/Photos", "/Secret",
    ]  # fmt: skip
    await view.move("/Documents/1", "/Documents/moved")
    await view.remove("/Documents/2")
    page = (await phone.get("changes", params=cursor)).json()
    assert [each["path"] for each in page["changed"]] == ["/Documents/moved"]
    assert [(each["path"], each["moved_to"]) for each in page["removed"]] == [
        ("/Documents/1", "/Documents/moved"),
        ("/Documents/2", None),
    ]


async def test_a_cursor_that_is_not_known_says_so(phone):
    answer = await phone.get("changes", params={"cursor": "elsewhere-1"})
    assert (answer.status_code, answer.json()["code"]) == (410, "cursor-gone")


async def test_who_waits_hears_at_once(view, phone):
    cursor = (await phone.get("changes")).json()["cursor"]
    pages = []

    async def wait():
        pages.append(await phone.get("changes", params={"cursor": cursor, "wait": 60}))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        assert not pages
        await put(view, "/Documents/new", b"x")
    assert [each["path"] for each in pages[0].json()["changed"]] == ["/Documents/new"]


async def test_who_waits_in_vain_is_told_so_in_time(phone, autojump_clock):
    cursor = (await phone.get("changes")).json()["cursor"]
    before = trio.current_time()
    nothing = await phone.get("changes", params={"cursor": cursor, "wait": 7})
    assert (nothing.json()["changed"], nothing.json()["removed"]) == ([], [])
    assert trio.current_time() - before == pytest.approx(7)


async def test_names_are_searched(view, phone):
    await view.make_directory("/Documents/Straße")
    await put(view, "/Documents/Straße/Rechnung MÄRZ.pdf", b"x")
    await put(view, "/Photos/märz.jpg", b"x")
    found = (await phone.get("search", params={"name": "märz"})).json()
    assert {each["path"] for each in found["entries"]} == {
        "/Documents/Straße/Rechnung MÄRZ.pdf", "/Photos/märz.jpg",
    }  # fmt: skip
    assert found["more"] is False
    within = (await phone.get("search", params={"name": "strasse", "path": "/Documents"})).json()
    assert [each["path"] for each in within["entries"]] == ["/Documents/Straße"]
    few = (await phone.get("search", params={"name": "märz", "limit": 1})).json()
    assert (len(few["entries"]), few["more"]) == (1, True)


async def test_the_status_tells_rights_conflicts_and_room(view, phone, reader):
    view.conflict_count = 3
    told = (await phone.get("status")).json()
    assert (told["phone"], told["read_only"], told["folders"]) == ("anna", False, None)
    assert told["conflicts"] == 3
    assert told["free"] > 0
    told = (await reader.get("status")).json()
    assert (told["phone"], told["read_only"], told["folders"]) == ("reader", True, ["Documents"])


async def test_a_phone_sees_its_own_scope_alone(view, reader):
    await put(view, "/Secret/plan", b"secret", base=ABSENT)
    node = (await view.entry("/Secret/plan")).node
    for request in (
        reader.get("content", params={"path": "/Secret/plan"}),
        reader.get("content", params={"node": node}),
        reader.get("entry", params={"node": node}),
        reader.get("children", params={"path": "/Secret"}),
        reader.get("versions", params={"path": "/Secret/plan"}),
        reader.get("changes", params={"path": "/Secret"}),
        reader.get("search", params={"path": "/Secret", "name": "plan"}),
    ):
        assert (await request).status_code == 404
    everything = (await reader.get("changes")).text + (
        await reader.get("search", params={"name": "plan"})
    ).text
    assert "Secret" not in everything


async def test_what_is_not_offered_is_refused_as_a_problem(phone):
    answer = await phone.get("nothing/here")
    assert (answer.status_code, answer.json()["code"]) == (404, "no-such-thing")
    answer = await phone.patch("entry")
    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, GET, OPTIONS")
    options = await phone.options("content")
    assert (options.status_code, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS, PUT")


async def test_the_description_names_every_operation_once(phone):
    document = json.loads((await phone.get("openapi.json")).content)
    assert document["openapi"] == "3.1.0"
    names = [each["operationId"] for path in document["paths"].values() for each in path.values()]
    assert len(names) == len(set(names)) >= 14
