"""Contacts and calendars by CardDAV and CalDAV, over a view in memory."""

import re
from urllib.parse import quote

import pytest
from defusedxml.ElementTree import fromstring

from cozysync.gateway.items import ITEMS, Homes, items_door, parsed
from cozysync.gateway.scope import Scope
from tests.suites.memory_view import MemoryView
from tests.suites.phones import HOST, GatewayInTest, put

ANNA = f"{ITEMS}/anna"
BOOK, CALENDAR = f"{ANNA}/contacts", f"{ANNA}/calendar"
VCF, ICS = {"content-type": "text/vcard"}, {"content-type": "text/calendar"}


def card(uid="one", name="Ada Lovelace", *lines):
    rest = "".join(f"{each}\r\n" for each in lines)
    return (
        f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nFN:{name}\r\nN:{name};;;;\r\n{rest}"
        "END:VCARD\r\n"
    ).encode()


def event(uid="e1", summary="Tea", start="20261201T100000Z", *lines):
    rest = "".join(f"{each}\r\n" for each in lines)
    return (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\nBEGIN:VEVENT\r\n"
        f"UID:{uid}\r\nDTSTAMP:20261125T000000Z\r\nDTSTART:{start}\r\nDURATION:PT1H\r\n"
        f"SUMMARY:{summary}\r\n{rest}END:VEVENT\r\nEND:VCALENDAR\r\n"
    ).encode()


@pytest.fixture
def view(tmp_path):
    staging = tmp_path / "staging"
    staging.mkdir()
    return MemoryView(staging)


@pytest.fixture
def gateway(view, tmp_path):
    return GatewayInTest(view, [items_door(Homes())], tmp_path)


@pytest.fixture
async def phone(gateway):
    """One that has looked for its collections, as all do first."""
    async with gateway.phone() as client:
        await client.request("PROPFIND", f"{ANNA}/", headers={"depth": "1"})
        yield client


async def content(view, path):
    return b"".join([piece async for piece in view.read(path)])


async def paths(view):
    return sorted(each.path for each in (await view.changes("/", None, 10_000)).changed)


async def ask(phone, method, path, body, depth="0"):
    answer = await phone.request(method, path, content=body.encode(), headers={"depth": depth})
    assert answer.status_code == 207, answer.text
    return fromstring(answer.content)


async def propfind(phone, path, *names, depth="0"):
    """Property name to text, or to the hrefs in it, by path."""
    wanted = "".join(f"<{each}/>" for each in names)
    tree = await ask(
        phone, "PROPFIND", path,
        f'<propfind xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" '
        f'xmlns:CR="urn:ietf:params:xml:ns:carddav" xmlns:CS="http://calendarserver.org/ns/" '
        f'xmlns:I="http://apple.com/ns/ical/"><prop>{wanted}</prop></propfind>',
        depth,
    )  # fmt: skip
    found = {}
    for response in tree.iter("{DAV:}response"):
        props = found[response.find("{DAV:}href").text] = {}
        for stat in response.iter("{DAV:}propstat"):
            if " 200 " in stat.find("{DAV:}status").text:
                for each in stat.find("{DAV:}prop"):
                    inner = [href.text for href in each.iter("{DAV:}href")]
                    props[re.sub(r"\{.*\}", "", each.tag)] = inner[0] if inner else each.text
    return found


async def sync(phone, path, token=""):
    """What changed: tag by name (None when it is gone), and the next token."""
    tree = await ask(
        phone, "REPORT", path,
        f'<sync-collection xmlns="DAV:"><sync-token>{token}</sync-token>'
        "<sync-level>1</sync-level><prop><getetag/></prop></sync-collection>",
    )  # fmt: skip
    changed = {}
    for response in tree.iter("{DAV:}response"):
        tag = response.find(".//{DAV:}getetag")
        name = response.find("{DAV:}href").text.rpartition("/")[2]
        status = response.find("{DAV:}status")
        assert (tag is None) == (status is not None and " 404 " in status.text)
        changed[name] = None if tag is None else tag.text
    return changed, tree.find("{DAV:}sync-token").text


async def test_a_phone_that_knows_the_host_alone_finds_everything(gateway, phone):
    for signpost in ("/.well-known/caldav", "/.well-known/carddav", "/", "/dav/", "/principals/"):
        answer = await phone.request("PROPFIND", signpost, headers={"depth": "0"})
        assert (answer.status_code, answer.headers["location"]) == (301, f"{ITEMS}/")
    async with gateway.client() as stranger:
        answer = await stranger.request("PROPFIND", f"{ITEMS}/")
        assert answer.status_code == 401
        assert "Basic" in answer.headers["www-authenticate"]
    root = (await propfind(phone, f"{ITEMS}/", "current-user-principal"))[f"{ITEMS}/"]
    assert root["current-user-principal"] == f"{ANNA}/"
    homes = ("C:calendar-home-set", "CR:addressbook-home-set")
    principal = (await propfind(phone, f"{ANNA}/", *homes))[f"{ANNA}/"]
    assert set(principal.values()) == {f"{ANNA}/"}
    listed = await propfind(phone, f"{ANNA}/", "displayname", "sync-token", depth="1")
    assert set(listed) == {f"{ANNA}/", f"{BOOK}/", f"{CALENDAR}/"}
    options = await phone.options(f"{ANNA}/")
    assert {"calendar-access", "addressbook"} <= set(options.headers["dav"].split(", "))


async def test_a_first_address_book_and_calendar_are_made_once(phone, view):
    assert await paths(view) == [
        "/Calendars", "/Calendars/calendar", "/Contacts", "/Contacts/contacts", "/Documents",
    ]  # fmt: skip
    await view.remove("/Contacts/contacts")
    await view.make_directory("/Contacts/own")
    await propfind(phone, f"{ANNA}/", "displayname", depth="1")
    assert "/Contacts/contacts" not in await paths(view)


async def test_what_a_phone_writes_is_one_file_as_it_was_sent(phone, view):
    sent = card("one", "Ada", "X-STRANGE;A=1:kept", "NOTE:ü")
    answer = await phone.put(f"{BOOK}/one.vcf", content=sent, headers=VCF)
    assert answer.status_code == 201
    assert await content(view, "/Contacts/contacts/one.vcf") == sent
    assert answer.headers["etag"] == (
        f'"{(await view.entry("/Contacts/contacts/one.vcf")).version}"'
    )
    got = await phone.get(f"{BOOK}/one.vcf")
    assert (got.content, got.headers["etag"]) == (sent, answer.headers["etag"])
    assert (await phone.put(f"{CALENDAR}/e1.ics", content=event(), headers=ICS)).status_code == 201
    assert await content(view, "/Calendars/calendar/e1.ics") == event()
    assert (await phone.delete(f"{BOOK}/one.vcf")).status_code == 200
    assert await paths(view) == [
        "/Calendars", "/Calendars/calendar", "/Calendars/calendar/e1.ics", "/Contacts",
        "/Contacts/contacts", "/Documents",
    ]  # fmt: skip
    assert not [each for each in view.staging.iterdir() if each.name != "by-device"]


async def test_a_contact_with_a_large_picture_is_a_contact(phone, view):
    picture = "PHOTO;ENCODING=b;TYPE=JPEG:" + "A" * 3_000_000
    sent = card("one", "Ada", picture)
    assert (await phone.put(f"{BOOK}/one.vcf", content=sent, headers=VCF)).status_code == 201
    assert (await phone.get(f"{BOOK}/one.vcf")).content == sent


async def test_what_a_device_writes_is_seen_and_what_is_no_item_is_not(phone, view):
    await put(view, "/Contacts/contacts/khard.vcf", card("two", "Grace Hopper"))
    for name in ("notes.txt", ".hidden.vcf", "broken.vcf", "empty.vcf", "e.ics", "bad\udcff.vcf"):
        data = b"" if "empty" in name else b"BEGIN:VCARD\nnonsense"
        await put(view, f"/Contacts/contacts/{name}", data)
    await view.make_directory("/Contacts/contacts/directory.vcf")
    await put(view, "/Contacts/loose.vcf", card("three"))
    found = await propfind(phone, f"{BOOK}/", "getetag", depth="1")
    assert set(found) == {f"{BOOK}/", f"{BOOK}/khard.vcf"}
    assert (await phone.get(f"{BOOK}/khard.vcf")).content == card("two", "Grace Hopper")
    assert (await phone.get(f"{BOOK}/broken.vcf")).status_code == 404


async def test_a_stale_contact_is_merged_property_by_property(phone, view):
    base = card("one", "Ada", "TEL:1", "EMAIL:a@x")
    tag = (await phone.put(f"{BOOK}/one.vcf", content=base, headers=VCF)).headers["etag"]
    await put(view, "/Contacts/contacts/one.vcf", card("one", "Ada", "TEL:2", "EMAIL:a@x"))
    answer = await phone.put(
        f"{BOOK}/one.vcf", content=card("one", "Ada", "TEL:1", "EMAIL:b@x"),
        headers=VCF | {"if-match": tag},
    )  # fmt: skip
    assert answer.status_code == 204
    assert "etag" not in answer.headers
    merged = (await phone.get(f"{BOOK}/one.vcf")).text
    assert "TEL:2" in merged
    assert "EMAIL:b@x" in merged
    assert "TEL:1" not in merged


async def test_a_stale_event_is_merged_property_by_property(phone, view):
    tag = (await phone.put(f"{CALENDAR}/e1.ics", content=event(), headers=ICS)).headers["etag"]
    await put(view, "/Calendars/calendar/e1.ics", event("e1", "Tea", "20261202T100000Z"))
    answer = await phone.put(
        f"{CALENDAR}/e1.ics", content=event("e1", "Coffee"), headers=ICS | {"if-match": tag}
    )
    assert (answer.status_code, "etag" in answer.headers) == (204, False)
    merged = (await phone.get(f"{CALENDAR}/e1.ics")).text
    assert "SUMMARY:Coffee" in merged
    assert "DTSTART:20261202T100000Z" in merged


async def test_a_base_that_nobody_knows_is_refused(phone, view):
    await phone.put(f"{BOOK}/one.vcf", content=card(), headers=VCF)
    before = await content(view, "/Contacts/contacts/one.vcf")
    for headers in ({"if-match": '"none"'}, {"if-none-match": "*"}):
        answer = await phone.put(
            f"{BOOK}/one.vcf", content=card("one", "Other"), headers=VCF | headers
        )
        assert answer.status_code == 412
    gone = VCF | {"if-match": '"none"'}
    answer = await phone.put(f"{BOOK}/new.vcf", content=card("new"), headers=gone)
    assert answer.status_code == 412
    stale = {"if-match": '"none"'}
    assert (await phone.delete(f"{BOOK}/one.vcf", headers=stale)).status_code == 412
    assert await content(view, "/Contacts/contacts/one.vcf") == before


async def test_what_comes_meanwhile_under_the_same_name_is_not_written_over(
    phone, view, monkeypatch
):
    """Between Radicale's look and the write a device makes the same name."""
    write = view.write

    async def later(path, staged, **how):
        await put_directly(path)
        return await write(path, staged, **how)

    async def put_directly(path):
        staged = view.staging / "by-device"
        staged.write_bytes(card("device"))
        await write(path, staged)

    monkeypatch.setattr(view, "write", later)
    answer = await phone.put(f"{BOOK}/one.vcf", content=card("one"), headers=VCF)
    assert answer.status_code == 412
    assert b"UID:device" in await content(view, "/Contacts/contacts/one.vcf")


async def test_syncing_tells_what_changed_and_what_is_gone(phone, view):
    await phone.put(f"{BOOK}/one.vcf", content=card("one"), headers=VCF)
    await put(view, "/Contacts/contacts/two.vcf", card("two"))
    changed, token = await sync(phone, f"{BOOK}/")
    assert set(changed) == {"one.vcf", "two.vcf"}
    assert await sync(phone, f"{BOOK}/", token) == ({}, token)
    await view.remove("/Contacts/contacts/one.vcf")
    await view.move("/Contacts/contacts/two.vcf", "/Contacts/contacts/zwei.vcf")
    await put(view, "/Contacts/contacts/notes.txt", b"x")
    changed, token = await sync(phone, f"{BOOK}/", token)
    assert {name: tag is None for name, tag in changed.items()} == {
        "one.vcf": True, "two.vcf": True, "zwei.vcf": False,
    }  # fmt: skip
    told = await phone.request(
        "REPORT", f"{BOOK}/", headers={"depth": "0"},
        content=b'<sync-collection xmlns="DAV:"><sync-token>nonsense</sync-token><prop/>'
        b"</sync-collection>",
    )  # fmt: skip
    assert told.status_code == 403
    assert b"valid-sync-token" in told.content


async def test_the_tag_of_a_collection_changes_with_its_items_and_only_then(phone, view):
    async def tags():
        found = await propfind(phone, f"{ANNA}/", "CS:getctag", "getetag", depth="1")
        return {path: each.get("getctag") for path, each in found.items()}

    before = await tags()
    assert await tags() == before
    await put(view, "/Contacts/contacts/one.vcf", card())
    after = await tags()
    assert {path for path in after if after[path] != before[path]} == {f"{BOOK}/"}


async def test_queries_and_multigets_answer(phone, view):
    for day in (1, 2, 3):
        await put(
            view, f"/Calendars/calendar/{day}.ics", event(f"e{day}", "Tea", f"2026120{day}T100000Z")
        )
    query = """<C:calendar-query xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">
        <prop><getetag/><C:calendar-data/></prop><C:filter><C:comp-filter name="VCALENDAR">
        <C:comp-filter name="VEVENT"><C:time-range start="20261202T000000Z"
        end="20261203T000000Z"/></C:comp-filter></C:comp-filter></C:filter></C:calendar-query>"""
    tree = await ask(phone, "REPORT", f"{CALENDAR}/", query, "1")
    assert [each.text for each in tree.iter("{DAV:}href")] == [f"{CALENDAR}/2.ics"]
    hrefs = "".join(f"<href>{CALENDAR}/{each}</href>" for each in ("1.ics", "none.ics"))
    tree = await ask(
        phone, "REPORT", f"{CALENDAR}/",
        f"""<C:calendar-multiget xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">
        <prop><getetag/><C:calendar-data/></prop>{hrefs}</C:calendar-multiget>""",
    )  # fmt: skip
    texts = [each.text for each in tree.iter("{urn:ietf:params:xml:ns:caldav}calendar-data")]
    assert len(texts) == 1
    assert "UID:e1" in texts[0]
    assert any(" 404 " in (each.text or "") for each in tree.iter("{DAV:}status"))


MAKE = """<C:mkcalendar xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"
    xmlns:I="http://apple.com/ns/ical/"><set><prop><displayname>Büro</displayname>
    <I:calendar-color>#aabbccff</I:calendar-color><C:calendar-timezone>zone</C:calendar-timezone>
    <C:supported-calendar-component-set><C:comp name="VTODO"/></C:supported-calendar-component-set>
    </prop></set></C:mkcalendar>"""


async def test_calendars_and_address_books_are_made_as_vdir_has_them(phone, view):
    made = await phone.request("MKCALENDAR", f"{ANNA}/uuid-1/", content=MAKE.encode())
    assert made.status_code == 201
    assert await content(view, "/Calendars/uuid-1/displayname") == "Büro\n".encode()
    assert await content(view, "/Calendars/uuid-1/color") == b"#aabbcc\n"
    names = ("displayname", "I:calendar-color", "C:calendar-timezone")
    assert (await propfind(phone, f"{ANNA}/uuid-1/", *names))[f"{ANNA}/uuid-1/"] == {
        "displayname": "Büro", "calendar-color": "#aabbcc", "calendar-timezone": "zone",
    }  # fmt: skip
    book = b"""<mkcol xmlns="DAV:" xmlns:CR="urn:ietf:params:xml:ns:carddav"><set><prop>
        <resourcetype><collection/><CR:addressbook/></resourcetype>
        <displayname>Friends</displayname></prop></set></mkcol>"""
    assert (await phone.request("MKCOL", f"{ANNA}/uuid-2/", content=book)).status_code == 201
    assert await content(view, "/Contacts/uuid-2/displayname") == b"Friends\n"
    patch = b"""<propertyupdate xmlns="DAV:"><set><prop><displayname>Freunde</displayname>
        </prop></set></propertyupdate>"""
    patched = await phone.request("PROPPATCH", f"{ANNA}/uuid-2/", content=patch)
    assert patched.status_code == 207
    assert await content(view, "/Contacts/uuid-2/displayname") == b"Freunde\n"
    await put(view, "/Contacts/uuid-2/displayname", b"From a desktop\n")
    told = await propfind(phone, f"{ANNA}/uuid-2/", "displayname")
    assert told[f"{ANNA}/uuid-2/"]["displayname"] == "From a desktop"
    # Nobody makes a second of a name, nor one that holds neither.
    for body in (MAKE.encode(), book):
        answer = await phone.request("MKCOL", f"{ANNA}/uuid-1/", content=body)
        assert answer.status_code in (403, 405, 409)
    plain = await phone.request("MKCOL", f"{ANNA}/plain/")
    assert plain.status_code in (400, 403, 409)
    assert (await phone.delete(f"{ANNA}/uuid-2/")).status_code == 200
    assert "/Contacts/uuid-2" not in await paths(view)


async def test_a_calendar_and_an_address_book_of_one_name_are_both_shown(phone, view):
    await view.make_directory("/Contacts/Work")
    await view.make_directory("/Calendars/Work")
    await phone.put(f"{ANNA}/Work/e.ics", content=event(), headers=ICS)
    await phone.put(f"{ANNA}/{quote('Work~contacts')}/c.vcf", content=card(), headers=VCF)
    assert await content(view, "/Calendars/Work/e.ics") == event()
    assert await content(view, "/Contacts/Work/c.vcf") == card()


async def test_an_item_moves_to_another_calendar_as_the_same_node(phone, view):
    await phone.request("MKCALENDAR", f"{ANNA}/other/", content=MAKE.encode())
    await phone.put(f"{CALENDAR}/e1.ics", content=event(), headers=ICS)
    node = (await view.entry("/Calendars/calendar/e1.ics")).node
    to = {"destination": f"https://{HOST}{ANNA}/other/e1.ics"}
    assert (await phone.request("MOVE", f"{CALENDAR}/e1.ics", headers=to)).status_code == 201
    assert (await view.entry("/Calendars/other/e1.ics")).node == node
    to = {"destination": f"{ANNA}/other/{quote('tee-zeit ü%41.ics')}"}
    answer = await phone.request("MOVE", f"{ANNA}/other/e1.ics", headers=to)
    assert answer.status_code == 201
    assert (await view.entry("/Calendars/other/tee-zeit ü%41.ics")).node == node
    for bad in (
        f"{ANNA}/other/a%3Fb.ics", f"{ANNA}/other/a%3Bb.ics", "https://evil.test/x.ics",
        "/dav/files/Documents/x.ics", f"{ANNA}/../bert/x.ics", f"{ANNA}/contacts/x.ics",
    ):  # fmt: skip
        answer = await phone.request(
            "MOVE", f"{ANNA}/other/{quote('tee-zeit ü%41.ics')}", headers={"destination": bad}
        )
        assert 400 <= answer.status_code < 600, bad
        assert answer.status_code != 500, bad
    assert (await view.entry("/Calendars/other/tee-zeit ü%41.ics")).node == node


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"{BOOK}/x.ics", card()), (f"{BOOK}/x.vcf", event()), (f"{BOOK}/x.vcf", b""),
        (f"{BOOK}/x.vcf", b"nonsense"), (f"{BOOK}/x.vcf", b"\xff" * 99), (f"{BOOK}/.vcf", card()),
        (f"{BOOK}/displayname", card()), (f"{BOOK}/.properties.json", card()),
        (f"{BOOK}/x.vcf", card("one") + card("two")), (f"{CALENDAR}/x.ics", card()),
        (f"{BOOK}/a%2Fb.vcf", card()), (f"{BOOK}/../x.vcf", card()), (f"{ANNA}/x.vcf", card()),
        (f"{ITEMS}/x.vcf", card()), (f"{ITEMS}/bert/contacts/x.vcf", card()),
        (f"{BOOK}/x/y.vcf", card()), (f"{ANNA}/none/x.vcf", card()),
        (f"{BOOK}/" + "x" * 300 + ".vcf", card()), (f"{BOOK}/x%0a.vcf", card()),
    ],
)  # fmt: skip
async def test_what_is_no_item_is_refused(phone, view, path, body):
    before = await paths(view)
    answer = await phone.put(path, content=body, headers=VCF)
    assert 400 <= answer.status_code < 500, answer.status_code
    assert await paths(view) == before


async def test_one_uid_is_one_item(phone, view):
    await phone.put(f"{BOOK}/one.vcf", content=card("one"), headers=VCF)
    answer = await phone.put(f"{BOOK}/two.vcf", content=card("one"), headers=VCF)
    assert answer.status_code == 409
    assert b"no-uid-conflict" in answer.content


async def test_a_phone_that_may_only_read_changes_nothing(gateway, phone, view):
    await phone.put(f"{BOOK}/one.vcf", content=card(), headers=VCF)
    before = await paths(view)
    async with gateway.phone("reader", Scope(read_only=True)) as reader:
        base = f"{ITEMS}/reader"
        assert (await reader.get(f"{base}/contacts/one.vcf")).content == card()
        for method, path in (
            ("PUT", "contacts/two.vcf"), ("DELETE", "contacts/one.vcf"), ("DELETE", "contacts/"),
            ("MKCALENDAR", "new/"), ("PROPPATCH", "contacts/"),
        ):  # fmt: skip
            answer = await reader.request(method, f"{base}/{path}", content=card("two"))
            assert 400 <= answer.status_code < 500, method
    assert await paths(view) == before


async def test_a_phone_sees_no_items_outside_its_scope(gateway, phone, view):
    await phone.put(f"{BOOK}/one.vcf", content=card(), headers=VCF)
    before = await paths(view)
    async with gateway.phone("narrow", Scope(("Documents", "Calendars"))) as narrow:
        base = f"{ITEMS}/narrow"
        listed = await propfind(narrow, f"{base}/", "displayname", depth="1")
        assert set(listed) == {f"{base}/", f"{base}/calendar/"}
        for path in ("contacts/", "contacts/one.vcf"):
            answer = await narrow.request("PROPFIND", f"{base}/{path}", headers={"depth": "0"})
            assert answer.status_code == 404
        answer = await narrow.put(f"{base}/contacts/x.vcf", content=card("x"), headers=VCF)
        assert 400 <= answer.status_code < 500
        to = {"destination": f"https://{HOST}{base}/contacts/x.vcf"}
        answer = await narrow.request("MOVE", f"{base}/calendar/e.ics", headers=to)
        assert 400 <= answer.status_code < 500
        # Nor what another phone is called.
        answer = await narrow.request("PROPFIND", f"{ANNA}/", headers={"depth": "0"})
        assert 400 <= answer.status_code < 500
    async with gateway.phone("files-only", Scope(("Documents",))) as other:
        listed = await propfind(other, f"{ITEMS}/files-only/", "displayname", depth="1")
        assert set(listed) == {f"{ITEMS}/files-only/"}
    assert await paths(view) == before


BOMB = """<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
    <propfind xmlns="DAV:"><prop><x>&b;</x></prop></propfind>"""


@pytest.mark.parametrize("method", ["PROPFIND", "REPORT", "PROPPATCH", "MKCALENDAR", "MKCOL"])
async def test_xml_that_means_harm_is_refused(phone, view, method):
    before = await paths(view)
    for body in (BOMB, "<", "<a>" * 10_000, "\0"):
        path = f"{ANNA}/new/" if method.startswith("MK") else f"{BOOK}/"
        answer = await phone.request(method, path, content=body.encode(), headers={"depth": "0"})
        assert 400 <= answer.status_code < 500, (method, body[:20])
    assert await paths(view) == before


async def test_what_is_remembered_of_items_has_a_bound(monkeypatch):
    monkeypatch.setattr(parsed, "MOST_BYTES", 1000)
    remembered = parsed.Remembered()
    for number in range(100):
        data = card(f"{number}")
        remembered.put(f"{number}", parsed.understood(data, "p"))
    assert remembered.get("99").uid == "99"
    assert remembered.get("0") is None
    assert remembered._bytes <= 1000


async def test_an_item_without_end_is_refused(phone, view):
    """A rule of a recurrence may name every second until the end of time."""
    rule = "RRULE:FREQ=SECONDLY;UNTIL=99991231T235959Z"
    before = await paths(view)
    answer = await phone.put(
        f"{CALENDAR}/e.ics", content=event("e", "x", "20000101T000000Z", rule), headers=ICS
    )
    assert 400 <= answer.status_code < 500
    assert await paths(view) == before
