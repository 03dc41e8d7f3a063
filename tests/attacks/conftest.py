import pytest
import trio

from tests.attacks.flips import FIGURES
from tests.attacks.hostile import scene
from tests.suites.canaries import CANARIES


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Nobody here waits for what a hostile server made up."""
    monkeypatch.setattr("cozysync.sync.pull.ASK_AGAIN_S", 0.2)


@pytest.fixture(scope="session")
def told(tmp_path_factory):
    """A small vault and its log, as an honest server kept it: ann's files, and bob enrolled."""
    root = tmp_path_factory.mktemp("told")

    async def tell():
        async with scene(root, "ann", "bob", begin=False) as stage:
            ann = stage.members[0]
            ann.hands.mkdir("letters")
            for name, text in CANARIES.items():
                ann.hands.write(f"letters/{name}", text)
            await ann.settle()
            ann.hands.write("second", "one more entry")
            await ann.settle()
            ann.hands.delete("second")
            await ann.settle()
            stage.log = stage.frames()
            stage.tree = ann.hands.texts()
            await ann.stop()
            return stage

    return trio.run(tell)


def pytest_terminal_summary(terminalreporter):
    """What was measured: the figures of docs/THREATS.md."""
    for name, figure in sorted(FIGURES.items()):
        terminalreporter.write_line(f"{name}: {figure:,}")
