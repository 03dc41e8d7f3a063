"""Recipes: what a content's detail says, and what it may not say."""

import random

import pytest

from cozysync.content import (
    INLINE_BELOW,
    MAX_LIST_CHUNKS,
    Recipe,
    decode_recipe,
    expand,
    list_pieces,
    recipe_digest,
)
from cozysync.vault import VaultKeys
from cozysync_protocol import MAX_CHUNK, ChunkId, Epoch, Malformed, VaultId, encode


@pytest.fixture
def keys():
    return VaultKeys(VaultId(b"v" * 16), {Epoch(1): b"1" * 32})


def parts(count, seed=3):
    source = random.Random(seed)
    return tuple((ChunkId(source.randbytes(32)), source.randint(1, 700_000)) for _ in range(count))


def recipe_of(chunks):
    return Recipe(sum(length for _, length in chunks), 5, chunks=chunks)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(0, 0, inline=b""),
        Recipe(4, -1, inline=b"text"),
        Recipe(INLINE_BELOW - 1, 2**62, inline=bytes(INLINE_BELOW - 1)),
        Recipe(0, 1),
        recipe_of(parts(1)),
        recipe_of(parts(4096)),
        Recipe(10**13, 1, lists=parts(3)),
    ],
)
def test_a_recipe_is_read_back_as_it_was(recipe):
    assert decode_recipe(recipe.encode()) == recipe


ID = b"i" * 32


@pytest.mark.parametrize(
    "fields",
    [
        [2, 0, 4, 0, b"text", []],
        [1, 3, 4, 0, b"text", []],
        [1, 0, 5, 0, b"text", []],
        [1, 0, 4, 0, b"text", [4]],
        [1, 0, INLINE_BELOW, 0, bytes(INLINE_BELOW), []],
        [1, 1, 4, 0, ID, [5]],
        [1, 1, 0, 0, ID, [0]],
        [1, 1, 4, 0, ID[1:], [4]],
        [1, 1, 4, 0, ID + ID, [4]],
        [1, 1, 4, 0, ID, [4, 0]],
        [1, 1, MAX_CHUNK + 1, 0, ID, [MAX_CHUNK + 1]],
        [1, 1, 1, 0, ID, [True]],
        [1, 1, 3, 0, ID + ID, [4, -1]],
        [1, 1, -4, 0, ID, [-4]],
        [1, 1, 4, 0, ID, ["4"]],
        [1, 1, 4, 0, "text", [4]],
        [1, 1, 4, None, ID, [4]],
        [1, 1, 4, 0, ID, [[4]]],
        [1, 2, 4, 0, b"", []],
        [1, 2, 4, 0, ID, [0]],
        [1, 1, 4, 0, ID],
        [1, 1, MAX_LIST_CHUNKS + 1, 0, ID * (MAX_LIST_CHUNKS + 1), [1] * (MAX_LIST_CHUNKS + 1)],
        [],
        "text",
    ],
)
def test_a_recipe_that_cannot_be_is_refused(fields):
    with pytest.raises(Malformed):
        decode_recipe(encode(fields))


def test_a_recipe_with_bytes_after_it_or_cut_short_is_refused():
    data = recipe_of(parts(2)).encode()
    for wrong in (data + b"\0", data[:-1], b""):
        with pytest.raises(Malformed):
            decode_recipe(wrong)


def written(keys, chunks):
    """A long list as a recipe, and the chunks that hold it."""
    pieces = {keys.chunk_id(piece): piece for piece in list_pieces(chunks)}
    lists = tuple((chunk, len(piece)) for chunk, piece in pieces.items())
    return Recipe(sum(length for _, length in chunks), 5, lists=lists), pieces


def test_a_long_list_comes_back_from_its_chunks(keys):
    chunks = parts(40_000)
    recipe, pieces = written(keys, chunks)
    assert len(recipe.encode()) < 10_000
    assert 2 < len(pieces) < 40
    expanded = expand(decode_recipe(recipe.encode()), pieces.__getitem__)
    assert expanded.chunks == chunks
    assert expanded == recipe_of(chunks)


def test_a_listed_recipe_expands_to_itself():
    recipe = recipe_of(parts(3))
    assert expand(recipe, {}.__getitem__) is recipe


def test_an_insertion_into_a_huge_file_changes_few_chunks_of_its_list():
    before = parts(40_000)
    after = (*before[:20_000], *parts(1, seed=4), *before[20_000:])
    assert len(set(list_pieces(after)) - set(list_pieces(before))) <= 2


def test_no_piece_of_a_list_is_too_large_to_be_a_chunk():
    same = (ChunkId(b"\xff" * 32), 1)
    pieces = list_pieces([same] * 70_000)
    assert max(map(len, pieces)) <= 1 << 20
    assert sum(map(len, pieces)) == 70_000 * 36


def test_a_list_that_does_not_add_up_is_refused(keys):
    recipe, pieces = written(keys, parts(9000))
    wrong = Recipe(recipe.size - 1, 5, lists=recipe.lists)
    with pytest.raises(Malformed, match="add up"):
        expand(wrong, pieces.__getitem__)
    with pytest.raises(Malformed, match="add up"):
        expand(Recipe(recipe.size, 5, lists=recipe.lists[:-1]), pieces.__getitem__)


def test_a_piece_that_is_cut_or_not_whole_rows_is_refused(keys):
    recipe, pieces = written(keys, parts(10))
    chunk, length = recipe.lists[0]
    for rows, told in ((pieces[chunk][:-1], length), (pieces[chunk][:-1], length - 1)):
        with pytest.raises(Malformed, match="wrong size"):
            expand(Recipe(recipe.size, 5, lists=((chunk, told),)), {chunk: rows}.__getitem__)


def test_the_time_of_a_file_is_no_part_of_its_digest(keys):
    chunks = parts(3)
    digests = {recipe_digest(keys, Recipe(0, time, chunks=chunks)) for time in (1, 2)}
    assert len(digests) == 1
    swapped = Recipe(0, 1, chunks=(chunks[1], chunks[0], chunks[2]))
    assert recipe_digest(keys, swapped) not in digests


def test_an_inline_content_has_the_digest_of_its_one_chunk(keys):
    one_chunk = Recipe(4, 1, chunks=((keys.chunk_id(b"text"), 4),))
    assert recipe_digest(keys, Recipe(4, 1, inline=b"text")) == recipe_digest(keys, one_chunk)
