"""The page for phones, as it is served: open to all, and nothing in it but itself."""

import json
import re

import pytest

from cozysync.gateway.page import page_door
from cozysync.gateway.sync_api import sync_door
from tests.suites.memory_view import MemoryView
from tests.suites.phones import GatewayInTest

DOOR = page_door()
PATHS = sorted(DOOR.open_to_all)
FILES = DOOR.app._files
TEXTS = {name: data.decode() for name, data in FILES.items()}
SCRIPTS = {name: text for name, text in TEXTS.items() if name.endswith(".js")}


@pytest.fixture
async def stranger(tmp_path):
    view = MemoryView(tmp_path)
    gateway = GatewayInTest(view, [DOOR, sync_door(tmp_path)], tmp_path)
    async with gateway.client() as client:
        yield client


@pytest.mark.parametrize("path", PATHS)
async def test_everybody_may_read_the_page_and_no_site_may_touch_it(stranger, path):
    answer = await stranger.get(path)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'none'" in policy  # a password must never come into an address
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    has = {"if-none-match": answer.headers["etag"]}
    assert (await stranger.get(path, headers=has)).status_code == 304
    head = await stranger.head(path)
    assert (head.content, head.headers["content-length"]) == (b"", str(len(answer.content)))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/app/__init__.py"),
        ("GET", "/app/../api/v1/status"),
        ("GET", "/app/"),
        ("GET", "/api/v1/status"),
        ("POST", "/"),
        ("DELETE", "/app/page.js"),
        ("PROPFIND", "/"),
    ],
)
async def test_nothing_else_is_open(stranger, method, path):
    assert (await stranger.request(method, path)).status_code == 401


async def test_another_site_or_name_gets_no_page(stranger):
    other = await stranger.get("/", headers={"sec-fetch-site": "cross-site"})
    assert other.status_code == 403
    assert (await stranger.get("/", headers={"host": "evil.test"})).status_code == 421


def test_the_page_loads_nothing_from_elsewhere_and_runs_no_text():
    for name, text in TEXTS.items():
        found = set(re.findall(r"https?://[^\"'\s)]+", text))
        assert found <= {"http://www.w3.org/2000/svg"}, name
        assert "//cdn" not in text
    for name, text in SCRIPTS.items():
        for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                    "new Function", "setTimeout(\"", "javascript:"):  # fmt: skip
            assert way not in text, (name, way)
    page = TEXTS["index.html"]
    assert not re.search(r"\son[a-z]+=|\sstyle=|<script(?! type=\"module\" src=)|<style", page)


def test_every_part_that_a_script_names_is_in_the_page():
    there = set(re.findall(r'id="([^"]+)"', TEXTS["index.html"]))
    for name, text in SCRIPTS.items():
        wanted = set(re.findall(r'\$\("([^"]+)"\)', text))
        assert wanted <= there, name
    icons = set(re.findall(r'#(i-[a-z]+)"', TEXTS["index.html"]))
    assert icons <= there


def test_every_field_has_a_label_and_every_picture_button_a_name():
    page = TEXTS["index.html"]
    labels = set(re.findall(r'<label for="([^"]+)"', page))
    for attributes in re.findall(r"<input ([^>]+)>", page):
        [name] = re.findall(r'id="([^"]+)"', attributes)
        assert name in labels or re.search(rf'<label class="check"><input id="{name}"', page)
    for button in re.findall(r'<(?:button|a)[^>]*class="round"[^>]*>', page):
        assert "aria-label=" in button


def test_the_worker_keeps_the_page_and_nothing_else():
    [listed] = re.findall(r"const PAGE = \[(.*?)\];", TEXTS["worker.js"], re.DOTALL)
    kept = set(json.loads(f"[{listed.strip().rstrip(',')}]"))
    assert kept == set(PATHS) - {"/app/worker.js"}


def test_the_page_can_be_installed():
    manifest = json.loads(TEXTS["manifest.webmanifest"])
    assert manifest["start_url"] == manifest["scope"] == "/"
    assert manifest["display"] == "standalone"
    for icon in manifest["icons"]:
        assert icon["src"].removeprefix("/app/") in FILES
    assert {"any", "maskable"} == {icon["purpose"] for icon in manifest["icons"]}


def _luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_everything_can_be_read_by_who_sees_less(scheme):
    roots = re.findall(r":root \{(.*?)\}", TEXTS["page.css"], re.DOTALL)
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", roots[scheme]))
    for ink, ground in [
        ("ink", "ground"), ("ink", "card"), ("soft", "ground"), ("soft", "card"), ("ink", "tint"),
        ("accent", "card"), ("accent", "tint"), ("on-accent", "accent"), ("alert", "card"),
        ("alert", "alert-tint"), ("ink", "alert-tint"), ("soft", "tint"),
    ]:  # fmt: skip
        bright, dark = sorted((_luminance(colours[ink]), _luminance(colours[ground])))[::-1]
        assert (bright + 0.05) / (dark + 0.05) >= 4.5, (ink, ground)
