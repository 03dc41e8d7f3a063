"""What the headers of the server's answers say, read with care."""

import httpx

from cozysync.sync.remote import Unreachable
from cozysync_protocol import HeadHash, Position

# What a server may ask for by Retry-After.
LONGEST_REST_S = 60.0

_END, _HEAD = "cozysync-end", "cozysync-head"


def end_of(response: httpx.Response) -> Position:
    """The log's last position; raises `Unreachable`."""
    end = response.headers.get(_END, "")
    if not (end.isascii() and end.isdigit() and len(end) < 20):
        raise Unreachable(str(response.url.host), "it does not answer as a cozysync server does")
    return Position(int(end))


def head_of(response: httpx.Response) -> HeadHash:
    """The head there; raises `Unreachable`."""
    try:
        head = bytes.fromhex(response.headers.get(_HEAD, ""))
    except ValueError:
        head = b""
    if len(head) != 32:
        raise Unreachable(str(response.url.host), "it does not answer as a cozysync server does")
    return HeadHash(head)


def retry_after(response: httpx.Response) -> float:
    """For how long the server asks to be left alone; no longer than a person would."""
    asked = response.headers.get("retry-after", "")
    if not (asked.isascii() and asked.isdigit() and len(asked) < 9):
        return 0
    return min(float(asked), LONGEST_REST_S)
