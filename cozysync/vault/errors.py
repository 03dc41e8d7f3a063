"""The one tree of errors that a person may meet.

Every error says what happened, to which path, and what to do about it, and carries the exit
code that the command line ends with. Parts derive their own from `CozyError`; nothing else
reaches a person.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """The registry of exit codes; scripts lean on it, so numbers are never reused."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    ATTENTION = 3
    NOT_RUNNING = 4
    UNREACHABLE = 5


class CozyError(Exception):
    """Something went wrong that a person can understand and mend.

    `message` says what happened and to which path; `remedy` says what to do next and is
    never empty. Neither may carry a secret.
    """

    exit_code = ExitCode.FAILED

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}"
