"""Where files are cut."""

import io
import random

import pytest

from cozysync.content import LARGE_FROM, WHOLE_UP_TO, WINDOW, chunker, chunks_of

MIB = 1024 * 1024
DATA = random.Random(1).randbytes(20 * MIB)


class Dribble(io.RawIOBase):
    """A file that gives less than it is asked for, as pipes and network file systems do."""

    def __init__(self, data, most):
        self._data = io.BytesIO(data)
        self._most = most

    def read(self, size=-1):
        return self._data.read(min(size, self._most))


def ends(chunks):
    found, at = [], 0
    for chunk in chunks:
        at += len(chunk)
        found.append(at)
    return found


def cut(data, size=None):
    return list(chunks_of(io.BytesIO(data), len(data) if size is None else size))


@pytest.mark.parametrize("size", [1, 1024, WHOLE_UP_TO - 1, WHOLE_UP_TO])
def test_a_small_file_is_one_chunk(size):
    assert cut(DATA[:size]) == [DATA[:size]]


def test_an_empty_file_has_no_chunk():
    assert cut(b"") == []


@pytest.mark.parametrize("size", [WHOLE_UP_TO + 1, MIB + 7, WINDOW - 1, WINDOW, WINDOW + 1])
def test_the_chunks_of_a_file_are_the_file(size):
    chunks = cut(DATA[:size])
    assert b"".join(chunks) == DATA[:size]
    assert max(map(len, chunks)) <= MIB


def test_chunks_are_of_the_size_they_should_be():
    sizes = [len(chunk) for chunk in cut(DATA)][:-1]
    assert min(sizes) >= 64 * 1024
    assert max(sizes) <= MIB
    assert 200 * 1024 <= sum(sizes) / len(sizes) <= 400 * 1024


def test_large_files_have_larger_chunks():
    sizes = [len(chunk) for chunk in cut(DATA, LARGE_FROM)][:-1]
    assert min(sizes) >= 128 * 1024
    assert max(sizes) <= 2 * MIB
    assert 400 * 1024 <= sum(sizes) / len(sizes) <= 800 * 1024


@pytest.mark.parametrize("window", [2 * MIB + 1, 3 * MIB, 5_000_001, 32 * MIB])
@pytest.mark.parametrize("size", [len(DATA), LARGE_FROM])
def test_the_cuts_do_not_depend_on_the_window(monkeypatch, window, size):
    expected = ends(cut(DATA, size))
    monkeypatch.setattr(chunker, "WINDOW", window)
    assert ends(cut(DATA, size)) == expected


def test_the_cuts_do_not_depend_on_how_the_file_is_read():
    dribbled = chunks_of(Dribble(DATA[: 9 * MIB], 77_777), 9 * MIB)
    assert ends(dribbled) == ends(cut(DATA[: 9 * MIB]))


@pytest.mark.parametrize("at", [0, 10 * MIB, len(DATA)])
def test_an_insertion_changes_only_the_chunks_around_it(at):
    before = cut(DATA)
    after = cut(DATA[:at] + b"\0" * 1024 + DATA[at:])
    assert len(set(after) - set(before)) <= 3
    assert sum(len(chunk) for chunk in set(after) - set(before)) <= 2 * MIB


def test_a_file_of_zeros_is_cut_into_equal_chunks():
    chunks = cut(bytes(5 * MIB))
    assert len(set(chunks[:-1])) == 1


@pytest.mark.parametrize("announced", [10, WHOLE_UP_TO + 1])
def test_a_file_that_grew_since_it_was_looked_at_is_read_to_its_end(announced):
    assert b"".join(cut(DATA[: 3 * MIB], announced)) == DATA[: 3 * MIB]


def test_a_file_that_shrank_since_is_read_to_its_end():
    assert b"".join(cut(DATA[:1000], 10 * MIB)) == DATA[:1000]


def test_no_more_than_one_window_is_read_ahead():
    file = io.BytesIO(DATA)
    taken = 0
    for chunk in chunks_of(file, len(DATA)):
        taken += len(chunk)
        assert file.tell() - taken <= WINDOW
