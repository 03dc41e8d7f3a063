"""Uploads that are broken off and gone on with, by tus 1.0."""

import base64
import hashlib
import tempfile
from contextlib import aclosing
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
import trio
import trio.lowlevel
from starlette.requests import ClientDisconnect

from cozysync.gateway.app import Door
from cozysync.gateway.scope import Scope
from cozysync.gateway.sync_api import PREFIX, sync_door
from cozysync.gateway.sync_api.door import application
from cozysync.gateway.sync_api.operations import operations
from cozysync.gateway.sync_api.pictures import Pictures
from cozysync.gateway.sync_api.spool import RESERVE
from cozysync.gateway.sync_api.uploads import TusUploads, receive, store, tus
from cozysync.gateway.sync_api.uploads.upload import Upload
from cozysync.gateway.view import Space
from tests.suites.memory_view import MemoryView, etag
from tests.suites.phones import HOST, GatewayInTest, put

DATA = bytes(range(256)) * 40
WHOLE = len(DATA)

# Who is refused sends on into nothing: the client in these tests leaves its body then.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*async_generator object (\\w*ByteStream|test_):pytest.PytestUnraisableExceptionWarning"
)

OFFSET = {"content-type": "application/offset+octet-stream"}
TUS = {"tus-resumable": "1.0.0"}


def metadata(**values):
    return ",".join(
        f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items()
    )


async def begin(phone, length=WHOLE, **values):
    values = {"path": "/Documents/up.bin"} | values
    headers = TUS | {"upload-length": str(length), "upload-metadata": metadata(**values)}
    return await phone.post("uploads", headers=headers)


def place(answer):
    """Where an upload is, as it was told."""
    assert "location" in answer.headers, answer.text
    return f"https://{HOST}{answer.headers['location']}"


async def add(phone, where, offset, data, **headers):
    headers = TUS | OFFSET | {"upload-offset": str(offset)} | headers
    return await phone.patch(where, headers=headers, content=data)


async def how_far(phone, where):
    answer = await phone.head(where, headers=TUS)
    return int(answer.headers["upload-offset"])


async def content(view, path):
    async with aclosing(view.read(path)) as pieces:
        return b"".join([piece async for piece in pieces])


async def names(view, path="/Documents"):
    return [each.name for each in await view.children(path)]


def bytes_in(view):
    return sorted((view.staging / "uploads").glob("*.bytes"))


async def test_what_is_spoken_is_told(phone):
    answer = await phone.options("uploads")
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert set(answer.headers["tus-extension"].split(",")) == {
        "creation", "creation-with-upload", "termination", "expiration", "checksum",
    }  # fmt: skip
    assert int(answer.headers["tus-max-size"]) > 2**32
    assert "sha1" in answer.headers["tus-checksum-algorithm"]


async def test_an_upload_in_pieces_is_seen_only_when_all_of_it_is_there(view, phone):
    begun = await begin(phone, mtime_ms="1700000000123")
    assert begun.status_code == 201
    where = place(begun)
    assert begun.headers["upload-offset"] == "0"
    assert parsedate_to_datetime(begun.headers["upload-expires"])
    for start in (0, 3000, 6000):
        assert await how_far(phone, where) == start
        assert await names(view) == []
        answer = await add(phone, where, start, DATA[start : start + 3000])
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(start + 3000))
    answer = await add(phone, where, 9000, DATA[9000:])
    assert answer.status_code == 204
    assert answer.headers["cozysync-outcome"] == "written"
    assert answer.headers["cozysync-version"] == etag(DATA)
    assert answer.headers["cozysync-path"] == "/Documents/up.bin"
    assert await content(view, "/Documents/up.bin") == DATA
    assert (await view.entry("/Documents/up.bin")).mtime_ns == 1_700_000_000_123_000_000
    assert bytes_in(view) == []
    told = (await phone.get(where)).json()
    assert (told["offset"], told["written"]["outcome"]) == (len(DATA), "written")
    again = await add(phone, where, len(DATA), b"")  # the answer was lost
    assert (again.status_code, again.headers["cozysync-outcome"]) == (204, "written")


async def test_an_upload_may_bring_its_bytes_when_it_begins(view, phone):
    headers = TUS | OFFSET | {
        "upload-length": "5", "upload-metadata": metadata(path="/Documents/ä", base=""),
    }  # fmt: skip
    answer = await phone.post("uploads", headers=headers, content=b"hello")
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "5")
    assert answer.headers["cozysync-outcome"] == "written"
    assert await content(view, "/Documents/ä") == b"hello"
    part = await phone.post(
        "uploads",
        headers=headers | {"upload-metadata": metadata(path="/Documents/b")},
        content=b"he",
    )
    assert part.headers["upload-offset"] == "2"
    await add(phone, place(part), 2, b"llo")
    assert await content(view, "/Documents/b") == b"hello"


async def test_an_empty_file_is_there_at_once(view, phone):
    answer = await begin(phone, 0)
    assert (answer.status_code, answer.headers["cozysync-outcome"]) == (201, "written")
    assert await content(view, "/Documents/up.bin") == b""


async def test_an_edit_is_merged_as_of_its_base(view, phone):
    old = b"".join(b"line %d\n" % n for n in range(20))
    await put(view, "/Documents/a.txt", old)
    await put(view, "/Documents/a.txt", old.replace(b"line 1\n", b"LINE 1\n"))
    new = old.replace(b"line 18\n", b"LINE 18\n")
    begun = await begin(phone, len(new), path="/Documents/a.txt", base=etag(old))
    answer = await add(phone, place(begun), 0, new)
    assert answer.headers["cozysync-outcome"] == "merged"
    assert b"LINE 1\n" in await content(view, "/Documents/a.txt")


async def test_the_same_content_begun_twice_goes_on_as_one(view, phone):
    sum_ = hashlib.sha256(DATA).hexdigest()
    begun = await begin(phone, sha256=sum_)
    await add(phone, place(begun), 0, DATA[:100])
    again = await begin(phone, sha256=sum_)
    assert place(again) == place(begun)
    assert again.headers["upload-offset"] == "100"
    assert len(bytes_in(view)) == 1
    other = await begin(phone, sha256=sum_, path="/Documents/other")
    assert place(other) != place(begun)


async def test_a_new_file_that_is_sent_twice_is_one_file(view, phone):
    for _ in range(2):
        begun = await begin(phone, base="")
        answer = await add(phone, place(begun), 0, DATA)
        assert (answer.status_code, answer.headers["cozysync-outcome"]) == (204, "written")
    assert await names(view) == ["up.bin"]
    begun = await begin(phone, 5, base="")
    refused = await add(phone, place(begun), 0, b"other")
    assert (refused.status_code, refused.json()["code"]) == (409, "exists")
    assert await content(view, "/Documents/up.bin") == DATA


async def test_a_content_that_is_not_what_was_told_is_not_written(view, phone):
    begun = await begin(phone, sha256="0" * 64)
    answer = await add(phone, place(begun), 0, DATA)
    assert (answer.status_code, answer.json()["code"]) == (460, "checksum-mismatch")
    assert await names(view) == []
    assert bytes_in(view) == []
    assert (await phone.head(place(begun), headers=TUS)).status_code == 404


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
async def test_a_body_that_came_wrong_counts_for_nothing(view, phone, algorithm):
    where = place(await begin(phone))
    await add(phone, where, 0, DATA[:1000])
    sum_ = base64.b64encode(hashlib.new(algorithm, DATA[1000:]).digest()).decode()
    header = {"upload-checksum": f"{algorithm} {sum_}"}
    wrong = await add(phone, where, 1000, DATA[1000:-1] + b"?", **header)
    assert wrong.status_code == 460
    assert await how_far(phone, where) == 1000
    right = await add(phone, where, 1000, DATA[1000:], **header)
    assert (right.status_code, right.headers["cozysync-version"]) == (204, etag(DATA))


async def test_an_upload_that_is_given_up_is_gone(view, phone):
    where = place(await begin(phone))
    await add(phone, where, 0, DATA[:1000])
    assert (await phone.delete(where, headers=TUS)).status_code == 204
    assert bytes_in(view) == []
    assert (await phone.head(where, headers=TUS)).status_code == 404
    assert (await add(phone, where, 1000, DATA[1000:])).status_code == 404
    assert await names(view) == []


async def test_methods_may_be_disguised(phone):
    where = place(await begin(phone))
    headers = TUS | OFFSET | {"upload-offset": "0", "x-http-method-override": "PATCH"}
    assert (await phone.post(where, headers=headers, content=b"abc")).status_code == 204
    headers = TUS | {"x-http-method-override": "DELETE"}
    assert (await phone.post(where, headers=headers)).status_code == 204


async def test_an_upload_outlives_the_gateway(view, phone, tmp_path):
    where = place(await begin(phone))
    await add(phone, where, 0, DATA[:1000])
    later = GatewayInTest(view, [sync_door(view.staging)], tmp_path)
    later.book.revoke("anna")
    async with later.phone("anna") as same:
        assert await how_far(same, where) == 1000
        assert (await add(same, where, 1000, DATA[1000:])).status_code == 204
    assert await content(view, "/Documents/up.bin") == DATA


async def test_what_is_broken_off_is_kept_up_to_there(view, phone):
    where = place(await begin(phone))

    async def breaking():
        yield DATA[:500]
        raise ClientDisconnect

    assert (await add(phone, where, 0, breaking())).status_code == 400
    assert await how_far(phone, where) == 500
    await add(phone, where, 500, DATA[500:])
    assert await content(view, "/Documents/up.bin") == DATA


async def test_the_newest_connection_goes_on_and_the_old_one_ends(view, phone):
    where = place(await begin(phone))
    answers = []

    async def dead():
        yield DATA[:500]
        await trio.sleep_forever()

    async def first():
        answers.append(await add(phone, where, 0, dead()))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(first)
        while not any(path.stat().st_size for path in bytes_in(view)):  # noqa: ASYNC110
            await trio.sleep(0.01)
        offset = await how_far(phone, where)
        assert offset == 500
        assert (await add(phone, where, offset, DATA[offset:])).status_code == 204
    assert (answers[0].status_code, answers[0].json()["code"]) == (423, "taken-over")
    assert await content(view, "/Documents/up.bin") == DATA


async def test_many_writers_at_once_never_mix_their_bytes(view, phone):
    """Whoever comes is served in any order; what is written is the content or nothing."""
    where = place(await begin(phone))

    async def slow(offset):
        for at in range(offset, len(DATA), 700):
            yield DATA[at : at + 700]
            await trio.lowlevel.checkpoint()

    async def writer():
        for _ in range(20):
            answer = await phone.head(where, headers=TUS)
            offset = int(answer.headers["upload-offset"])
            if offset == len(DATA):
                return
            await add(phone, where, offset, slow(offset))

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(writer)
    offset = await how_far(phone, where)
    if offset < len(DATA):
        await add(phone, where, offset, DATA[offset:])
    assert await content(view, "/Documents/up.bin") == DATA


# --- hostile clients -------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [1, 999, 1001, len(DATA), 2**52])
async def test_a_wrong_offset_adds_nothing(phone, offset):
    where = place(await begin(phone))
    await add(phone, where, 0, DATA[:1000])
    answer = await add(phone, where, offset, b"evil")
    assert (answer.status_code, answer.headers["upload-offset"]) == (409, "1000")
    assert answer.headers["tus-resumable"] == "1.0.0"
    assert await how_far(phone, where) == 1000


@pytest.mark.parametrize("offset", ["-1", "", "1e400", "ten", "0x10"])
async def test_what_is_no_offset_is_refused(phone, offset):
    where = place(await begin(phone))
    assert (await add(phone, where, offset, b"evil")).status_code == 400


async def test_more_than_was_announced_is_not_taken(view, phone):
    where = place(await begin(phone, 10))
    answer = await add(phone, where, 0, DATA)
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    assert await names(view) == []
    assert sum(path.stat().st_size for path in bytes_in(view)) <= 10


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/Documents/../Secret/x", 400),
        ("../../etc/passwd", 400),
        ("/Documents/a\0b", 400),
        ("/Documents", 403),
        ("/", 403),
        ("", 400),
        ("/" + "a" * 5000, 400),
    ],
)
async def test_a_path_that_leads_astray_begins_nothing(view, phone, path, status):
    assert (await begin(phone, path=path)).status_code == status
    assert bytes_in(view) == []


async def test_a_path_that_is_good_only_at_first_sight_ends_well(view, phone):
    begun = await begin(phone, path="/Documents/none/x")
    where = place(begun)
    answer = await add(phone, where, 0, DATA)
    assert (answer.status_code, answer.json()["code"]) == (409, "not-a-directory")
    await view.make_directory("/Documents/none")
    assert (await add(phone, where, len(DATA), b"")).status_code == 204
    assert await content(view, "/Documents/none/x") == DATA


@pytest.mark.parametrize(
    "header",
    [
        "path",
        "path !!!",
        "path L0RvY3VtZW50cy9h,path L0RvY3VtZW50cy9i",
        "path /w==",
        metadata(path="/Documents/a", bsae=""),
        metadata(path="/Documents/a", mtime_ms="soon"),
        metadata(path="/Documents/a", sha256="short"),
        metadata(base=""),
        metadata(path="/Documents/a", name="x" * 20_000),
        "," * 1000,
    ],
)
async def test_metadata_that_say_nothing_begin_nothing(view, phone, header):
    headers = TUS | {"upload-length": "3", "upload-metadata": header}
    answer = await phone.post("uploads", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert bytes_in(view) == []


@pytest.mark.parametrize(
    "headers",
    [
        {"upload-metadata": metadata(path="/Documents/a")},
        {"upload-length": "-1", "upload-metadata": metadata(path="/Documents/a")},
        {"upload-length": "9" * 30, "upload-metadata": metadata(path="/Documents/a")},
        {"upload-defer-length": "1", "upload-metadata": metadata(path="/Documents/a")},
    ],
)
async def test_a_length_is_needed(phone, headers):
    assert (await phone.post("uploads", headers=TUS | headers)).status_code == 400


async def test_too_long_an_upload_is_refused_at_once(phone):
    assert (await begin(phone, tus.LONGEST + 1)).status_code == 413


@pytest.mark.parametrize("version", [None, "0.2.2", "1.0"])
async def test_who_speaks_no_tus_is_told_what_is_spoken(phone, version):
    headers = {"upload-length": "3", "upload-metadata": metadata(path="/Documents/a")}
    headers |= {} if version is None else {"tus-resumable": version}
    answer = await phone.post("uploads", headers=headers)
    assert (answer.status_code, answer.headers["tus-version"]) == (412, "1.0.0")


async def test_a_body_of_another_kind_is_not_added(phone):
    where = place(await begin(phone))
    headers = TUS | {"upload-offset": "0", "content-type": "text/plain"}
    assert (await phone.patch(where, headers=headers, content=b"x")).status_code == 415
    assert await how_far(phone, where) == 0


async def test_another_phone_sees_nothing_of_an_upload(gateway, phone):
    where = place(await begin(phone))
    async with gateway.phone("eve") as other:
        assert (await other.get(where)).status_code == 404
        assert (await other.head(where, headers=TUS)).status_code == 404
        assert (await add(other, where, 0, DATA)).status_code == 404
        assert (await other.delete(where, headers=TUS)).status_code == 404
    assert await how_far(phone, where) == 0


async def test_who_may_not_write_begins_nothing(view, gateway, reader):
    assert (await begin(reader)).status_code == 403
    async with gateway.phone("part", Scope(("Photos",))) as part:
        part.base_url = part.base_url.join(PREFIX + "/")
        assert (await begin(part)).status_code == 403
        assert (await begin(part, path="/Photos/x")).status_code == 201


async def test_one_phone_has_only_so_many_uploads(gateway, phone, monkeypatch):
    monkeypatch.setattr(tus, "MOST_EACH", 3)
    places = [place(await begin(phone)) for _ in range(3)]
    answer = await begin(phone)
    assert (answer.status_code, answer.json()["code"]) == (429, "too-many-uploads")
    async with gateway.phone("other") as other:
        other.base_url = phone.base_url
        assert (await begin(other)).status_code == 201
    await phone.delete(places[0], headers=TUS)
    assert (await begin(phone)).status_code == 201


async def test_uploads_together_do_not_fill_the_disk(view, phone, monkeypatch):
    async def space():
        return Space(0, RESERVE + 1500)

    monkeypatch.setattr(view, "space", space)
    assert (await begin(phone, 1000)).status_code == 201
    assert (await begin(phone, 1000)).status_code == 507
    assert (await begin(phone, 400)).status_code == 201


# --- time, kills -----------------------------------------------------------------------------


@pytest.fixture
async def clocked(view, tmp_path):
    """A gateway whose uploads go by its own clock."""
    gateway = GatewayInTest(view, [], tmp_path)
    uploads = TusUploads(view.staging, Pictures(), lambda: gateway.now)
    gateway.app._doors = [Door(PREFIX, application(operations(uploads, Pictures())))]
    async with gateway.phone("clocked") as client:
        client.base_url = client.base_url.join(PREFIX + "/")
        yield gateway, client


async def test_an_upload_to_which_nothing_is_added_is_swept(view, clocked):
    gateway, phone = clocked
    old = place(await begin(phone))
    gateway.now += receive.KEPT_S - 100
    young = place(await begin(phone, path="/Documents/young"))
    await add(phone, old, 0, DATA[:1000])
    gateway.now += 200
    assert await how_far(phone, old) == 1000
    await add(phone, old, 1000, DATA[1000:2000])  # what grows is kept anew
    gateway.now += receive.KEPT_S - 150
    assert (await phone.head(young, headers=TUS)).status_code == 404
    assert len(bytes_in(view)) == 1
    gateway.now += 1000
    assert (await phone.head(old, headers=TUS)).status_code == 404
    assert bytes_in(view) == []


async def test_what_waits_for_too_long_goes_also_when_nobody_comes(view, monkeypatch):
    monkeypatch.setattr(tus, "SWEPT_EVERY_S", 0.01)
    now = [1000.0]
    uploads = TusUploads(view.staging, Pictures(), lambda: now[0])
    for name, expires_s in (("aa" * 16, 2000), ("bb" * 16, 3000)):
        upload = Upload(name, "anna", metadata(path="/Documents/a"), 10, 0, expires_s)
        await trio.to_thread.run_sync(uploads._store.add, upload)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(uploads.tend)
        now[0] = 2500.0
        with trio.fail_after(60):
            while len(bytes_in(view)) > 1:
                now[0] += 0.02
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert [path.stem for path in bytes_in(view)] == ["bb" * 16]


class Killed(BaseException):
    """The process ends here."""


class Doom:
    """Ends everything at the n-th step of those that last."""

    def __init__(self, monkeypatch, view):
        self.left = -1
        for owner, name in (
            (store.UploadStore, "add"),
            (store.UploadStore, "advance"),
            (store.UploadStore, "finish"),
            (store.os, "fsync"),
        ):
            monkeypatch.setattr(owner, name, self._doomed(getattr(owner, name)))
        self._write, view.write = view.write, self._doomed_write

    def _step(self):
        self.left -= 1
        if self.left == 0:
            raise Killed

    def _doomed(self, real):
        def doomed(*args, **kwargs):
            self._step()
            result = real(*args, **kwargs)
            self._step()
            return result

        return doomed

    async def _doomed_write(self, *args, **kwargs):
        self._step()
        result = await self._write(*args, **kwargs)
        self._step()
        return result


async def _upload(phone, sum_):
    """What a phone does from the beginning, or goes on with."""
    where = place(await begin(phone, base="", sha256=sum_))
    offset = await how_far(phone, where)
    while offset < len(DATA):
        answer = await add(phone, where, offset, DATA[offset : offset + 6000])
        offset = int(answer.headers["upload-offset"])
    answer = await add(phone, where, offset, b"")
    assert answer.headers["cozysync-outcome"] == "written"


@pytest.fixture
def memory(tmp_path):
    """Where flushing takes no time."""
    if not Path("/dev/shm").is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as place:
        yield Path(place)


async def test_a_kill_at_any_step_leaves_nothing_half_done(memory, monkeypatch):
    sum_ = hashlib.sha256(DATA).hexdigest()
    for steps in range(1, 100):
        staging = memory / str(steps)
        staging.mkdir()
        view = MemoryView(staging)
        with monkeypatch.context() as patch:
            doom = Doom(patch, view)
            gateway = GatewayInTest(view, [sync_door(staging)], staging)
            async with gateway.phone() as phone:
                phone.base_url = phone.base_url.join(PREFIX + "/")
                doom.left = steps
                try:
                    await _upload(phone, sum_)
                except* Killed:
                    pass
                is_over = doom.left > 0
        view.write = type(view).write.__get__(view)
        for path in await view.children("/Documents"):
            assert await content(view, path.path) == DATA
        for half in bytes_in(view):
            with half.open("ab") as file:
                file.write(b"never promised")  # what a power cut may leave behind the offset
        (staging / "uploads" / "stray.bytes").write_bytes(b"of no row")
        again = GatewayInTest(view, [sync_door(staging)], memory / f"{steps}b")
        async with again.phone() as phone:
            phone.base_url = phone.base_url.join(PREFIX + "/")
            await _upload(phone, sum_)
        assert await names(view) == ["up.bin"]
        assert await content(view, "/Documents/up.bin") == DATA
        assert bytes_in(view) == []
        if is_over:
            break
    assert 10 < steps < 99


async def test_a_database_that_is_damaged_is_begun_anew(view, phone, tmp_path):
    await begin(phone)
    (view.staging / "uploads" / "uploads.db").write_bytes(b"nonsense" * 1000)
    later = GatewayInTest(view, [sync_door(view.staging)], tmp_path / "later")
    assert bytes_in(view) == []
    async with later.phone() as phone:
        phone.base_url = phone.base_url.join(PREFIX + "/")
        assert (await begin(phone)).status_code == 201


async def test_a_full_disk_is_told_and_nothing_is_lost(view, phone, monkeypatch):
    where = place(await begin(phone))
    await add(phone, where, 0, DATA[:1000])

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(receive, "_write_all", full)
        answer = await add(phone, where, 1000, DATA[1000:])
        assert (answer.status_code, answer.json()["code"]) == (507, "no-room")
    assert await how_far(phone, where) == 1000
    await add(phone, where, 1000, DATA[1000:])
    assert await content(view, "/Documents/up.bin") == DATA
