"""How the server says no."""

from cozysync_protocol import ErrorCode, Problem, ProtocolError


class Refusal(Exception):
    """A request that is answered with a problem report. The text names no secret."""

    def __init__(self, code: ErrorCode, detail: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(detail)
        self.problem = Problem(code, detail)
        self.retry_after_s = retry_after_s


class ServerError(Exception):
    """The server cannot start or go on; `remedy` says what its owner can do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


def refusal_of(error: ProtocolError) -> Refusal:
    """The refusal that a broken rule of the protocol is answered with."""
    return Refusal(error.code, str(error))
