"""Programs that people have speak to a gateway that listens: litmus, rclone, cadaver, caldav.

Where one is not installed its test is left out; `.ci/run` installs them.
"""

import re
import shutil
import subprocess
from datetime import UTC, datetime
from functools import partial

import caldav
import pytest
import trio

from cozysync.gateway.files import FILES, files_door
from cozysync.gateway.items import ITEMS, Homes, items_door
from cozysync.gateway.scope import Scope
from cozysync.gateway.serve import serve
from tests.suites.memory_view import MemoryView
from tests.suites.phones import GatewayInTest, put

pytestmark = pytest.mark.system

LONGEST_S = 120


@pytest.fixture
def view(tmp_path):
    staging = tmp_path / "staging"
    staging.mkdir()
    return MemoryView(staging)


@pytest.fixture
async def host(view, tmp_path, nursery):
    """The URL of a gateway, and the name and password that lead there."""
    gateway = GatewayInTest(view, [files_door(), items_door(Homes())], tmp_path)
    password = gateway.book.add("anna", Scope())
    port = await nursery.start(partial(serve, gateway.app, "127.0.0.1", 0, None))
    yield f"http://127.0.0.1:{port}", "anna", password
    nursery.cancel_scope.cancel()


@pytest.fixture
def place(host):
    """The URL of a folder, and the name and password that lead there."""
    url, name, password = host
    return f"{url}{FILES}/Documents/", name, password


def needs(program):
    return pytest.mark.skipif(
        shutil.which(program) is None, reason=f"{program} is not installed (see .ci/run)"
    )


async def run(*command, cwd, stdin=b"", env=None):
    with trio.fail_after(LONGEST_S):
        done = await trio.run_process(
            command, cwd=cwd, stdin=stdin, env=env, capture_stdout=True, check=False,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
    told = done.stdout.decode(errors="replace")
    assert done.returncode == 0, told
    return told


@needs("litmus")
async def test_litmus_finds_nothing_wrong(place, tmp_path):
    told = await run("litmus", *place, cwd=tmp_path)
    passed = re.findall(r"of (\d+) tests run: (\d+) passed, 0 failed", told)
    assert sum(int(count) for count, _ in passed) == 104, told
    assert all(count == good for count, good in passed), told
    assert "WARNING" not in told


@needs("rclone")
async def test_rclone_syncs_both_ways(place, view, tmp_path):
    url, name, password = place
    here, back = tmp_path / "here", tmp_path / "back"
    (here / "Über uns" / "leer 100%").mkdir(parents=True)
    (here / "Über uns" / "what? #1; ok.txt").write_text("text\n")
    (here / "large").write_bytes(bytes(range(256)) * 20_000)
    obscured = (await run("rclone", "obscure", "-", cwd=tmp_path, stdin=password.encode())).strip()
    there = f":webdav,url='{url}',user={name},pass='{obscured}',vendor=other:"
    rclone = partial(run, "rclone", "--config", "/dev/null", cwd=tmp_path)
    await rclone("sync", "--create-empty-src-dirs", str(here), there)
    await rclone("check", "--download", str(here), there)
    node = (await view.entry("/Documents/large")).node
    await rclone("moveto", f"{there}large", f"{there}Über uns/largest")
    assert (await view.entry("/Documents/Über uns/largest")).node == node
    await rclone("sync", "--create-empty-src-dirs", there, str(back))
    assert (back / "Über uns" / "leer 100%").is_dir()
    assert (back / "Über uns" / "what? #1; ok.txt").read_text() == "text\n"
    assert (back / "Über uns" / "largest").read_bytes() == (here / "large").read_bytes()
    await rclone("purge", f"{there}Über uns")
    assert await view.children("/Documents") == []


@needs("cadaver")
async def test_cadaver_edits_a_tree(place, view, tmp_path):
    url, name, password = place
    host = "127.0.0.1"
    (tmp_path / ".netrc").write_text(f"machine {host}\nlogin {name}\npassword {password}\n")
    (tmp_path / ".netrc").chmod(0o600)
    (tmp_path / "f.txt").write_text("hello\n")
    deeds = """mkcol d\ncd d\nput f.txt\ncopy f.txt g.txt\nmove f.txt h.txt\nlock g.txt\nls
        unlock g.txt\nget g.txt back.txt\ndelete g.txt\nquit\n"""
    home = {"HOME": str(tmp_path)}
    told = await run("cadaver", url, cwd=tmp_path, stdin=deeds.encode(), env=home)
    assert "failed" not in told.lower(), told
    assert (tmp_path / "back.txt").read_text() == "hello\n"
    assert [each.path for each in await view.children("/Documents/d")] == ["/Documents/d/h.txt"]


async def test_the_caldav_package_keeps_calendars(host, view):
    await trio.to_thread.run_sync(keep_calendars, *host)
    found = [each.name for each in await view.children("/Calendars/calendar")]
    assert len(found) == 1
    assert found[0].endswith(".ics")


TEA = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//x//y//EN
BEGIN:VEVENT
UID:tea
DTSTAMP:20261125T000000Z
DTSTART:20261201T100000Z
DURATION:PT1H
RRULE:FREQ=WEEKLY;COUNT=3
SUMMARY:Tea
END:VEVENT
END:VCALENDAR
"""
MILK = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//x//y//EN
BEGIN:VTODO
UID:buy
DTSTAMP:20261125T000000Z
SUMMARY:Buy milk
END:VTODO
END:VCALENDAR
"""


def keep_calendars(url, name, password):
    with caldav.DAVClient(f"{url}{ITEMS}/", username=name, password=password) as client:
        principal = client.principal()
        calendar = principal.calendar(name="calendar")
        calendar.save_event(TEA)
        calendar.save_todo(MILK)
        known = calendar.objects_by_sync_token(load_objects=True)
        assert {str(each.icalendar_component["uid"]) for each in known} == {"tea", "buy"}
        (last,) = calendar.search(
            start=datetime(2026, 12, 14, tzinfo=UTC), end=datetime(2026, 12, 16, tzinfo=UTC),
            event=True, expand=True,
        )  # fmt: skip
        assert str(last.icalendar_component["summary"]) == "Tea"
        event = calendar.event_by_uid("tea")
        event.icalendar_component["summary"] = "Coffee"
        event.save()
        calendar.todo_by_uid("buy").delete()
        changed, gone = known.sync()
        assert ([str(each.icalendar_component["summary"]) for each in changed], len(gone)) == (
            ["Coffee"], 1,
        )  # fmt: skip
        other = principal.make_calendar(name="Work", cal_id="work")
        assert other.get_display_name() == "Work"
        assert {each.get_display_name() for each in principal.calendars()} == {"calendar", "Work"}
        other.delete()
        assert len(principal.calendars()) == 1


@needs("vdirsyncer")
async def test_vdirsyncer_brings_a_desktop_and_the_gateway_together(host, view, tmp_path):
    url, name, password = host
    (tmp_path / "config").write_text(f"""
[general]
status_path = "{tmp_path}/status"
[pair cards]
a = "here"
b = "there"
collections = ["from b"]
conflict_resolution = "b wins"
[storage here]
type = "filesystem"
path = "{tmp_path}/cards"
fileext = ".vcf"
[storage there]
type = "carddav"
url = "{url}/"
username = "{name}"
password = "{password}"
""")
    sync = partial(run, "vdirsyncer", "-c", str(tmp_path / "config"), cwd=tmp_path)
    await sync("discover", "--list", stdin=b"y\n" * 9)
    await put(view, "/Contacts/contacts/ada.vcf", card("ada", "Ada", "TEL:1"))
    here = tmp_path / "cards" / "contacts"
    (here / "grace.vcf").write_bytes(card("grace", "Grace"))
    await sync("sync")
    assert b"UID:grace" in await content(view, "/Contacts/contacts/grace.vcf")
    assert b"UID:ada" in (here / "ada.vcf").read_bytes()
    # Both sides change one card: vdirsyncer decides, and nothing fails.
    (here / "ada.vcf").write_bytes(card("ada", "Ada", "TEL:1", "EMAIL:here@x"))
    await put(view, "/Contacts/contacts/ada.vcf", card("ada", "Ada", "TEL:2"))
    await view.remove("/Contacts/contacts/grace.vcf")
    await sync("sync")
    assert not (here / "grace.vcf").exists()
    assert b"TEL:2" in (here / "ada.vcf").read_bytes()
    await sync("sync")


def card(uid, name, *lines):
    text = "".join(f"{each}\r\n" for each in lines)
    return (
        f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nFN:{name}\r\nN:{name};;;;\r\n{text}"
        "END:VCARD\r\n"
    ).encode()


async def content(view, path):
    return b"".join([piece async for piece in view.read(path)])
