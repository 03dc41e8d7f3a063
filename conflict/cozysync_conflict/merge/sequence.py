"""Merging two ordered lists of things that know each other again: the heart of typed merges.

Every thing of the base has, on each side, stayed, changed or gone. What stayed on one side takes
what the other says; a change is stronger than going away; two different changes are brought
together by the caller. What came on a side stands behind whatever it stood behind there.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


class Unsure(Exception):
    """Two changes meet, and nothing says which of them is right."""


@dataclass(frozen=True, slots=True)
class Traits(Generic[T]):
    """What there is to know of the things in a list.

    `key` names a thing within its list. One without (None) is known again by being the same, and
    else by being of the same `kind` (None: never). `both(base, earlier, later)` brings two changes
    together, the base being None for things that came on both sides; it may raise `Unsure`.
    """

    key: Callable[[T], Hashable | None]
    kind: Callable[[T], Hashable | None]
    same: Callable[[T], Hashable]
    both: Callable[[T | None, T, T], T]


def merge_sequences(
    traits: Traits[T], base: Sequence[T], earlier: Sequence[T], later: Sequence[T]
) -> list[T]:
    """The merged list; raises `Unsure`."""
    # Lists that were made apart are kept in order by what they have in common.
    base = base or _common(traits, earlier, later)
    one, other = _matched(traits, base, earlier), _matched(traits, base, later)
    kept: dict[int, T] = {}
    for n, item in enumerate(base):
        decided = _decided(traits, item, _at(earlier, one.get(n)), _at(later, other.get(n)))
        if decided is not None:
            kept[n] = decided
    blocks = _Blocks(_blocks(earlier, one, kept), _blocks(later, other, kept))
    blocks.join_twins(traits)
    merged: list[T] = []
    for n in (-1, *_order(_ranks(one), _ranks(other), list(kept))):
        if n >= 0:
            merged.append(kept[n])
        merged += blocks.behind(n, traits)
    return merged


def _common(traits: Traits[T], earlier: Sequence[T], later: Sequence[T]) -> list[T]:
    there = {traits.same(item) for item in later}
    return [item for item in earlier if traits.same(item) in there]


def _at(side: Sequence[T], place: int | None) -> T | None:
    return side[place] if place is not None else None


def _decided(traits: Traits[T], base: T, one: T | None, other: T | None) -> T | None:
    """What becomes of a thing of the base, None when it goes."""
    was = traits.same(base)
    if one is None or other is None:
        left = one if one is not None else other
        return left if left is not None and traits.same(left) != was else None
    if traits.same(one) in (was, traits.same(other)):
        return other if traits.same(other) != was else base
    return one if traits.same(other) == was else traits.both(base, one, other)


def _matched(traits: Traits[T], base: Sequence[T], side: Sequence[T]) -> dict[int, int]:
    """Place in the base → place on the side, for the things that are known again."""
    match: dict[int, int] = {}
    taken: set[int] = set()

    def nameless(by: Callable[[T], Hashable | None]) -> Callable[[T], Hashable | None]:
        return lambda item: by(item) if traits.key(item) is None else None

    for name in (traits.key, nameless(traits.same), nameless(traits.kind)):
        places: dict[Hashable, list[int]] = {}
        for at, item in enumerate(side):
            if at not in taken and name(item) is not None:
                places.setdefault(name(item), []).append(at)
        for n, item in enumerate(base):
            if n not in match and places.get(name(item)):
                match[n] = places[name(item)].pop(0)
                taken.add(match[n])
    return match


# --- order -------------------------------------------------------------------------------------


def _ranks(match: Mapping[int, int]) -> list[int]:
    """The things of the base that a side still has, in the side's order."""
    return sorted(match, key=match.__getitem__)


def _order(one: list[int], other: list[int], kept: list[int]) -> list[int]:
    """The kept things as the side has them that put them in another order, the later if both.

    Those that this side has no more stand behind the one they followed in the base.
    """
    moved = next((ranks for ranks in (other, one) if ranks != sorted(ranks)), None)
    if moved is None:
        return kept
    there = set(kept)
    order = [n for n in moved if n in there]
    for n in sorted(there - set(order)):
        before = max((m for m in order if m < n), default=None)
        order.insert(order.index(before) + 1 if before is not None else 0, n)
    return order


# --- what came ---------------------------------------------------------------------------------

Blocks = dict[int, list[T]]
"""Place in the base (-1: the start) → what a side added behind it."""


def _blocks(side: Sequence[T], match: Mapping[int, int], kept: Mapping[int, T]) -> Blocks[T]:
    back = {at: n for n, at in match.items()}
    anchor = -1
    blocks: Blocks[T] = {}
    for at, item in enumerate(side):
        if at not in back:
            blocks.setdefault(anchor, []).append(item)
        elif back[at] in kept:
            anchor = back[at]
    return blocks


class _Blocks(Generic[T]):
    """What came on either side."""

    def __init__(self, earlier: Blocks[T], later: Blocks[T]) -> None:
        self._earlier = earlier
        self._later = later

    def join_twins(self, traits: Traits[T]) -> None:
        """What came on both sides comes once, where the earlier side has it."""
        places: dict[Hashable, list[tuple[int, int]]] = {}
        for anchor, items in self._earlier.items():
            for at, item in enumerate(items):
                places.setdefault(_twin_name(traits, item), []).append((anchor, at))
        for anchor, items in self._later.items():
            rest: list[T] = []
            for item in items:
                found = places.get(_twin_name(traits, item))
                if not found:
                    rest.append(item)
                    continue
                there, at = found.pop(0)
                twin = self._earlier[there][at]
                if traits.same(twin) != traits.same(item):
                    self._earlier[there][at] = traits.both(None, twin, item)
            self._later[anchor] = rest

    def behind(self, n: int, traits: Traits[T]) -> list[T]:
        """What stands behind a place, in an order that does not depend on who was first."""
        runs = [self._earlier.get(n, []), self._later.get(n, [])]
        runs.sort(key=lambda run: repr([traits.same(item) for item in run]))
        return runs[0] + runs[1]


def _twin_name(traits: Traits[T], item: T) -> Hashable:
    key = traits.key(item)
    return ("key", key) if key is not None else ("same", traits.same(item))
