"""Portions lose nothing, keep the order, and stay within their bounds."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from cozysync.sync.portions import portions

SIZES = st.lists(st.integers(0, 20))


@given(SIZES, st.integers(0, 30), st.none() | st.integers(1, 5))
def test_every_item_comes_once_in_order_and_no_bound_is_passed(sizes, most_bytes, most):
    items = list(enumerate(sizes))
    found = list(portions(items, lambda item: item[1], most_bytes, most))
    assert [item for some in found for item in some] == items
    for some in found:
        assert some
        assert len(some) == 1 or sum(size for _, size in some) <= most_bytes
        assert most is None or len(some) <= most


@given(SIZES, st.integers(0, 30))
def test_a_portion_ends_only_where_the_next_item_does_not_fit(sizes, most_bytes):
    found = list(portions(sizes, lambda size: size, most_bytes))
    for some, following in itertools.pairwise(found):
        assert sum(some) + following[0] > most_bytes
