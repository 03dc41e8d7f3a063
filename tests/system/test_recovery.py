"""The recovery phrase: shown safely, checked, and enough to bring everything back."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.processes import Server
from tests.system.terminal import Terminal, phrase_in
from tests.system.world import COMMAND, Device, run, tree

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server") / "data")
    server.start()
    yield server
    server.end()


def told(home, words, *arguments):
    """The command's result with these words on its standard input."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env=os.environ | {"COZYSYNC_HOME": str(home)},
        input=words,
        capture_output=True,
        text=True,
        timeout=120,
    )


def new_vault(server, home, name="ann"):
    init = ["init", "--server", server.url, "--invite", server.invite(), "--device", name]
    return json.loads(run(home, *init, "--json").stdout)


def fill(folder):
    (folder / "docs" / "deep").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "docs" / "deep" / "letter.txt").write_text("dear all")
    (folder / "docs" / "nothing").touch()
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("docs/deep/letter.txt")
    (folder / "photo").write_bytes(os.urandom(3_000_000))
    for n in range(50):
        (folder / f"ü{n}").write_text(f"{n} " * n)


def test_with_all_devices_gone_the_phrase_and_the_server_bring_everything_back(tmp_path, server):
    ann = Device(tmp_path, "ann")
    phrase = new_vault(server, ann.home)["phrase"]
    ann.start()
    ann.bind()
    fill(ann.folder)
    assert ann.settle()["in_sync"]
    (ann.folder / "docs" / "deep" / "letter.txt").write_text("dear all, once more")
    assert ann.settle()["in_sync"]
    before = tree(ann.folder)
    ann.stop()
    shutil.rmtree(ann.home)
    shutil.rmtree(ann.folder)

    new = Device(tmp_path, "new")
    (new.folder / "was here").write_text("and stays")
    done = told(new.home, phrase.upper(), "recover", "--server", server.url, "--device", "ann")
    assert done.returncode == 0, done.stderr
    assert "«ann 2»" in done.stdout
    new.start()
    try:
        new.bind()
        assert new.settle()["in_sync"]
        assert tree(new.folder) == before | {b"was here": (b"and stays", False)}
        (new.folder / "after").write_text("the recovered device writes")
        assert new.settle()["in_sync"]
        names = {each["name"]: each["this"] for each in new.status()["devices"]}
        assert names == {"ann": False, "ann 2": True}
    finally:
        new.stop()
        new.kill()


def test_a_kill_after_the_vault_is_made_does_not_lose_the_phrase(tmp_path, server):
    home = tmp_path / "home"
    init = ["init", "--server", server.url, "--invite", server.invite(), "--json"]
    cut = [sys.executable, Path(__file__).with_name("cut.py"), *init]
    done = subprocess.run(
        cut,
        env=os.environ | {"COZYSYNC_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == -9
    assert not (home / "secrets").exists()
    made = json.loads(done.stdout)
    recovered = told(home, made["phrase"], "recover", "--server", server.url, "--json")
    assert recovered.returncode == 0, recovered.stderr
    assert json.loads(recovered.stdout)["vault"] == made["vault"]


def test_a_recovery_that_was_killed_is_done_again(tmp_path, server):
    phrase = new_vault(server, tmp_path / "lost")["phrase"]
    home = tmp_path / "home"
    cut = [sys.executable, Path(__file__).with_name("cut.py"), "recover", "--server", server.url]
    killed = subprocess.run(
        cut, env=os.environ | {"COZYSYNC_HOME": str(home)}, input=phrase, text=True
    )
    assert killed.returncode == -9
    again = told(home, phrase, "recover", "--server", server.url, "--device", "new", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["device"] == "new"


def test_a_phrase_that_is_mistyped_or_of_another_vault_recovers_nothing(tmp_path, server):
    home = tmp_path / "home"
    made = new_vault(server, tmp_path / "ann")
    words = made["phrase"].split()
    recover = ["recover", "--server", server.url]
    for typed, code, say in (
        (" ".join(words[:23]), 2, "23 words"),
        (" ".join([*words[:4], "xyzzyx", *words[5:]]), 2, "word 5 is not in the list"),
        ("abandon " * 23 + "art", 2, "has no vault that this recovery phrase belongs to"),
    ):
        done = told(home, typed, *recover)
        assert (done.returncode, say in done.stderr) == (code, True), done
        assert not (home / "secrets").exists()
        assert not [word for word in words if f" {word} " in done.stderr and len(word) > 5]
    assert told(tmp_path / "ann", made["phrase"], *recover).returncode == 2


def test_a_written_phrase_is_compared_with_the_vault(tmp_path, server):
    home = tmp_path / "ann"
    words = new_vault(server, home)["phrase"].split()
    assert (home / "phrase-unchecked").exists()
    wrong = [*words[:6], "zoo" if words[6] != "zoo" else "zone", *words[7:]]
    swapped = [words[1], words[0], *words[2:]]
    for typed, say in ((wrong, "word 7 is another"), (swapped, "words 1 and 2 changed places")):
        done = told(home, " ".join(typed), "phrase", "check")
        assert (done.returncode, say in done.stderr) == (1, True), done
        assert (home / "phrase-unchecked").exists()
    done = told(home, " ".join(words), "phrase", "check")
    assert done.returncode == 0, done.stderr
    assert not (home / "phrase-unchecked").exists()


def test_a_person_is_asked_some_words_back_before_the_vault_is_made(tmp_path, server):
    home, invitation = tmp_path / "home", server.invite()
    init = ["init", "--server", server.url, "--invite", invitation, "--device", "ann"]
    person = Terminal(home, *init)
    person.expect(r"from your paper")
    person.interrupt()
    assert person.ended() != 0
    assert not (home / "secrets").exists()
    person = Terminal(home, *init)  # the invitation is still good: nothing was made
    person.expect(r"from your paper")
    words = phrase_in(person.shown).split()
    for nth in range(3):
        number = int(person.expect(r"word (\d+): ")[1])
        if nth == 0:
            person.type("zzz")
            person.expect(rf"not word {number}")
            person.expect(rf"word {number}: ")
        person.type(words[number - 1][:4])
    person.expect("Next: ")
    assert person.ended() == 0
    assert (home / "secrets").exists()
    assert not (home / "phrase-unchecked").exists()


def test_a_person_who_recovers_is_helped_with_a_misspelt_word(tmp_path, server):
    made = new_vault(server, tmp_path / "ann")
    words = made["phrase"].split()
    person = Terminal(tmp_path / "home", "recover", "--server", server.url, "--device", "new")
    person.expect("word 1: ")
    person.type(" ".join(words[:3]) + " ladderr wrong")
    assert "«ladder»" in person.expect(r"Word 4 is not in the list.*")[0]
    person.expect("word 4: ")
    person.type(" ".join([*words[3:23], "zoo" if words[23] != "zoo" else "zone"]))
    person.expect("do not fit")
    person.expect("word 1: ")
    person.type(made["phrase"])
    person.expect("This device is in, as «new»")
    assert person.ended() == 0


def test_a_daemon_starts_only_with_the_passphrase_and_shows_it_nowhere(tmp_path, server):
    home, secret = tmp_path / "home", "correct horse battery staple"
    new_vault(server, home)
    before = (home / "secrets").read_bytes()
    done = told(home, f"{secret}\n", "passphrase", "set", "--passphrase-fd", "0")
    assert done.returncode == 0, done.stderr
    assert (home / "secrets").read_bytes() != before
    nobody = told(home, "", "start")
    assert (nobody.returncode, "under a passphrase" in nobody.stderr) == (1, True), nobody
    wrong = told(home, "wrong horse\n", "start", "--passphrase-fd", "0")
    assert (wrong.returncode, "does not open" in wrong.stderr) == (1, True), wrong
    person = Terminal(home, "start")
    person.expect("Passphrase of this device's keys: ")
    person.type(secret)
    person.expect("is at work")
    assert person.ended() == 0
    assert secret not in person.shown
    try:
        status = json.loads(told(home, "", "status", "--json").stdout)
        assert status["keys"] == "passphrase"
        process = Path("/proc") / str(status["daemon"]["pid"])
        for where in ("cmdline", "environ"):
            assert secret.encode() not in (process / where).read_bytes()
        busy = told(home, f"{secret}\n", "passphrase", "remove", "--passphrase-fd", "0")
        assert (busy.returncode, "already at work" in busy.stderr) == (1, True), busy
    finally:
        told(home, "", "stop")
    for path in home.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path
    done = told(home, f"{secret}\n", "passphrase", "remove", "--passphrase-fd", "0")
    assert done.returncode == 0, done.stderr
    assert told(home, "", "start").returncode == 0
    told(home, "", "stop")


def test_a_doctor_finds_nothing_wrong_and_then_what_is(tmp_path, server):
    home = tmp_path / "home"
    phrase = new_vault(server, home)["phrase"]
    told(home, "", "start")
    try:
        seen = told(home, "", "doctor")
        assert seen.returncode == 0, seen.stdout
        assert "cozysync phrase check" in seen.stdout
        told(home, phrase, "phrase", "check")
        lines = told(home, "", "doctor", "--json").stdout.splitlines()
        assert {each["grade"] for each in map(json.loads, lines)} == {"fine"}
    finally:
        told(home, "", "stop")
    home.chmod(0o755)
    ill = told(home, "", "doctor")
    assert ill.returncode == 3
    assert "chmod 700" in ill.stdout
    assert "cozysync start" in ill.stdout
