"""Many things, a portion at a time: neither memory nor anybody's wait grows with their number."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def portions(
    items: Iterable[T], size: Callable[[T], int], most_bytes: int, most: int | None = None
) -> Iterator[list[T]]:
    """The items in order, of at most so many bytes and so many of them at a time.

    One that is larger than `most_bytes` is a portion of its own.
    """
    some: list[T] = []
    held = 0
    for item in items:
        own = size(item)
        if some and (held + own > most_bytes or len(some) == most):
            yield some
            some, held = [], 0
        some.append(item)
        held += own
    if some:
        yield some
