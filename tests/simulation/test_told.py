"""What was authored is on this disk for good, or a power cut would look like a person's deed."""

import pytest

from cozysync.disk import ASIDE, PRIVATE, STAGING, TRASH, Findings
from cozysync.vault import DeviceKeys, RootKeys, create_vault, new_phrase
from tests.simulation.desk import Clock, Desk
from tests.suites.memory_disk import FileSystem, MemoryDisk


@pytest.mark.usefixtures("autojump_clock")
@pytest.mark.parametrize("deed", ["create", "edit", "delete", "rename", "make a directory"])
async def test_a_power_cut_after_authoring_takes_nothing_back(deed, tmp_path):
    device = DeviceKeys.generate()
    keys = device, create_vault(RootKeys.from_phrase(new_phrase()), device, "ann").keys
    clock = Clock()
    files = FileSystem(clock)
    person = MemoryDisk(files, "ann")
    for path in (PRIVATE, STAGING, ASIDE, TRASH):
        person.mkdir(path)
    with person.create(b"there") as file:
        file.write(b"there from the beginning")
    desk = Desk(tmp_path / "live.db", files, keys, clock)
    try:
        await desk.intake.take()
        files.sync()
        match deed:
            case "create":
                with person.create(b"new") as file:
                    file.write(b"new")
            case "edit":
                person.overwrite(b"there", b"edited")
            case "delete":
                person.unlink(b"there")
            case "rename":
                person.rename(b"there", b"elsewhere")
            case _:
                person.mkdir(b"directory")
        told = desk.replica.outbox.count()
        desk.intake.mark(None)
        await desk.intake.take()
        assert desk.replica.outbox.count() > told
        lost = {node: files.saved(node) for node in files.dirty}
        files.come_back([], {node: saved for node, saved in lost.items() if saved is not None})
        assert desk.scan() == Findings()
    finally:
        desk.close()
