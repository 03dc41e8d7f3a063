"""Who comes in, and what the others are told."""

import base64

import pytest
import trio
from starlette.responses import JSONResponse

from cozysync.gateway.app import Door
from cozysync.gateway.doors import all_doors
from cozysync.gateway.lockout import FREE
from cozysync.gateway.scope import Scope
from tests.suites.memory_view import MemoryView
from tests.suites.phones import HOST, GatewayInTest


async def echo(scope, receive, send):
    state = scope["state"]
    children = [each.path for each in await state["view"].children("/")]
    answer = {"phone": state["phone"].name, "root": scope["root_path"], "children": children}
    await JSONResponse(answer)(scope, receive, send)


@pytest.fixture
def gateway(tmp_path):
    view = MemoryView(tmp_path, folders=("Documents", "Photos"))
    doors = [Door("/dav/files", echo, ("/.well-known/webdav",)), Door("/api", echo)]
    return GatewayInTest(view, doors, tmp_path)


async def test_a_phone_comes_in_by_its_door_and_within_its_scope(gateway):
    async with gateway.phone("anna", Scope(("Photos",))) as anna:
        answer = await anna.get("/dav/files/x")
        assert answer.json() == {"phone": "anna", "root": "/dav/files", "children": ["/Photos"]}
        assert (await anna.get("/api")).json()["root"] == "/api"
        for path in ("/", "/dav", "/dav/filesystem", "/other", "/API"):
            assert (await anna.get(path)).status_code == 404
    assert gateway.book.all()[0].seen_s == gateway.now


async def test_nobody_else_comes_in(gateway):
    gateway.phone("bert")
    password = gateway.book.add("anna", Scope())
    wrong = [(None, None), ("anna", "wrong"), ("nobody", password), ("bert", password)]
    for number, (name, given) in enumerate(wrong):
        async with gateway.client(name, given, f"198.51.100.{number}") as client:
            answer = await client.request("PROPFIND", "/dav/files/", content=b"x" * 5000)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Basic ")
            told = answer.text
    assert told == "Log in with the name and the password of this phone.\n"


async def test_a_revoked_phone_is_refused_in_the_same_connection(gateway):
    async with gateway.phone("anna") as anna:
        assert (await anna.get("/api")).status_code == 200
        gateway.book.revoke("anna")
        assert (await anna.get("/api")).status_code == 401


async def test_whoever_guesses_waits_and_learns_nothing(gateway):
    password = gateway.book.add("anna", Scope())
    told = []
    for name in ("anna", "nobody"):
        address = f"198.51.100.{len(told)}"
        async with gateway.client(name, "guess", address) as guesser:
            answers = [await guesser.get("/api") for _ in range(FREE + 3)]
            told.append([(a.status_code, a.text, a.headers.get("retry-after")) for a in answers])
    assert told[0] == told[1]
    assert [each[0] for each in told[0]] == [401] * (FREE + 1) + [429] * 2
    assert told[0][-1][2] == "1"
    # Even the right password is not tried meanwhile, or it would be told from the wrong ones.
    async with gateway.client("anna", password, "203.0.113.5") as anna:
        assert (await anna.get("/api")).status_code == 429
        gateway.now += 1
        assert (await anna.get("/api")).status_code == 200
    # Now it is known there: nobody keeps it out.
    async with gateway.client("anna", "guess", "198.51.100.9") as guesser:
        for _ in range(4):
            await guesser.get("/api")
    async with gateway.client("anna", password, "203.0.113.5") as anna:
        assert (await anna.get("/api")).status_code == 200


async def test_many_phones_that_come_at_once_are_all_let_in(gateway):
    """As after the gateway was away: from one address, each asking several things at once."""
    passwords = {f"p{n}": gateway.book.add(f"p{n}", Scope()) for n in range(12)}
    answers = []

    async def come(name, password):
        async with gateway.client(name, password) as client:
            answers.append((await client.get("/api")).status_code)

    async with trio.open_nursery() as nursery:
        for name, password in passwords.items():
            for _ in range(6):
                nursery.start_soon(come, name, password)
    assert answers == [200] * 72


async def test_guessing_much_at_once_is_no_way_around_the_pause(gateway):
    gateway.book.add("anna", Scope())
    answers = []

    async def guess(number):
        async with gateway.client("anna", f"guess{number}", "198.51.100.7") as client:
            answers.append((await client.get("/api")).status_code)

    async with trio.open_nursery() as nursery:
        for number in range(50):
            nursery.start_soon(guess, number)
    assert answers.count(401) <= FREE + 2
    assert answers.count(429) >= 50 - FREE - 2


async def test_a_network_of_ipv6_is_one_place(gateway):
    for number in range(FREE + 1):
        async with gateway.client(f"n{number}", "guess", f"2001:db8::{number}") as guesser:
            assert (await guesser.get("/api")).status_code == 401
    async with gateway.client("other", "guess", "2001:db8::ffff") as guesser:
        assert (await guesser.get("/api")).status_code == 429
    async with gateway.client("other", "guess", "2001:db8:0:1::1") as guesser:
        assert (await guesser.get("/api")).status_code == 401


@pytest.mark.parametrize(
    "header",
    [
        "", "Basic", "Basic !", "Bearer abc", "Basic " + "YTph" * 1000, "Digest username=anna",
        "Basic " + base64.b64encode(b"anna").decode(), "Basic " + base64.b64encode(b":x").decode(),
        "Basic " + base64.b64encode(b"anna:").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
    ],
)  # fmt: skip
async def test_credentials_that_are_none_are_refused(gateway, header):
    gateway.book.add("anna", Scope())
    async with gateway.client(authorization=header) as client:
        assert (await client.get("/api")).status_code == 401


@pytest.mark.parametrize(
    "host", ["evil.test", "gateway.test.evil.test", "", "127.0.0.1", "[::1]", "gateway.test:x", "["]
)
async def test_another_host_is_refused_before_the_password(gateway, host):
    """A page of a stranger whose name points here (DNS rebinding) reads nothing."""
    async with gateway.phone() as anna:
        answer = await anna.get("/api", headers={"host": host})
        assert answer.status_code == 421
        assert "www-authenticate" not in answer.headers
        answer = await anna.get("/.well-known/webdav", headers={"host": host})
        assert answer.status_code == 421


@pytest.mark.parametrize("host", [HOST, HOST.upper(), f"{HOST}:7718", f"{HOST}."])
async def test_its_own_host_is_taken(gateway, host):
    async with gateway.phone() as anna:
        assert (await anna.get("/api", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    ("server", "host", "own"),
    [
        ("127.0.0.1", "127.0.0.1:7718", True), ("127.0.0.1", "localhost:7718", True),
        ("192.0.2.9", "192.0.2.9", True), ("::1", "[::1]:7718", True), ("::1", "localhost", True),
        ("::ffff:192.0.2.9", "192.0.2.9", True), ("192.0.2.9", "localhost", False),
        ("192.0.2.9", "192.0.2.8", False), ("192.0.2.9", "rebound.test", False),
    ],
)  # fmt: skip
def test_where_it_was_reached_is_its_own(gateway, server, host, own):
    scope = {"headers": [(b"host", host.encode())], "server": (server, 7718)}
    assert (gateway.gate.misdirected(scope) is None) is own


async def test_two_hosts_or_none_are_refused(gateway):
    for hosts in ([], [(b"host", HOST.encode())] * 2):
        assert gateway.gate.misdirected({"headers": hosts, "server": None}) is not None


async def test_a_page_of_another_site_is_refused(gateway):
    """A browser sends along the password that it knows, whoever made the page."""
    async with gateway.phone() as anna:
        for site, status in (
            ("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200),
        ):  # fmt: skip
            answer = await anna.get("/api", headers={"sec-fetch-site": site})
            assert answer.status_code == status


async def test_signposts_lead_to_the_door(gateway):
    async with gateway.client() as client:
        answer = await client.request("PROPFIND", "/.well-known/webdav")
        assert (answer.status_code, answer.headers["location"]) == (301, "/dav/files/")


async def test_a_browser_and_a_calendar_that_ask_for_the_host_find_each_their_own(tmp_path):
    """All doors together: `/` is a page for whoever wants to read it, and a signpost else."""
    view = MemoryView(tmp_path)
    gateway = GatewayInTest(view, all_doors(tmp_path, "Contacts", "Calendars"), tmp_path)
    async with gateway.client() as client:
        page = await client.get("/")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        answer = await client.request("PROPFIND", "/")
        assert (answer.status_code, answer.headers["location"]) == (301, "/dav/items/")
        for path in ("/dav/files/", "/dav/items/", "/api/v1/"):
            assert (await client.get(path)).status_code == 401
