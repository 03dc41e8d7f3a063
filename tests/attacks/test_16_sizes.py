"""Row 16: what the sizes of what is stored tell of the files behind them, measured.

The figures stand in the leak table of docs/THREATS.md, which is compared with them.
"""

import io
import math
import random
import re
from collections import Counter
from pathlib import Path

import pytest

from cozysync.content import Ingest
from cozysync.vault import DeviceKeys, RootKeys, create_vault, new_phrase
from cozysync_protocol import padded_size
from tests.attacks.flips import FIGURES

PAGE = Path(__file__).parents[2] / "docs" / "THREATS.md"
FILES = 200_000
TRIALS = 2000


def sizes(chance, count):
    """Sizes of files as people have them: log-normal, around 100 KiB, from 1 KiB to 1 GiB."""
    while count:
        size = int(math.exp(chance.gauss(math.log(100_000), 2.4)))
        if 1024 <= size < 1 << 30:
            count -= 1
            yield size


def bits(values):
    """Shannon's entropy of what is seen, in bits."""
    counts = Counter(values)
    total = sum(counts.values())
    return -sum(n / total * math.log2(n / total) for n in counts.values())


def lone_pack_of(keys, data):
    """The size of the one pack that a file goes up in when it goes up alone."""
    packs = []
    ingest = Ingest(keys, lambda _: set(), packs.append)
    ingest.file(io.BytesIO(data), len(data), 0)
    ingest.flush()
    return sum(len(pack.data) for pack in packs)


def is_told(name, measured):
    """Whether the leak table says just what was measured; the measured is printed in the end."""
    FIGURES[f"leak: {name}"] = measured
    said = re.search(rf"{name}[^|]*\|[^|]*?\*\*([\d.]+)", PAGE.read_text()).group(1)
    return float(said) == measured


def test_how_many_bits_a_lone_file_tells_by_its_size():
    found = list(sizes(random.Random(1), FILES))
    plain, padded = bits(found), bits(padded_size(size) for size in found)
    assert is_told("exact sizes, without padding", round(plain, 1))
    assert is_told("a file that goes up alone", round(padded, 1))


def test_padding_never_costs_more_than_it_says():
    worst = max(padded_size(size) / size - 1 for size in sizes(random.Random(2), 20_000))
    assert worst <= 0.12


def accuracy(guesses):
    return sum(guesses) / len(guesses)


@pytest.mark.parametrize("count", [2, 10, 100])
def test_how_often_a_known_file_is_told_by_the_size_of_what_goes_up_with_it(count):
    chance = random.Random(3)
    right = []
    for _ in range(TRIALS):
        others = sum(min(size, 1 << 20) for size in sizes(chance, count))
        known = 20_000
        there = chance.random() < 0.5
        seen = padded_size(others + known * there)
        # The attacker knows the others but for a tenth of one of them: an edit he did not see.
        blur = chance.randrange(10_000)
        nearer = abs(padded_size(others + known + blur) - seen) - abs(
            padded_size(others + blur) - seen
        )
        guess = nearer < 0 if nearer else chance.random() < 0.5
        right.append(guess == there)
    assert is_told(f"a known file of 20 kB with {count} others", round(100 * accuracy(right)))


def test_whether_a_file_is_there_already_shows_when_it_is_added_again():
    keys = create_vault(RootKeys.from_phrase(new_phrase()), DeviceKeys.generate(), "ann").keys
    data = random.Random(4).randbytes(50_000)
    assert lone_pack_of(keys, data) == padded_size(lone_pack_of(keys, data))
    known = keys.chunk_id(data)
    packs = []
    ingest = Ingest(keys, lambda chunks: set(chunks) & {known}, packs.append)
    ingest.file(io.BytesIO(data), len(data), 0)
    ingest.flush()
    assert packs == []  # nothing goes up: a certain answer, and so it stands in the table
    assert is_told("a file that is there already, added again", 100)
