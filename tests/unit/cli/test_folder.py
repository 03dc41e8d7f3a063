"""`cozysync folder add` on a device whose daemon does not run."""

import pytest

from cozysync.cli.folder import add_folder
from cozysync.sync.bindings import FolderRefused
from cozysync.sync.home import Home
from cozysync.vault import DeviceKeys, RootKeys, Secrets, create_vault, new_phrase, save_secrets


@pytest.fixture
def home(tmp_path):
    device = DeviceKeys.generate()
    created = create_vault(RootKeys.from_phrase(new_phrase()), device, "ann")
    home = Home.at(tmp_path / "home")
    home.prepare()
    save_secrets(home.secrets_file, Secrets(device, created.keys))
    return home


def test_a_directory_that_is_missing_is_made(home, tmp_path):
    add_folder(home, tmp_path / "new", None)
    assert (tmp_path / "new").is_dir()


def test_nothing_is_made_below_a_directory_that_is_missing_too(home, tmp_path):
    with pytest.raises(FolderRefused):
        add_folder(home, tmp_path / "not mounted" / "new", None)
    assert not (tmp_path / "not mounted").exists()
