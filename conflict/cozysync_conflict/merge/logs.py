"""Merging files to which lines are only ever added: logs and shell histories.

What both added at one place stands there one after the other, the earlier first. Mostly that is the
end; a log that was merged before, and written to on, has additions in between as well.
"""

from merge3 import Merge3

from cozysync_conflict.merge.text import MOST_LINES


def merge_log(base: bytes | None, earlier: bytes, later: bytes) -> bytes | None:
    """What was there, and what both added; None if it was no adding."""
    start = base or b""
    if any(text and not text.endswith(b"\n") for text in (start, earlier, later)):
        return None
    if b"\0" in earlier or b"\0" in later:
        return None
    if earlier.startswith(start) and later.startswith(start):
        return earlier + later[len(start) :]
    return _merged_inside(*(text.splitlines(True) for text in (start, earlier, later)))


def _merged_inside(base: list[bytes], earlier: list[bytes], later: list[bytes]) -> bytes | None:
    if max(len(base), len(earlier), len(later)) > MOST_LINES:
        return None
    merged: list[bytes] = []
    for region in Merge3(base, earlier, later).merge_regions():
        match region[0]:
            case "unchanged":
                merged += base[region[1] : region[2]]
            case "a" | "same":
                merged += earlier[region[1] : region[2]]
            case "b":
                merged += later[region[1] : region[2]]
            case _ if region[1] == region[2]:  # nothing of the base: both added here
                merged += earlier[region[3] : region[4]] + later[region[5] : region[6]]
            case _:
                return None
    return b"".join(merged)
