"""Files as programs really write them, for every format that is merged by type."""

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "samples"
NAMES = sorted(path.name for path in FOLDER.iterdir())


def sample(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def edited(data: bytes, *changes: tuple[str, str]) -> bytes:
    """The file with these replacements, each of which must apply exactly once."""
    for old, new in changes:
        assert data.count(old.encode()) == 1, old
        data = data.replace(old.encode(), new.encode())
    return data
