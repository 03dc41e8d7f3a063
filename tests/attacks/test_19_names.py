"""Row 19: whatever an enrolled device calls things, nothing is written outside the folder."""

import os

import pytest
import trio

from cozysync.content import inline_content
from cozysync_conflict import Create, Kind, Write
from tests.attacks.hostile import scene


async def author(member, parent, *names, kind=Kind.FILE, data=b"evil"):
    """Let a device say that these are in a directory; returns their nodes."""
    ledger = member.engine.ledger

    def work():
        actions, nodes = [], []
        for name in names:
            node = ledger.new_node(parent, name, kind)
            nodes.append(node)
            actions.append(Create(node, parent, name))
            if kind is not Kind.DIRECTORY:
                actions.append(Write(node, inline_content(ledger.keys, data, 0), ()))
        with ledger.replica.database.transaction():
            ledger.author(actions)
        return nodes

    return await ledger.do(work)


def everything(root):
    return {os.path.join(base, name) for base, _, names in os.walk(root) for name in names}


@pytest.mark.parametrize("name", [b"../up", b"/etc/evil", b"a/b", b"nul\0", b".", b"..", b""])
async def test_a_name_that_leads_elsewhere_is_refused_with_its_whole_entry(tmp_path, name):
    async with scene(tmp_path, "ann", "bob", real=True) as stage:
        ann, bob = stage.members
        await stage.settle()
        folder = ann.engine.replica.folders.list()[0].node
        before = everything(bob.folder)
        try:
            await author(ann, folder, b"beside", name)
        except ValueError:
            return  # not even its own device writes it
        with trio.fail_after(20):
            await bob.engine.alarms.until(standing=True)
        assert everything(bob.folder) == before


async def test_names_that_mean_something_elsewhere_stay_names(tmp_path):
    async with scene(tmp_path, "ann", "bob", real=True) as stage:
        ann, bob = stage.members
        await stage.settle()
        folder = ann.engine.replica.folders.list()[0].node
        names = [b"CON", b"back\\slash", b"new\nline", b"\x1b[2J", b"\xff\xfe", b"-rf", b"~"]
        await author(ann, folder, *names)
        await stage.settle()
        assert {name for name in bob.tree() if bob.tree()[name]} == set(names)
        assert not (tmp_path / "slash").exists()


async def test_the_private_directory_of_a_folder_is_nobody_elses_to_write(tmp_path):
    async with scene(tmp_path, "ann", "bob", real=True) as stage:
        ann, bob = stage.members
        await stage.settle()
        folder = ann.engine.replica.folders.list()[0].node
        marker = (bob.folder / ".cozysync" / "folder").read_bytes()
        (private,) = await author(ann, folder, b".cozysync", kind=Kind.DIRECTORY)
        await author(ann, private, b"folder", b"evil")
        (ann.folder / "after").write_text("x")
        with trio.move_on_after(5):
            await bob.engine.settle()
        assert (bob.folder / ".cozysync" / "folder").read_bytes() == marker
        assert not (bob.folder / ".cozysync" / "evil").exists()


async def test_nothing_is_written_through_a_link(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    async with scene(tmp_path, "ann", "bob", real=True) as stage:
        ann, bob = stage.members
        await stage.settle()
        folder = ann.engine.replica.folders.list()[0].node
        (inner,) = await author(ann, folder, b"inner", kind=Kind.DIRECTORY)
        await author(ann, folder, b"link", kind=Kind.LINK, data=os.fsencode(outside))
        await stage.settle()
        assert (bob.folder / "link").readlink() == outside
        # The directory becomes a link on bob's disk while a file for it is on its way.
        (bob.folder / "inner").rmdir()
        (bob.folder / "inner").symlink_to(outside)
        await author(ann, inner, b"through")
        with trio.move_on_after(10):
            await stage.settle()
        assert everything(outside) == set()
