"""Directories with keys in them: this user's, and nobody else's."""

import os
import stat

import pytest

from cozysync.sync.home import Home
from cozysync.sync.privacy import NotPrivate, make_private
from tests.system.other_user import NOBODY, only_as_root

TELL = "Do this."


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_directory_that_is_missing_is_made_for_its_owner_only(tmp_path):
    make_private(tmp_path / "a" / "b", TELL)
    assert mode(tmp_path / "a" / "b") == 0o700


@pytest.mark.parametrize("before", [0o755, 0o777, 0o750, 0o2770, 0o701])
def test_one_that_is_open_is_closed_and_what_is_in_it_stays(tmp_path, before):
    (tmp_path / "secret").write_text("in there")
    tmp_path.chmod(before)
    make_private(tmp_path, TELL)
    assert mode(tmp_path) & 0o777 == 0o700
    assert (tmp_path / "secret").read_text() == "in there"


def test_one_that_is_more_closed_stays_so(tmp_path):
    (tmp_path / "d").mkdir(mode=0o500)
    make_private(tmp_path / "d", TELL)
    assert mode(tmp_path / "d") == 0o500


def test_one_that_is_for_everybody_is_refused_and_left_alone(tmp_path):
    tmp_path.chmod(0o1777)
    with pytest.raises(NotPrivate, match="for everybody") as caught:
        make_private(tmp_path, TELL)
    assert caught.value.remedy == TELL
    assert mode(tmp_path) == 0o1777


@only_as_root
def test_somebody_elses_is_refused(tmp_path):
    (tmp_path / "d").mkdir(mode=0o700)
    os.chown(tmp_path / "d", NOBODY, NOBODY)
    with pytest.raises(NotPrivate, match="another user"):
        make_private(tmp_path / "d", TELL)


@only_as_root
def test_a_link_that_somebody_else_has_laid_is_refused(tmp_path):
    (tmp_path / "d").mkdir(mode=0o755)
    (tmp_path / "link").symlink_to("d")
    os.lchown(tmp_path / "link", NOBODY, NOBODY)
    with pytest.raises(NotPrivate, match="another user"):
        make_private(tmp_path / "link", TELL)
    assert mode(tmp_path / "d") == 0o755


def test_a_file_system_without_such_rights_is_told(tmp_path, monkeypatch):
    tmp_path.chmod(0o755)
    monkeypatch.setattr(type(tmp_path), "chmod", lambda *_: None)
    with pytest.raises(NotPrivate, match="knows no owners"):
        make_private(tmp_path, TELL)


def test_the_whole_home_is_closed(tmp_path):
    home = Home(tmp_path / "data", tmp_path / "config", tmp_path / "logs")
    for each in (home.root, home.config_dir, home.log_dir):
        each.mkdir()
        each.chmod(0o755)
    home.prepare()
    assert {mode(each) for each in (home.root, home.config_dir, home.log_dir)} == {0o700}
