"""Contents for which there is no room, and what is left of those that did not come whole."""

import errno

import pytest

from cozysync.disk import STAGING
from tests.unit.sync.desks import put, sitting

pytestmark = pytest.mark.usefixtures("autojump_clock")


async def test_what_finds_no_room_is_named_and_lets_smaller_ones_by(tmp_path):
    with sitting(tmp_path) as (desk, person, _):
        desk.write(b"large", b"x" * 900)
        desk.write(b"small", b"y")
        desk.files.room = 100
        await desk.place()
        assert person.lstat(b"large") is None
        assert person.open(b"small").read() == b"y"
        (noted,) = desk.placing.obstacles.noted
        assert noted.path == b"large"
        assert "no room for it: it has 900 bytes" in noted.reason
        desk.files.room = 10_000
        await desk.place()
        assert person.open(b"large").read() == b"x" * 900


async def test_what_did_not_come_whole_does_not_fill_the_disk(tmp_path):
    with sitting(tmp_path) as (desk, person, before):
        desk.write(b"a", b"x" * 900)

        def fill(deed, *_):
            if deed == "write":
                raise OSError(errno.ENOSPC, "No space left on device")

        before.deed = fill
        with pytest.raises(OSError, match="No space"):
            await desk.place()
        assert list(person.listing(STAGING)) == []
        before.deed = lambda *_: None
        await desk.place()
        assert person.open(b"a").read() == b"x" * 900


@pytest.mark.parametrize("name", [b"", b".", b"..", b"a/b", b"/a", b"a\0", b".cozysync"])
async def test_a_name_that_leads_elsewhere_has_no_place(tmp_path, name):
    """Entries and snapshots with such names are refused as they are read; this is the last door."""
    with sitting(tmp_path) as (desk, _, before):
        changes = []
        before.deed = lambda deed, *paths: changes.append((deed, *paths))
        desk.create_at(desk.folder, name, b"evil")
        desk.create_at(desk.folder, b"beside", b"good")
        await desk.place()
        public = [path for _, *paths in changes for path in paths if not path.startswith(STAGING)]
        assert set(public) <= {b"beside", b""}
        assert desk.index.find(b"beside") is not None


async def test_a_chunk_is_taken_from_this_disk_only_when_it_is_still_there(tmp_path):
    with sitting(tmp_path) as (desk, person, _):
        data = b"x" * 100
        chunk = desk.ledger.keys.chunk_id(data)
        parts = [(chunk, len(data))]
        find = desk.placing._staging._downloader.find
        assert find(desk.disk, b"a", {chunk: 0}, parts) == {}
        put(person, b"a", data)
        assert find(desk.disk, b"a", {chunk: 0}, parts) == {chunk: data}
        person.overwrite(b"a", b"y" * 100)
        assert find(desk.disk, b"a", {chunk: 0}, parts) == {}
