from pathlib import Path

from cozysync.replica import (
    SETTINGS_SCHEMA,
    Database,
    FolderRow,
    Folders,
    FolderState,
    Settings,
)
from cozysync_conflict import NodeId

NODE = NodeId(bytes([1]) * 16)


def test_values_are_remembered_and_replaced() -> None:
    settings = Settings(Database.in_memory([SETTINGS_SCHEMA]))
    assert settings.get("clock") is None
    settings.set("clock", b"1")
    settings.set("clock", b"2")
    assert settings.get("clock") == b"2"


def test_integers_of_any_size_are_remembered() -> None:
    settings = Settings(Database.in_memory([SETTINGS_SCHEMA]))
    assert settings.get_int("counter", 7) == 7
    settings.set_int("counter", -(1 << 80))
    assert settings.get_int("counter") == -(1 << 80)


def test_folders_are_listed_by_path_changed_and_forgotten() -> None:
    folders = Folders(Database.in_memory([SETTINGS_SCHEMA]))
    photos, notes = FolderRow(Path("/b/photos"), "photos", NODE), FolderRow(Path("/a"), "notes")
    folders.put(photos)
    folders.put(notes)
    assert folders.list() == [notes, photos]
    paused = FolderRow(photos.path, photos.name, NODE, FolderState.PAUSED)
    folders.put(paused)
    assert folders.get(photos.path) == paused
    assert folders.remove(photos.path)
    assert not folders.remove(photos.path)
    assert folders.list() == [notes]


def test_a_path_that_is_no_text_survives() -> None:
    folders = Folders(Database.in_memory([SETTINGS_SCHEMA]))
    path = Path("/home/\udcff\udcfe")
    folders.put(FolderRow(path, "odd"))
    assert folders.list() == [FolderRow(path, "odd")]
