"""Small copies of pictures, and photos in their place by date."""

import io
import struct
import zlib

import pytest
import trio
from PIL import Image

from cozysync.gateway.sync_api import pictures
from cozysync.gateway.view import ABSENT
from tests.suites.phones import put
from tests.unit.gateway.sync_api.test_uploads import DATA, add, begin, content, names, place

ORIENTATION, DATE_TIME, DATE_TIME_ORIGINAL = 0x0112, 0x0132, 0x9003


def photo(size=(600, 300), kind="JPEG", mode="RGB", colour=(200, 30, 30), **tags):
    picture = Image.new(mode, size, colour)
    exif = Image.Exif()
    if "orientation" in tags:
        exif[ORIENTATION] = tags["orientation"]
    if "taken" in tags:
        exif.get_ifd(0x8769)[DATE_TIME_ORIGINAL] = tags["taken"]
    out = io.BytesIO()
    picture.save(out, kind, **({"exif": exif} if tags else {}))
    return out.getvalue()


def bomb(side):
    """A PNG that is small, whole, and as large as one wants when it is taken apart."""

    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)  # a bit for each
    rows = zlib.compress(bytes(side * (1 + (side + 7) // 8)), 1)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


async def small(phone, path, size=128):
    return await phone.get("content", params={"path": path, "thumbnail": size})


async def test_a_picture_is_made_small_and_kept_by_its_content(view, phone, monkeypatch):
    await put(view, "/Photos/a.jpg", photo())
    answer = await small(phone, "/Photos/a.jpg")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    with Image.open(io.BytesIO(answer.content)) as made:
        assert made.size == (128, 64)
    assert answer.headers["x-content-type-options"] == "nosniff"

    async def none(*_, **__):
        raise AssertionError("it was kept")

    monkeypatch.setattr(trio, "run_process", none)
    await view.move("/Photos/a.jpg", "/Photos/b.jpg")
    again = await small(phone, "/Photos/b.jpg", 100)
    assert again.content == answer.content
    has = {"if-none-match": again.headers["etag"]}
    where = {"path": "/Photos/b.jpg", "thumbnail": 100}
    assert (await phone.get("content", params=where, headers=has)).status_code == 304
    left = {each.name for each in view.staging.rglob("*")}
    assert left == {"uploads", "uploads.db", "by-device"}


async def test_a_picture_stands_upright(view, phone):
    await put(view, "/Photos/a.jpg", photo(orientation=6))
    with Image.open(io.BytesIO((await small(phone, "/Photos/a.jpg")).content)) as made:
        assert made.size == (64, 128)


@pytest.mark.parametrize(
    ("kind", "mode", "colour"),
    [("PNG", "RGBA", (0, 0, 0, 0)), ("GIF", "P", 0), ("WEBP", "RGB", "red"), ("PNG", "L", 9)],
)
async def test_pictures_of_all_kinds_are_made_small(view, phone, kind, mode, colour):
    await put(view, "/Photos/a", photo(kind=kind, mode=mode, colour=colour))
    answer = await small(phone, "/Photos/a", 64)
    with Image.open(io.BytesIO(answer.content)) as made:
        assert (made.format, made.mode, made.size) == ("JPEG", "RGB", (64, 32))
        if mode == "RGBA":  # what can be seen through is white
            assert min(made.getpixel((5, 5))) > 250


@pytest.mark.parametrize(
    "data",
    [b"", b"text", photo()[:200], bomb(12_000)],
    ids=["empty", "text", "cut", "bomb"],
)
async def test_what_is_no_picture_or_a_bomb_is_refused(view, phone, data):
    await put(view, "/Photos/a.png", data)
    answer = await small(phone, "/Photos/a.png")
    assert (answer.status_code, answer.json()["code"]) == (415, "no-picture")
    await put(view, "/Photos/b.jpg", photo())
    assert (await small(phone, "/Photos/b.jpg")).status_code == 200


async def test_a_picture_gets_only_so_much_memory(view, phone, monkeypatch, tmp_path):
    worker = tmp_path / "worker.py"
    text = pictures._WORKER.read_text()
    worker.write_text(text.replace("MOST_PIXELS = 120_000_000", "MOST_PIXELS = 10**12"))
    monkeypatch.setattr(pictures, "_WORKER", worker)
    await put(view, "/Photos/small.png", bomb(3_000))
    assert (await small(phone, "/Photos/small.png")).status_code == 200
    await put(view, "/Photos/large.png", bomb(26_000))
    assert (await small(phone, "/Photos/large.png")).status_code == 415


async def test_too_large_a_picture_is_not_read(view, phone, monkeypatch):
    monkeypatch.setattr(pictures, "MOST_BYTES", 10)
    await put(view, "/Photos/a.jpg", photo())
    assert (await small(phone, "/Photos/a.jpg")).status_code == 415


async def test_without_the_library_it_is_told_what_to_install(view, phone, monkeypatch):
    monkeypatch.setattr(pictures.importlib.util, "find_spec", lambda name: None)
    await put(view, "/Photos/a.jpg", photo())
    answer = await small(phone, "/Photos/a.jpg")
    assert answer.status_code == 501
    assert "cozysync[pictures]" in answer.json()["remedy"]


async def test_only_so_much_is_kept(monkeypatch):
    monkeypatch.setattr(pictures, "KEPT_BYTES", 100)
    kept = pictures.Pictures()
    for number in range(10):
        kept._keep((str(number), 64), bytes(40))
    assert [key for key, _ in kept._kept] == ["8", "9"]
    kept._keep(("large", 64), bytes(200))
    assert list(kept._kept) == [("large", 64)]


# --- by date ---------------------------------------------------------------------------------


async def send(phone, data, name="IMG_1.jpg", **more):
    begun = await begin(phone, len(data), path=f"/Photos/{name}", place="by-date", **more)
    answer = await add(phone, place(begun), 0, data)
    assert answer.status_code == 204, answer.text
    return answer.headers["cozysync-path"]


async def test_a_photo_comes_to_when_it_was_taken(view, phone):
    data = photo(taken="2024:02:29 23:59:59")
    assert await send(phone, data, mtime_ms="1700000000000") == "/Photos/2024/02/IMG_1.jpg"
    assert await content(view, "/Photos/2024/02/IMG_1.jpg") == data


async def test_without_that_it_comes_to_when_it_was_changed(phone):
    assert await send(phone, DATA, "v.mp4", mtime_ms="1700000000000") == "/Photos/2023/11/v.mp4"
    nonsense = photo(taken="0000:00:00 00:00:00")
    assert await send(phone, nonsense, mtime_ms="1700000000000") == "/Photos/2023/11/IMG_1.jpg"


async def test_a_photo_never_takes_the_place_of_another(view, phone):
    old, new = photo(taken="2024:02:01 00:00:00"), photo((9, 9), taken="2024:02:02 00:00:00")
    assert await send(phone, old) == "/Photos/2024/02/IMG_1.jpg"
    assert await send(phone, new) == "/Photos/2024/02/IMG_1%20%282%29.jpg"
    assert await send(phone, new) == "/Photos/2024/02/IMG_1%20%282%29.jpg"  # once is enough
    assert await send(phone, old) == "/Photos/2024/02/IMG_1.jpg"
    assert await names(view, "/Photos/2024/02") == ["IMG_1 (2).jpg", "IMG_1.jpg"]
    assert await content(view, "/Photos/2024/02/IMG_1.jpg") == old


async def test_what_finds_its_place_has_no_base(phone):
    answer = await begin(phone, place="by-date", base="")
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert (await begin(phone, place="elsewhere")).status_code == 400


async def test_a_file_in_the_way_of_the_month_is_told(view, phone):
    await put(view, "/Photos/2023", b"a file", base=ABSENT)
    begun = await begin(phone, path="/Photos/a.jpg", place="by-date", mtime_ms="1700000000000")
    answer = await add(phone, place(begun), 0, DATA)
    assert (answer.status_code, answer.json()["code"]) == (409, "exists")
