"""Files by WebDAV, over a view in memory."""

from urllib.parse import quote

import pytest
import trio
from defusedxml.ElementTree import fromstring

from cozysync.gateway import wsgi
from cozysync.gateway.errors import NotFound
from cozysync.gateway.files import memory
from cozysync.gateway.files.door import FILES, files_door
from cozysync.gateway.files.resources import Tree
from cozysync.gateway.scope import Scope
from cozysync.gateway.view import Space
from cozysync_conflict import Kind
from tests.suites.memory_view import MemoryView
from tests.suites.phones import HOST, GatewayInTest, put

D = f"{FILES}/Documents"
LINES = b"".join(b"%d\n" % n for n in range(20))
TOP, BOTTOM = b"top\n" + LINES, LINES + b"bottom\n"


@pytest.fixture
def view(tmp_path):
    staging = tmp_path / "staging"
    staging.mkdir()
    return MemoryView(staging, folders=("Documents", "Secret"))


@pytest.fixture
def gateway(view, tmp_path):
    return GatewayInTest(view, [files_door()], tmp_path)


@pytest.fixture
async def phone(gateway):
    async with gateway.phone() as client:
        yield client


async def content(view, path):
    return b"".join([piece async for piece in view.read(path)])


async def all_in(view):
    """Every path, with the content that it has."""
    found = (await view.changes("/", None, 10_000)).changed
    return {each.path: None if each.kind is Kind.DIRECTORY else each.version for each in found}


def props(answer):
    """The properties in a multi-status, by path: name to text."""
    found = {}
    for response in fromstring(answer.content).iter("{DAV:}response"):
        href = response.find("{DAV:}href").text
        for stat in response.iter("{DAV:}propstat"):
            if " 200 " in stat.find("{DAV:}status").text:
                found[href] = {each.tag: each.text for each in stat.find("{DAV:}prop")}
    return found


async def propfind(phone, path, depth="0"):
    answer = await phone.request("PROPFIND", path, headers={"depth": depth})
    assert answer.status_code == 207
    return props(answer)


def clean(view):
    return not [each for each in view.staging.iterdir() if each.name != "by-device"]


async def test_a_slash_within_a_name_is_refused(phone, view):
    await view.make_directory("/Documents/a")
    for path in ("a%2Fb", "a%2fb", "a%00b"):
        assert (await phone.put(f"{D}/{path}", content=b"x")).status_code == 400
    assert await view.children("/Documents/a") == []


async def test_what_is_written_is_read_and_its_tag_is_true(phone, view):
    answer = await phone.put(f"{D}/f", content=b"one")
    assert answer.status_code == 201
    tag = answer.headers["etag"]
    assert tag == f'"{(await view.entry("/Documents/f")).version}"'
    got = await phone.get(f"{D}/f")
    assert (got.content, got.headers["etag"]) == (b"one", tag)
    assert (await propfind(phone, f"{D}/f"))[f"{D}/f"]["{DAV:}getetag"] == tag
    assert (await phone.get(f"{D}/f", headers={"if-none-match": tag})).status_code == 304
    assert (await phone.put(f"{D}/f", content=b"two")).status_code == 204
    assert (await phone.get(f"{D}/f", headers={"if-none-match": tag})).content == b"two"
    assert clean(view)


async def test_a_stale_base_is_merged_and_the_phone_told_to_read_again(phone, view):
    tag = (await phone.put(f"{D}/f.txt", content=LINES)).headers["etag"]
    await put(view, "/Documents/f.txt", TOP)
    answer = await phone.put(f"{D}/f.txt", content=BOTTOM, headers={"if-match": tag})
    assert answer.status_code == 204
    assert "etag" not in answer.headers
    assert await content(view, "/Documents/f.txt") == b"top\n" + BOTTOM


async def test_what_cannot_be_merged_is_kept_beside(phone, view):
    tag = (await phone.put(f"{D}/f.bin", content=b"\0base")).headers["etag"]
    await put(view, "/Documents/f.bin", b"\0device")
    answer = await phone.put(f"{D}/f.bin", content=b"\0phone", headers={"if-match": tag})
    assert answer.status_code == 204
    assert "etag" not in answer.headers
    kept = {await content(view, each.path) for each in await view.children("/Documents")}
    assert kept == {b"\0device", b"\0phone"}


async def test_a_base_that_nobody_knows_is_refused(phone, view):
    await put(view, "/Documents/f", b"one")
    for header in ({"if-match": '"none"'}, {"if-match": '"a", "b"'}, {"if-none-match": "*"}):
        answer = await phone.put(f"{D}/f", content=b"two", headers=header)
        assert answer.status_code == 412
    answer = await phone.put(f"{D}/new", content=b"two", headers={"if-match": "*"})
    assert answer.status_code == 412
    assert await content(view, "/Documents/f") == b"one"
    assert [each.name for each in await view.children("/Documents")] == ["f"]
    assert clean(view)


async def test_a_new_file_is_made_only_when_nothing_is_there(phone, view):
    new = {"if-none-match": "*"}
    assert (await phone.put(f"{D}/f", content=b"one", headers=new)).status_code == 201
    tags = f'"x", "{(await view.entry("/Documents/f")).version}"'
    answer = await phone.put(f"{D}/f", content=b"two", headers={"if-match": tags})
    assert answer.status_code == 204
    assert await content(view, "/Documents/f") == b"two"


async def test_what_changed_is_neither_removed_nor_moved(phone, view):
    tag = (await phone.put(f"{D}/f", content=b"one")).headers["etag"]
    await put(view, "/Documents/f", b"two")
    stale = {"if-match": tag, "destination": f"{D}/g"}
    for method in ("DELETE", "MOVE"):
        assert (await phone.request(method, f"{D}/f", headers=stale)).status_code == 412
    assert [each.name for each in await view.children("/Documents")] == ["f"]


async def test_a_folder_changes_with_all_below_it(phone, view):
    await view.make_directory("/Documents/a")
    await view.make_directory("/Documents/b")
    before = await propfind(phone, f"{D}/", "1")
    assert before == await propfind(phone, f"{D}/", "1")
    await put(view, "/Documents/a/f", b"x")
    after = await propfind(phone, f"{D}/", "1")
    changed = [
        path for path in before if before[path]["{DAV:}getetag"] != after[path]["{DAV:}getetag"]
    ]
    assert changed == [f"{D}/", f"{D}/a/"]


async def test_ranges_are_of_one_version(phone, view):
    await put(view, "/Documents/f", bytes(range(256)) * 1000)
    got = await phone.get(f"{D}/f", headers={"range": "bytes=70000-70009"})
    assert (got.status_code, got.content) == (206, bytes(range(112, 122)))
    assert got.headers["content-range"] == "bytes 70000-70009/256000"
    got = await phone.get(f"{D}/f", headers={"range": "bytes=-6"})
    assert got.content == bytes(range(250, 256))
    stale = {"range": "bytes=0-9", "if-range": '"other"'}
    assert len((await phone.get(f"{D}/f", headers=stale)).content) == 256_000
    assert (await phone.get(f"{D}/f", headers={"range": "bytes=256000-"})).status_code == 416
    assert (await phone.head(f"{D}/f")).headers["content-length"] == "256000"


async def test_times_are_taken_and_told(phone, view):
    answer = await phone.put(f"{D}/f", content=b"x", headers={"x-oc-mtime": "1500000000.25"})
    assert answer.headers["x-oc-mtime"] == "accepted"
    assert (await view.entry("/Documents/f")).mtime_ns == 1_500_000_000_250_000_000
    got = await phone.get(f"{D}/f")
    assert got.headers["last-modified"] == "Fri, 14 Jul 2017 02:40:00 GMT"
    for bad in ("x", "-1", "1e9", "9" * 40, "1.x", "\u00b2"):
        headers = {"x-oc-mtime": bad.encode()}
        answer = await phone.put(f"{D}/g", content=b"x", headers=headers)
        assert answer.status_code == 400
    assert [each.name for each in await view.children("/Documents")] == ["f"]


async def test_how_much_room_there_is(phone, view):
    await put(view, "/Documents/f", b"x" * 1000)
    found = (await propfind(phone, f"{D}/"))[f"{D}/"]
    space = await view.space()
    assert found["{DAV:}quota-used-bytes"] == str(space.used)
    assert found["{DAV:}quota-available-bytes"] == str(space.free)


NAMES = [
    "plain", "ein Wort", "größe.txt", "日本語", "🐍", "a?b", "100%", "%41", "a#b", "a;b=c", "a&b",
    "a+b", "a\\b", "'\"", "<b>", "(x)", "..x", "x.", " x ", "e\u0301", "\u202e", "a\nb", "\x01",
    b"\xff\xfe".decode("utf-8", "surrogateescape"), "x" * 255, "~", "$!*',", "@:",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=ascii)
async def test_every_name_is_a_name(phone, view, name):
    """Written, listed, read, moved, copied, and removed; and only under that name."""
    url = quote(name.encode("utf-8", "surrogateescape"), safe="")
    assert (await phone.put(f"{D}/{url}", content=b"x")).status_code == 201
    assert [each.name for each in await view.children("/Documents")] == [name]
    listed = [path for path in await propfind(phone, f"{D}/", "1") if path != f"{D}/"]
    assert (await phone.get(listed[0])).content == b"x"
    await view.make_directory("/Documents/d")
    to = {"destination": f"https://{HOST}{D}/d/{url}"}
    assert (await phone.request("MOVE", listed[0], headers=to)).status_code == 201
    assert [each.path for each in await view.children("/Documents/d")] == [f"/Documents/d/{name}"]
    to = {"destination": f"{D}/{url}"}
    assert (await phone.request("COPY", f"{D}/d/{url}", headers=to)).status_code == 201
    assert (await phone.delete(f"{D}/d/{url}")).status_code == 204
    assert {each.name for each in await view.children("/Documents")} == {"d", name}
    assert await view.children("/Documents/d") == []


async def test_a_tree_is_moved_in_one_step_and_stays_the_same(phone, view):
    await view.make_directory("/Documents/a")
    await put(view, "/Documents/a/f", b"x")
    node = (await view.entry("/Documents/a/f")).node
    answer = await phone.request("MOVE", f"{D}/a", headers={"destination": f"{D}/b/"})
    assert answer.status_code == 201
    assert (await view.entry("/Documents/b/f")).node == node
    await put(view, "/Documents/g", b"other")
    to = {"destination": f"{D}/g", "overwrite": "F"}
    assert (await phone.request("MOVE", f"{D}/b/f", headers=to)).status_code == 412
    assert await content(view, "/Documents/g") == b"other"
    to["overwrite"] = "T"
    assert (await phone.request("MOVE", f"{D}/b/f", headers=to)).status_code == 204
    assert (await view.entry("/Documents/g")).node == node


async def test_destinations_that_are_none_change_nothing(phone, view):
    await view.make_directory("/Documents/a")
    await put(view, "/Documents/a/f", b"x")
    before = await all_in(view)
    for source, destination, status in (
        ("a/f", None, 400), ("a/f", "https://evil.test/dav/files/Documents/g", 502),
        ("a/f", "/dav/items/anna/g", 502), ("a/f", "/dav/files", 502), ("a/f", f"{D}x/../g", 409),
        ("a/f", f"{D}/none/g", 409), ("a/f", f"{D}/a/f/g", 403), ("a", f"{D}/a/b", 403),
        ("a", f"{D}/a", 403), ("a", f"{D}/a/", 403), ("a/f", f"{D}/a%2Fg", 400),
        ("a/f", f"{D}/g?x", 400), ("a/f", f"{D}/g#x", 400), ("a/f", "//[/x", 400),
        ("a/f", f"{D}/%00", 400), ("a/f", "/dav/files/g", 403), ("a/f", f"{D}/" + "x" * 256, 400),
        ("none", f"{D}/g", 404),
    ):  # fmt: skip
        for method in ("MOVE", "COPY"):
            headers = {} if destination is None else {"destination": destination}
            answer = await phone.request(method, f"{D}/{source}", headers=headers)
            assert answer.status_code == status, (method, destination)
    assert await all_in(view) == before


async def test_a_directory_is_copied_without_what_it_holds_when_asked(phone, view):
    await view.make_directory("/Documents/a")
    await put(view, "/Documents/a/f", b"x")
    to = {"destination": f"{D}/b", "depth": "0"}
    assert (await phone.request("COPY", f"{D}/a", headers=to)).status_code == 201
    assert await view.children("/Documents/b") == []
    del to["depth"]
    assert (await phone.request("COPY", f"{D}/a", headers=to)).status_code == 204
    assert await content(view, "/Documents/b/f") == b"x"


async def test_folders_of_the_vault_are_made_but_not_given_up(phone, view):
    assert (await phone.request("MKCOL", f"{FILES}/Photos")).status_code == 201
    assert (await phone.delete(f"{FILES}/Photos")).status_code == 403
    to = {"destination": f"{D}/Photos"}
    assert (await phone.request("MOVE", f"{FILES}/Photos", headers=to)).status_code == 403
    assert (await phone.delete(f"{FILES}/")).status_code == 403
    assert (await phone.put(f"{FILES}/f", content=b"x")).status_code == 403
    assert {each.path for each in await view.children("/")} == {
        "/Documents", "/Photos", "/Secret",
    }  # fmt: skip


async def test_a_phone_sees_and_changes_nothing_outside_its_scope(gateway, view):
    await put(view, "/Secret/s", b"secret")
    await put(view, "/Documents/f", b"x")
    before = await all_in(view)
    secret = f"{FILES}/Secret/s"
    async with gateway.phone("narrow", Scope(("Documents",))) as phone:
        assert list(await propfind(phone, f"{FILES}/", "1")) == [f"{FILES}/", f"{D}/"]
        for path in (secret, f"{FILES}/Secret", f"{FILES}/Secret/none", f"{FILES}/None"):
            for method in ("GET", "HEAD", "PROPFIND", "DELETE", "PROPPATCH"):
                body = b"<propertyupdate xmlns='DAV:'/>" if method == "PROPPATCH" else b""
                answer = await phone.request(method, path, headers={"depth": "0"}, content=body)
                assert answer.status_code == 404, (method, path)
            for method in ("MOVE", "COPY"):
                answer = await phone.request(method, path, headers={"destination": f"{D}/s"})
                assert answer.status_code == 404
                answer = await phone.request(method, f"{D}/f", headers={"destination": path})
                assert answer.status_code in (403, 409)
        for path in (secret, f"{FILES}/Secret/new", f"{FILES}/None/new"):
            assert (await phone.put(path, content=b"x")).status_code in (403, 409)
        assert (await phone.request("MKCOL", f"{FILES}/New")).status_code == 403
        assert (await phone.request("LOCK", secret, content=LOCK)).status_code in (403, 409)
    assert await all_in(view) == before


async def test_a_phone_that_may_only_read_changes_nothing(gateway, view):
    await put(view, "/Documents/f", b"x")
    before = await all_in(view)
    async with gateway.phone("reader", Scope(read_only=True)) as phone:
        assert (await phone.get(f"{D}/f")).content == b"x"
        to = {"destination": f"{D}/g"}
        for method, path, headers in (
            ("PUT", "f", {}), ("PUT", "g", {}), ("DELETE", "f", {}), ("MKCOL", "d", {}),
            ("MOVE", "f", to), ("COPY", "f", to),
        ):  # fmt: skip
            answer = await phone.request(method, f"{D}/{path}", headers=headers)
            assert answer.status_code == 403, method
        assert (await phone.request("LOCK", f"{D}/new", content=LOCK)).status_code == 403
    assert await all_in(view) == before
    assert clean(view)


LOCK = (
    b"<lockinfo xmlns='DAV:'><lockscope><exclusive/></lockscope><locktype><write/></locktype>"
    b"</lockinfo>"
)


async def test_a_lock_keeps_other_phones_out_but_no_device(gateway, view):
    await put(view, "/Documents/f", b"one")
    async with gateway.phone("anna") as anna, gateway.phone("bert") as bert:
        locked = await anna.request("LOCK", f"{D}/f", content=LOCK)
        token = locked.headers["lock-token"]
        for method, path in (("PUT", "f"), ("DELETE", "f"), ("MOVE", "f"), ("DELETE", "")):
            headers = {"destination": f"{D}/g", "if": f"({token})"}
            answer = await bert.request(method, f"{D}/{path}", headers=headers)
            assert answer.status_code in (412, 423), method
        assert (await anna.put(f"{D}/f", content=b"x")).status_code == 423
        await put(view, "/Documents/f", b"device")
        answer = await anna.put(f"{D}/f", content=b"two", headers={"if": f"({token})"})
        assert answer.status_code == 204
        unlock = {"lock-token": token}
        assert (await bert.request("UNLOCK", f"{D}/f", headers=unlock)).status_code == 403
        assert (await anna.request("UNLOCK", f"{D}/f", headers=unlock)).status_code == 204
        assert (await bert.put(f"{D}/f", content=b"three")).status_code == 204


async def test_a_lock_on_a_free_name_makes_an_empty_file(phone, view):
    assert (await phone.request("LOCK", f"{D}/f", content=LOCK)).status_code == 201
    assert await content(view, "/Documents/f") == b""
    assert clean(view)


async def test_a_lock_whose_place_goes_that_moment_is_no_failure(phone, view, monkeypatch):
    await put(view, "/Documents/f", b"x")
    monkeypatch.setattr(Tree, "ref_url_to_path", lambda *_: "/Documents/gone")
    assert (await phone.request("LOCK", f"{D}/f", content=LOCK)).status_code == 404


async def test_locks_and_properties_have_bounds(phone, view, monkeypatch):
    monkeypatch.setattr(memory, "MOST_LOCKS", 3)
    monkeypatch.setattr(memory, "MOST_PROPERTIES", 3)
    monkeypatch.setattr(memory, "MOST_WITH_PROPERTIES", 2)
    for number in range(5):
        await put(view, f"/Documents/{number}", b"x")
    locks = [await phone.request("LOCK", f"{D}/{n}", content=LOCK) for n in range(4)]
    assert [each.status_code for each in locks] == [200, 200, 200, 507]
    token = locks[0].headers["lock-token"]

    async def patch(path, name, value="v"):
        body = f"""<propertyupdate xmlns="DAV:"><set><prop>
            <x:{name} xmlns:x="urn:x">{value}</x:{name}></prop></set></propertyupdate>"""
        headers = {"if": f"({token})"} if path == "0" else {}
        answer = await phone.request(
            "PROPPATCH", f"{D}/{path}", content=body.encode(), headers=headers
        )
        assert answer.status_code == 207
        return b"507" not in answer.content

    assert [await patch("0", f"p{n}") for n in range(4)] == [True] * 3 + [False]
    assert not await patch("0", "p0", "v" * (memory.MOST_PROPERTY_BYTES + 1))
    assert await patch("0", "p0", "other")
    await view.make_directory("/Documents/d")
    assert [await patch(path, "p") for path in ("d", "4")] == [True, False]
    await phone.delete(f"{D}/d")
    assert await patch("4", "p")


@pytest.mark.parametrize(
    "path",
    [
        "/../Secret/s", "/%2e%2e/Secret/s", "/%2E%2E%2FSecret/s", "/Documents/../Secret/s",
        "/Documents/%2e%2e/Secret/s", "/Documents/..%2fSecret%2fs", "/./Secret/s", "/Secret%2Fs",
        "/Documents%00/../Secret/s", "/..%5cSecret%5cs", "/Documents/%c0%ae%c0%ae/Secret/s",
        "/%252e%252e/Secret/s", "//Secret/s", "/Documents//../Secret/s", "/Secret/s%00",
    ],
)  # fmt: skip
async def test_no_spelling_of_a_path_leads_out_of_the_scope(gateway, view, path):
    await put(view, "/Secret/s", b"secret")
    before = await all_in(view)
    async with gateway.phone("narrow", Scope(("Documents",))) as phone:
        for method in ("GET", "PUT", "DELETE", "PROPFIND", "MKCOL", "MOVE", "COPY"):
            answer = await raw_request(gateway, phone, method, FILES + path)
            assert answer[0] in (400, 403, 404, 409), method
            assert b"secret" not in answer[1]
            await put(view, "/Documents/f", b"x")
            answer = await phone.request("COPY", f"{D}/f", headers={"destination": FILES + path})
            assert answer.status_code in (400, 403, 409, 502)
            await view.remove("/Documents/f")
    assert await all_in(view) == before


async def raw_request(gateway, phone, method, path, body=()):
    """As it stands on the line, with nothing made plain by a client before.

    In the body bytes are pieces, None a silence, and anything else is an event of ASGI.
    """
    request = phone.build_request(method, "/", headers={"destination": f"{D}/stolen"})
    request = next(phone.auth.auth_flow(request))
    bodies = [*body, {"type": "http.request", "body": b"", "more_body": False}]
    answer = []

    async def receive():
        piece = bodies.pop(0)
        if piece is None:
            await trio.sleep_forever()
        if isinstance(piece, bytes):
            return {"type": "http.request", "body": piece, "more_body": True}
        return piece

    async def send(message):
        answer.append(message)

    raw = path.encode()
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": raw, "query_string": b"",
        "headers": request.headers.raw, "client": ("192.0.2.1", 1), "server": (HOST, 443),
        "scheme": "https", "http_version": "1.1", "root_path": "",
    }  # fmt: skip
    await gateway.app(scope, receive, send)
    return answer[0]["status"], b"".join(each.get("body", b"") for each in answer[1:])


BOMB = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">%s]>
<propfind xmlns="DAV:"><prop><x>&j;</x></prop></propfind>""" % b"".join(
    b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9)
)
OUTSIDE = b"""<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>
<propfind xmlns="DAV:"><prop><x>&e;</x></prop></propfind>"""


@pytest.mark.parametrize(
    "body",
    [
        BOMB, OUTSIDE, BOMB.decode().encode("utf-16"), b"<", b"\0", b"<a>" * 100_000, b"<x/>" * 2,
        b'<?xml version="1.0" encoding="nonsense"?><propfind xmlns="DAV:"/>',
    ],
    ids=["bomb", "outside", "wide", "open", "zero", "deep", "two", "unknown"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["PROPFIND", "PROPPATCH", "LOCK"])
async def test_xml_that_means_harm_is_refused(phone, view, method, body):
    await put(view, "/Documents/f", b"x")
    answer = await phone.request(method, f"{D}/f", content=body, headers={"depth": "0"})
    assert answer.status_code in (400, 413)
    assert b"root:" not in answer.content
    assert len(answer.content) < 1000


@pytest.mark.parametrize("method", ["PROPFIND", "MKCOL", "DELETE", "LOCK", "NONSENSE"])
async def test_a_body_without_end_is_refused(gateway, phone, view, method):
    before = await all_in(view)
    body = [b"x" * (wsgi.MOST_IN_MEMORY // 4)] * 1000
    assert (await raw_request(gateway, phone, method, f"{D}/", body))[0] == 413
    assert await all_in(view) == before


async def test_nobody_lists_the_whole_vault_at_once(phone):
    for headers in ({"depth": "infinity"}, {}):
        answer = await phone.request("PROPFIND", f"{FILES}/", headers=headers)
        assert answer.status_code == 403
        assert b"propfind-finite-depth" in answer.content


async def test_what_has_no_room_is_refused_before_it_is_read(phone, view, monkeypatch):
    async def full():
        return Space(10, 1000)

    monkeypatch.setattr(view, "space", full)

    async def never():
        raise AssertionError("the body was asked for")
        yield b""

    answer = await phone.put(f"{D}/f", content=never(), headers={"content-length": "1001"})
    assert answer.status_code == 507
    assert clean(view)


async def test_a_body_that_stops_is_given_up(gateway, phone, view, monkeypatch):
    monkeypatch.setattr(wsgi, "SILENCE_S", 0.05)
    before = await all_in(view)

    assert (await raw_request(gateway, phone, "PUT", f"{D}/f", [b"beginning", None]))[0] == 408
    assert await all_in(view) == before
    assert clean(view)


async def test_an_upload_that_breaks_off_leaves_nothing(gateway, phone, view):
    before = await all_in(view)
    gone = {"type": "http.disconnect"}
    await raw_request(gateway, phone, "PUT", f"{D}/f", [b"x" * 3_000_000, gone])
    assert await all_in(view) == before
    assert clean(view)


async def test_large_files_come_and_go_in_pieces(phone, view):
    data = bytes(range(256)) * 20_000

    async def body():
        for at in range(0, len(data), 70_000):
            yield data[at : at + 70_000]

    assert (await phone.put(f"{D}/f", content=body())).status_code == 201
    assert (await phone.get(f"{D}/f")).content == data
    assert clean(view)


async def test_what_a_life_before_left_in_staging_goes(view):
    (view.staging / f"{wsgi.STAGED}old").touch()
    (view.staging / "another-doors").touch()
    wsgi.clear_staging(view.staging)
    assert [each.name for each in view.staging.iterdir()] == ["another-doors"]


async def test_a_file_never_runs_as_a_page_of_the_gateway(phone, view):
    await put(view, "/Documents/f.html", b"<script>alert(1)</script>")
    got = await phone.get(f"{D}/f.html")
    assert got.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in got.headers["content-security-policy"]
    assert got.headers["cache-control"] == "no-store"


async def test_a_name_makes_no_header(phone, view):
    """A line end in a name is no line end in an answer."""
    await view.make_directory("/Documents/a\r\nset-cookie: x=y")
    answer = await phone.request("MKCOL", f"{D}/a%0d%0aset-cookie:%20x=y")
    assert answer.status_code == 405
    assert "set-cookie" not in answer.headers
    answer = await phone.get(f"{D}/a%0d%0aset-cookie:%20x=y")
    assert "set-cookie" not in answer.headers


async def test_what_goes_wrong_inside_tells_no_secrets(phone, view, monkeypatch):
    async def broken(*_, **__):
        raise NotFound("/Documents/f")

    monkeypatch.setattr(view, "write", broken)
    answer = await phone.put(f"{D}/f", content=b"x")
    assert answer.status_code == 404
    assert clean(view)
