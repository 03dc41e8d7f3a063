"""What must not be believed of a folder while it is looked at."""

import errno

import pytest
import trio

from cozysync.content import Ingested, inline_content
from cozysync.disk import Findings, RootState, new_row
from cozysync.sync.intake import VANISH_S
from cozysync.sync.observe import Job
from cozysync_conflict import ROOT, Kind, Move
from cozysync_protocol import ChunkId
from tests.unit.sync.desks import put, sitting

pytestmark = pytest.mark.usefixtures("autojump_clock")


async def test_a_folder_that_goes_while_it_is_looked_at_deletes_nothing(tmp_path):
    with sitting(tmp_path) as (desk, person, before):
        for name in (b"a", b"b"):
            put(person, name, name)
        await desk.intake.take()
        ground, there = desk.intake._footing._ground, RootState.OK

        def go(deed, *_):
            nonlocal there
            if deed == "listing" and there is RootState.OK:
                person.unlink(b"a")
                person.unlink(b"b")
                there = RootState.ABSENT

        ground.check = lambda *_: there
        before.deed = go
        desk.intake.mark(None)
        await desk.intake.take()
        assert desk.node(b"a")
        assert desk.node(b"b")
        assert desk.intake.looks_at_all, "what went may be there again"


async def test_a_file_that_is_edited_while_it_is_read_is_left_for_the_next_look(tmp_path):
    with sitting(tmp_path) as (desk, person, before):
        put(person, b"a", b"as it was")

        def edit(deed, *_):
            if deed == "read":
                before.deed = lambda *_: None
                person.overwrite(b"a", b"edited meanwhile")

        before.deed = edit
        job = Job(b"a", desk.folder, b"a", Kind.FILE, None, 9)
        assert await desk.uploader.run(desk.disk, [job], lambda _: False) == []
        assert [path for path, _ in desk.uploader.moved] == [b"a"]
        await desk.intake.take()
        assert desk.data(desk.node(b"a")) == b"edited meanwhile"


async def test_a_content_whose_pack_was_given_up_meanwhile_is_not_told(tmp_path):
    """Others would be told of chunks that lie nowhere."""
    with sitting(tmp_path) as (desk, person, _):
        put(person, b"a", b"text")
        stat = person.lstat(b"a")
        job = Job(b"a", desk.folder, b"a", Kind.FILE, None, stat.size)
        row = new_row(desk.folder, desk.folder, b"a", stat)
        content = inline_content(desk.ledger.keys, b"text", stat.mtime_ns)
        gone = Ingested(content, (ChunkId(b"c" * 32),))
        told = desk.replica.outbox.count()
        assert desk.intake._observer.contents([(job, row, gone)]) == {b"a"}
        assert desk.replica.outbox.count() == told
        assert desk.index.at(desk.folder, b"a") is None


@pytest.mark.parametrize("everything", [True, False])
async def test_what_cannot_be_listed_has_not_vanished(tmp_path, everything):
    with sitting(tmp_path) as (desk, person, before):
        person.mkdir(b"d")
        put(person, b"d/a", b"text")
        await desk.intake.take()

        def refuse(deed, *paths):
            if (deed, *paths) == ("listing", b"d"):
                raise PermissionError(13, "Permission denied")

        before.deed = refuse
        desk.intake.mark(None if everything else [b"d"])
        await desk.intake.take()
        assert desk.node(b"d/a")
        assert [each.path for each in desk.intake.troubles()] == [b"d"]
        before.deed = lambda *_: None
        desk.intake.mark([b"d"])
        await desk.intake.take()
        assert desk.intake.troubles() == []
        assert desk.scan() == Findings()
        assert desk.replica.tree.named(ROOT, b"work")


async def test_who_saves_by_taking_the_old_one_away_first_has_edited(tmp_path):
    """A look in between finds nothing there; a moment later it would be another file."""
    with sitting(tmp_path) as (desk, person, _):
        put(person, b"a", b"old")
        await desk.intake.take()
        node = desk.node(b"a")
        person.unlink(b"a")

        async def save():
            await trio.sleep(VANISH_S / 2)
            put(person, b"a", b"new")

        desk.intake.mark([b""])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(save)
            await desk.intake.take()
        assert desk.node(b"a") == node
        assert desk.data(node) == b"new"


async def test_what_was_undone_is_not_remembered(tmp_path):
    """A transaction that failed leaves nothing in what is kept of the tree beside it."""
    with sitting(tmp_path) as (desk, person, _):
        put(person, b"a", b"text")
        await desk.intake.take()
        node, device = desk.node(b"a"), desk.ledger.device.id
        said = desk.replica.tree.vector().seen(device)

        def fail():
            with desk.replica.database.transaction():
                desk.ledger.author([Move(node, desk.folder, b"b")])
                raise OSError

        with pytest.raises(OSError):
            await desk.ledger.do(fail)
        assert desk.replica.tree.get(node).name == b"a"
        assert desk.replica.tree.vector().seen(device) == said, (
            "its next operations would have gaps"
        )
        assert not desk.replica.tree.named(desk.folder, b"b")
        await desk.ledger.do(lambda: desk.author(Move(node, desk.folder, b"c")))
        assert desk.node(b"c") == node


async def test_where_to_look_is_not_forgotten_when_the_disk_fails_meanwhile(tmp_path):
    with sitting(tmp_path) as (desk, person, before):
        person.mkdir(b"d")
        put(person, b"d/a", b"old")
        await desk.intake.take()
        person.overwrite(b"d/a", b"edited")

        def fail(deed, *_):
            if deed == "lstat":
                before.deed = lambda *_: None
                raise OSError(errno.EIO, "Input/output error")

        before.deed = fail
        desk.intake.mark([b"d"])
        with pytest.raises(OSError, match="Input/output"):
            await desk.intake.take()
        await desk.intake.take()
        assert desk.data(desk.node(b"d/a")) == b"edited"
