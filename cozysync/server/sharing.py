"""One answer for all who ask the same at the same moment.

An entry wakes every reader of its vault: were each to look it up alone, two hundred of them would
stand in the way of whoever writes next.
"""

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import anyio

T = TypeVar("T")


@dataclass(slots=True)
class _Place(Generic[T]):
    lock: anyio.Lock = field(default_factory=anyio.Lock)
    answer: T | None = None
    askers: int = 0


class Shared(Generic[T]):
    """Answers that are forgotten as soon as nobody waits for them any more."""

    def __init__(self) -> None:
        self._places: dict[Hashable, _Place[T]] = {}

    async def get(self, question: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """What `ask` says to this question; asked by the first, and anew if that one is gone."""
        place = self._places.setdefault(question, _Place())
        place.askers += 1
        try:
            async with place.lock:
                if place.answer is None:
                    place.answer = await ask()
                return place.answer
        finally:
            place.askers -= 1
            if not place.askers:
                del self._places[question]
