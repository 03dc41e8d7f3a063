"""A desk of its own: the parts of an engine that keep one folder, and a person in it."""

from contextlib import contextmanager

from cozysync.disk import ASIDE, PRIVATE, STAGING, TRASH
from cozysync.vault import DeviceKeys, RootKeys, create_vault, new_phrase
from tests.simulation.desk import Clock, Desk
from tests.suites.memory_disk import FileSystem, MemoryDisk


class Call:
    """What is to happen before each call of the disk; nothing at first."""

    def __init__(self):
        self.deed = lambda deed, *paths: None

    def __call__(self, deed, *paths):
        self.deed(deed, *paths)


@contextmanager
def sitting(tmp_path, now=None):
    """A desk, a person's disk, and what happens before the desk's calls."""
    now = now or Clock()
    device = DeviceKeys.generate()
    keys = device, create_vault(RootKeys.from_phrase(new_phrase()), device, "ann").keys
    files = FileSystem(now)
    person, before = MemoryDisk(files, "ann"), Call()
    for path in (PRIVATE, STAGING, ASIDE, TRASH):
        person.mkdir(path)
    desk = Desk(tmp_path / "live.db", files, keys, now, before)
    try:
        yield desk, person, before
    finally:
        desk.close()


def put(person, path, data):
    with person.create(path) as file:
        file.write(data)
