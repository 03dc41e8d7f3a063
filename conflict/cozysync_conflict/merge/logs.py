"""Merging files that only ever grow at their end: logs and shell histories."""


def merge_log(base: bytes | None, earlier: bytes, later: bytes) -> bytes | None:
    """What was there, what the one added, and what the other added; None if it was no adding."""
    start = base or b""
    if not earlier.startswith(start) or not later.startswith(start):
        return None
    if any(text and not text.endswith(b"\n") for text in (start, earlier)):
        return None
    if b"\0" in earlier or b"\0" in later:
        return None
    return earlier + later[len(start) :]
