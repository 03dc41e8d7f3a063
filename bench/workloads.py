"""What is synced in the measurements: made from a seed, the same for every contestant.

W1 to W7 are the workloads of bench/README.md. Text is half of most things that people keep, so it
is half of ours: words from a small vocabulary, which compress as prose does.
"""

import os
import random
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything; `quick` is for trying the suite itself."""

    large_mib: int = 1024
    small_files: int = 10_000
    mixed_files: int = 2_000
    mixed_mib: int = 400
    single_files: int = 40

    @classmethod
    def quick(cls) -> "Sizes":
        """A twentieth, for a look."""
        return cls(large_mib=64, small_files=1_000, mixed_files=200, mixed_mib=40, single_files=10)


def large(path: Path, mib: int) -> None:
    """W1: one file of random bytes."""
    chance = random.Random(1)
    with path.open("wb") as file:
        for _ in range(mib):
            file.write(chance.randbytes(MIB))


def insert(source: Path, target: Path, piece: bytes) -> None:
    """W4: the source with a piece inserted in its middle."""
    half = source.stat().st_size // 2
    with source.open("rb") as old, target.open("wb") as new:
        while data := old.read(min(MIB, half - old.tell())):
            new.write(data)
        new.write(piece)
        while data := old.read(MIB):
            new.write(data)


def small(root: Path, files: int) -> None:
    """W2: text files of 1 to 8 KiB, twenty in a directory."""
    chance = random.Random(2)
    words = _vocabulary(chance)
    for n in range(files):
        directory = root / f"directory-{n // 20:04}"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"file-{n:06}.txt").write_bytes(_text(chance, words, _size(chance)))


def mixed(root: Path, files: int, mib: int) -> None:
    """W3: a home directory: sizes from a few bytes to many MiB, half text and half random."""
    chance = random.Random(3)
    words = _vocabulary(chance)
    weights = [chance.lognormvariate(0, 2) for _ in range(files)]
    unit = mib * MIB / sum(weights)
    for n, weight in enumerate(weights):
        directory = root / f"area-{n % 10}" / f"topic-{n % 130}"
        directory.mkdir(parents=True, exist_ok=True)
        size = int(weight * unit) + 1
        with (directory / f"document-{n:05}").open("wb") as file:
            for part in range(0, size, MIB):
                length = min(MIB, size - part)
                text = n % 2 == 0
                file.write(_text(chance, words, length) if text else chance.randbytes(length))


def _size(chance: random.Random) -> int:
    return chance.randint(1024, 8192)


def _vocabulary(chance: random.Random) -> list[bytes]:
    letters = b"etaoinshrdlucmfwypvbgkjqxz"
    return [bytes(chance.choices(letters, k=chance.randint(2, 10))) for _ in range(2_000)]


def _text(chance: random.Random, words: list[bytes], length: int) -> bytes:
    return b" ".join(chance.choices(words, k=length // 3))[:length]


def same(one: Path, other: Path) -> bool:
    """Whether two trees hold the same names and bytes."""
    return _listing(one) == _listing(other) and all(
        _same_bytes(one / name, other / name) for name in _listing(one)
    )


_OURS = {".cozysync", ".stfolder", ".stignore"}


def _listing(root: Path) -> set[str]:
    found = set()
    for directory, directories, files in os.walk(root):
        directories[:] = [name for name in directories if name not in _OURS]
        found |= {os.path.relpath(os.path.join(directory, name), root) for name in files}
    return found - _OURS


def _same_bytes(one: Path, other: Path) -> bool:
    with one.open("rb") as left, other.open("rb") as right:
        while True:
            a, b = left.read(4 * MIB), right.read(4 * MIB)
            if a != b:
                return False
            if not a:
                return True
