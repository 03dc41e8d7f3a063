"""Mailboxes: where two devices that pair leave each other a few sealed messages.

A mailbox is a number, given out for ten minutes. Each side may write a few messages and read the
other's; nobody else knows the number for long, and what is said is sealed end to end.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import anyio

from cozysync.server.failures import Refusal
from cozysync_protocol import (
    MAILBOX_SECONDS,
    MAX_MAILBOX_MESSAGE,
    MAX_MAILBOX_MESSAGES,
    ErrorCode,
    VaultId,
)

MOST_MAILBOXES = 1000
"""Mailboxes open at once: 256 MiB of messages at the worst, and numbers stay short."""

SIDES = ("offer", "join")


@dataclass(slots=True)
class _Box:
    owner: VaultId
    expires: float
    messages: dict[tuple[str, int], bytes] = field(default_factory=dict)
    news: anyio.Event = field(default_factory=anyio.Event)


class Mailboxes:
    """All open mailboxes of this process."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._boxes: dict[int, _Box] = {}

    def open(self, owner: VaultId) -> int:
        """A new mailbox's number: the lowest that is free."""
        self._expire()
        if len(self._boxes) >= MOST_MAILBOXES:
            raise Refusal(ErrorCode.TOO_MANY, "too many devices are pairing just now")
        number = next(n for n in range(1, MOST_MAILBOXES + 1) if n not in self._boxes)
        self._boxes[number] = _Box(owner, self._now_s() + MAILBOX_SECONDS)
        return number

    def put(self, number: int, side: str, index: int, message: bytes) -> None:
        """Leave a side's message; each place takes one message, once."""
        box = self._box(number)
        if len(message) > MAX_MAILBOX_MESSAGE or not 0 <= index < MAX_MAILBOX_MESSAGES:
            raise Refusal(ErrorCode.TOO_LARGE, "a message that a mailbox does not take")
        if box.messages.setdefault((side, index), message) != message:
            raise Refusal(ErrorCode.CONFLICT, "this message was left already")
        box.news.set()
        box.news = anyio.Event()

    async def get(self, number: int, side: str, index: int, wait_s: float) -> bytes | None:
        """A side's message, waited for so many seconds; None when it did not come."""
        with anyio.move_on_after(wait_s):
            while True:
                box = self._box(number)
                message = box.messages.get((side, index))
                if message is not None:
                    return message
                await box.news.wait()
        return None

    def close(self, number: int, owner: VaultId) -> None:
        """Throw a mailbox away; another vault's stays, as if there were none."""
        box = self._boxes.get(number)
        if box is not None and box.owner == owner:
            self._throw_away(number)

    def _throw_away(self, number: int) -> None:
        self._boxes.pop(number).news.set()

    def _box(self, number: int) -> _Box:
        self._expire()
        box = self._boxes.get(number)
        if box is None:
            raise Refusal(ErrorCode.NOT_FOUND, "no such mailbox; it may have expired")
        return box

    def _expire(self) -> None:
        now = self._now_s()
        for number in [n for n, box in self._boxes.items() if box.expires <= now]:
            self._throw_away(number)
