"""What Radicale does not pass on to its storage: who asks, and what was known before a write."""

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from cozysync.gateway.blocking import BlockingView
from cozysync.gateway.errors import ViewError
from cozysync.gateway.phones import Phone
from cozysync.gateway.view import Outcome


@dataclass
class Asking:
    """One request. `preconditions` are the headers that say what the phone knew."""

    view: BlockingView
    phone: Phone
    body: bytes
    preconditions: dict[str, Any] = field(default_factory=dict)
    outcome: Outcome | None = None


NOW: ContextVar[Asking] = ContextVar("NOW")
"""The request that this thread answers."""


class Told(BaseException):
    """What the view did not do, on its way past Radicale, which would take it for a failure.

    Radicale turns every `Exception` into a 500 and a trace in the log; this is neither.
    """

    def __init__(self, error: ViewError) -> None:
        super().__init__(error.message)
        self.error = error
