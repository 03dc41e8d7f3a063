"""The page for phones in a real Chromium, as large as a phone."""

import io
import os
from contextlib import aclosing, asynccontextmanager
from functools import partial

import pytest
import trio
from PIL import Image

from cozysync.gateway.page import page_door
from cozysync.gateway.scope import Scope
from cozysync.gateway.serve import serve
from cozysync.gateway.sync_api import sync_door
from tests.suites.browser import CHROMIUM, chromium, tab
from tests.suites.memory_view import MemoryView
from tests.suites.phones import GatewayInTest, put

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="wants Debian's chromium")

TEXT = "Who brings the cake?\nÄnne does.\n<b>not bold</b>\n"
ENTRIES = "document.querySelectorAll('.entry').length"
SHOWN = "!document.getElementById('{}').hidden"


def photo():
    out = io.BytesIO()
    Image.new("RGB", (640, 480), (20, 120, 90)).save(out, "JPEG")
    return out.getvalue()


class Scene:
    """A gateway that listens, a browser, and a tab of it."""

    def __init__(self, gateway, view, page, address, home):
        self.gateway, self.view, self.page = gateway, view, page
        self.address, self.home = address, home
        self.password = gateway.book.add("anna-phone", Scope())

    async def sign_in(self, password=None):
        """With the keyboard alone."""
        page = self.page
        await page.until("document.activeElement.id == 'name'")
        await page.do("document.getElementById('name').select()")
        await page.write("anna-phone")
        await page.press("Tab")
        await page.do("document.getElementById('password').select()")
        await page.write(password or self.password)
        await page.press("Enter")

    async def click(self, text):
        """What bears this text."""
        found = (
            "[...document.querySelectorAll('a, button')].filter(e => e.checkVisibility())"
            f".find(e => (e.getAttribute('aria-label') || e.innerText).includes({text!r}))"
        )
        await self.page.until(found)
        await self.page.do(f"{found}.click()")

    async def close_viewer(self):
        await self.page.press("Escape")
        await self.page.until("!document.getElementById('viewer').open")

    async def content(self, path):
        async with aclosing(self.view.read(path)) as pieces:
            return b"".join([piece async for piece in pieces])


@asynccontextmanager
async def scene(tmp_path):
    (tmp_path / "staging").mkdir()
    view = MemoryView(tmp_path / "staging", ("Documents", "Photos"))
    doors = [sync_door(view.staging), page_door()]
    gateway = GatewayInTest(view, doors, tmp_path)
    await put(view, "/Documents/Notes ä#1%.txt", TEXT.encode())
    await put(view, "/Documents/page.html", b"<script>document.title='run'</script>")
    await put(view, "/Photos/IMG_1.jpg", photo())
    async with trio.open_nursery() as nursery:
        port = await nursery.start(partial(serve, gateway.app, "127.0.0.1", 0, None))
        address = f"http://127.0.0.1:{port}"
        async with chromium(tmp_path / "profile") as browser:
            page = await tab(browser)
            await page.open(f"{address}/")
            yield Scene(gateway, view, page, address, tmp_path)
            strange = {each for each in browser.requests if not each.startswith(address)}
            assert {each for each in strange if not each.startswith(f"blob:{address}")} == set()
        nursery.cancel_scope.cancel()


async def fits(page):
    """Nothing is wider than the phone."""
    return await page.do("document.documentElement.scrollWidth <= innerWidth")


async def test_a_person_signs_in_and_looks_at_what_is_there(tmp_path):
    async with scene(tmp_path) as at:
        page = at.page
        await at.sign_in("wrong-password")
        await page.until(SHOWN.format("sign-in-error"))
        assert "wrong" in await page.do("document.getElementById('sign-in-error').innerText")
        await page.do("document.getElementById('name').focus()")
        page.browser.errors.clear()  # the console tells of the 401
        await at.sign_in()
        await page.until(f"{ENTRIES} == 2")
        assert await fits(page)
        await at.click("Documents")
        await page.until(f"{ENTRIES} == 2 && document.title.startsWith('Documents')")
        await at.click("Notes ä#1%.txt")
        await page.until("document.querySelector('#viewer pre')")
        assert await page.do("document.querySelector('#viewer pre').textContent") == TEXT
        await at.close_viewer()
        # The keyboard goes on where it was.
        await page.until("document.activeElement.innerText.includes('Notes')")
        await at.click("page.html")
        await page.until("document.querySelector('#viewer pre')")
        assert await page.do("document.title") == "Documents – cozysync"  # not run
        await at.close_viewer()
        await at.click("Up to the directory above")
        await at.click("Photos")
        await page.until("document.querySelector('.sign img')?.complete")
        await at.click("IMG_1.jpg")
        await page.until("document.querySelector('#viewer img')?.naturalWidth == 640")
        await at.close_viewer()
        await put(at.view, "/Photos/from the desktop.txt", b"new")
        await page.until(f"{ENTRIES} == 2")  # told, without asking again
        await at.click("Search")
        await page.write("nÖteS".replace("Ö", "o"))
        await page.until(f"{ENTRIES} == 1")
        assert "/Documents" in await page.do("document.querySelector('.entry').innerText")
        at.view.conflict_count = 3
        await at.click("Status")
        await page.until("document.querySelector('.card.alert')")
        assert await fits(page)
        told = await page.told_to_screen_readers()
        assert ("heading", "3 conflicts to decide") in told
        assert ("link", "Status, 3 conflicts") in told
        assert ("navigation", "Main") in told
        unnamed = {role for role, name in told if not name} & {"button", "link", "textbox", "image"}
        assert not unnamed
        await page.look(dark=True, width=320)
        assert await fits(page)
        assert page.browser.errors == []


async def test_photos_are_sent_and_go_on_where_they_were_broken_off(tmp_path):
    async with scene(tmp_path) as at:
        page = at.page
        large, small = tmp_path / "large.mp4", tmp_path / "IMG_1.jpg"
        large.write_bytes(os.urandom(1024) * 9 * 1024)
        small.write_bytes(photo() + b"another")
        os.utime(large, (1_700_000_000, 1_700_000_000))
        await at.sign_in()
        await page.until(f"{ENTRIES} == 2")
        await at.click("Photos")
        await page.until(f"{ENTRIES} == 1")
        await at.click("Add")
        await page.pick("#picked", large, small)
        assert await page.do("document.getElementById('by-date').checked")
        # The line breaks after the first piece, and comes back.
        await page.do(
            "window.real = fetch; window.pieces = 0;"
            "window.fetch = (address, how) => how.method == 'PATCH' && pieces++ >= 1"
            " ? Promise.reject(new TypeError('broken')) : real(address, how)"
        )
        await at.click("Upload 2")
        await page.until("document.querySelector('.upload').innerText.includes('Broken off')")
        # The person closes the page, comes again, and picks the same files.
        await page.close()
        page = at.page = await tab(page.browser)
        await page.open(f"{at.address}/#/Photos")
        await page.until(f"{ENTRIES} == 1")
        page.browser.requests.clear()
        await at.click("Add")
        await page.pick("#picked", large, small)
        await at.click("Upload 2")
        await page.until("document.querySelectorAll('.upload.done').length == 2")
        begun = [each for each in page.browser.requests if each.endswith("/api/v1/uploads")]
        assert len(begun) == 1  # the large one went on
        assert await at.content("/Photos/2023/11/large.mp4") == large.read_bytes()
        [year] = [
            each
            for each in await at.view.children("/Photos")
            if each.name not in ("2023", "IMG_1.jpg")
        ]
        [month] = await at.view.children(year.path)
        assert await at.content(f"{month.path}/IMG_1.jpg") == small.read_bytes()
        assert await at.content("/Photos/IMG_1.jpg") == photo()
        # Without places by date, too, nothing takes the place of another.
        await at.click("Hide finished uploads")
        await at.click("Add")
        await page.do("document.getElementById('by-date').checked = false")
        await page.pick("#picked", small)
        await at.click("Upload")
        await page.until("document.querySelectorAll('.upload.done').length == 1")
        assert await at.content("/Photos/IMG_1 (2).jpg") == small.read_bytes()
        assert await at.content("/Photos/IMG_1.jpg") == photo()


async def test_the_page_opens_without_a_net_and_keeps_nothing(tmp_path):
    async with scene(tmp_path) as at:
        page = at.page
        await at.sign_in()
        await page.until(f"{ENTRIES} == 2")
        await page.until("navigator.serviceWorker.controller")
        await at.click("Photos")
        await page.until("document.querySelector('.sign img')")
        kept = await page.do(
            "(async () => { const all = [];"
            " for (const name of await caches.keys())"
            "  for (const each of await (await caches.open(name)).keys()) all.push(each.url);"
            " return all; })()"
        )
        assert {each.removeprefix(at.address) for each in kept} == page_door().open_to_all - {
            "/app/worker.js"
        }
        await page.net(away=True)
        await page.open(f"{at.address}/?away#/Photos")
        await page.until(SHOWN.format("offline"))
        assert await page.do(ENTRIES) == 0
        await page.net(away=False)
        await page.until(f"{ENTRIES} == 1")
        await page.until("document.getElementById('offline').hidden")
        at.gateway.book.revoke("anna-phone")
        await at.click("Status")
        await page.until(SHOWN.format("sign-in"))
        assert await page.do("localStorage.length + sessionStorage.length") == 0
