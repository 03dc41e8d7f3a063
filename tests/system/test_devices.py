"""Devices that are listed, renamed, revoked, and come in again."""

import json
import os

import pytest

from bench.processes import pair
from tests.system.terminal import Terminal
from tests.system.test_recovery import new_vault, told
from tests.system.world import World, tree

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("world"), "ann", "bob")
    try:
        world.bind()
        yield world
    finally:
        world.close()


def listed(device, *more):
    lines = device.run("devices", "list", "--json", *more).stdout.splitlines()
    return {each["name"]: each for each in map(json.loads, lines)}


def test_a_device_that_is_revoked_with_unsent_changes_is_told_so_and_comes_in_again(world):
    ann, bob = world.devices
    (ann.folder / "shared").write_text("one")
    world.settle()
    ann.run("devices", "rename", "bob", "Bob's laptop")
    bob.settle()
    assert listed(bob)["Bob's laptop"]["this"]

    bob.stop()
    large = os.urandom(200_000)
    (bob.folder / "unsent").write_text("what bob wrote on the train")
    (bob.folder / "unsent, large").write_bytes(large)
    ann.run("devices", "revoke", "Bob's laptop", "--yes")
    (ann.folder / "later").write_text("not for the old bob")
    ann.settle()
    assert set(listed(ann)) == {"ann"}
    assert listed(ann, "--all")["Bob's laptop"]["revoked"]

    for _ in range(2):  # after a restart, too
        bob.start()
        assert bob.run("wait", check=False).returncode == 3
        shown = bob.run("status", check=False)
        assert shown.returncode == 3
        assert "says that this device was revoked" in shown.stdout
        assert "cozysync leave" in shown.stdout
        bob.stop()
    assert (bob.folder / "unsent").read_text() == "what bob wrote on the train"
    assert (bob.folder / "unsent, large").read_bytes() == large
    assert (bob.folder / "shared").read_text() == "one"
    assert not (bob.folder / "later").exists()

    bob.run("leave", "--yes")
    assert bob.run("status", check=False).returncode == 2
    pair(ann, bob)
    bob.start()
    bob.bind()
    shown = world.settle()
    assert shown[b"unsent"][0] == b"what bob wrote on the train"
    assert shown[b"unsent, large"][0] == large
    assert shown[b"later"][0] == b"not for the old bob"
    assert shown[b"shared"][0] == b"one"
    assert not [name for name in shown if b"conflict" in name]
    assert set(listed(ann)) == {"ann", "bob"}


def test_names_and_revocations_that_cannot_be(world):
    ann, _ = world.devices
    for arguments, code, say in (
        (("rename", "nobody", "x"), 2, "No device"),
        (("rename", "bob", "ann"), 2, "called «ann» already"),
        (("rename", "bob", "two\nlines"), 2, "no control characters"),
        (("revoke", "nobody", "--yes"), 2, "No device"),
    ):
        done = ann.run("devices", *arguments, check=False)
        assert (done.returncode, say in done.stderr) == (code, True), done


def test_the_last_device_goes_only_with_the_phrase_and_the_phrase_brings_the_next(tmp_path, world):
    home = tmp_path / "home"
    phrase = new_vault(world.server, home, "only")["phrase"]
    assert told(home, "", "start").returncode == 0
    try:
        refused = told(home, "abandon " * 23 + "art", "devices", "revoke", "only", "--yes")
        assert refused.returncode == 1
        assert "not the recovery phrase of this vault" in refused.stderr
        done = told(home, phrase, "devices", "revoke", "only", "--yes")
        assert done.returncode == 0, done.stderr
    finally:
        told(home, "", "stop")
    new = tmp_path / "new"
    done = told(new, phrase, "recover", "--server", world.server.url, "--json")
    assert json.loads(done.stdout)["others"] == []


def test_a_vault_of_several_epochs_comes_back_from_the_phrase(tmp_path, world):
    ann_home, folder = tmp_path / "ann", tmp_path / "work"
    phrase = new_vault(world.server, ann_home)["phrase"]
    folder.mkdir()
    told(ann_home, "", "start")
    new = tmp_path / "new"
    try:
        told(ann_home, "", "folder", "add", folder, "--as", "work")
        (folder / "first").write_text("under the first epoch")
        assert told(ann_home, "", "wait").returncode == 0
        recovered = told(new, phrase, "recover", "--server", world.server.url, "--device", "bob")
        assert recovered.returncode == 0
        assert told(ann_home, "", "wait").returncode == 0
        assert told(ann_home, "", "devices", "revoke", "bob", "--yes").returncode == 0
        (folder / "second").write_text("under the second epoch " * 1000)
        assert told(ann_home, "", "wait").returncode == 0
    finally:
        told(ann_home, "", "stop")
    third, there = tmp_path / "third", tmp_path / "there"
    assert told(third, phrase, "recover", "--server", world.server.url).returncode == 0
    told(third, "", "start")
    try:
        there.mkdir()
        told(third, "", "folder", "add", there, "--as", "work")
        assert told(third, "", "wait").returncode == 0
        assert tree(there) == tree(folder)
    finally:
        told(third, "", "stop")


def test_a_pairing_at_a_terminal_shows_a_picture_and_can_be_withdrawn(world):
    person = Terminal(world.devices[0].home, "pair")
    person.expect(r"cozysync join \S+-\S+-\S+-\S+")
    person.expect("█▀▀▀|▄▄▄▄▄ █")
    person.expect("Waiting")
    person.interrupt()
    person.expect("withdrawn")
    assert person.ended() != 0
