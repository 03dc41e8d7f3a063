"""When a scan says that a great deal has vanished: hold it, and ask.

An unmounted disk, an emptied folder or a runaway script looks just like a person deleting
everything; the difference is whether somebody meant it.
"""

from dataclasses import dataclass

# Below this many entries a folder may be emptied without a question: bringing so few back from
# history is less trouble than being asked.
ASK_FROM_ENTRIES = 50


@dataclass(frozen=True, slots=True)
class Guard:
    """Holds deletions that take more than `share` (0 to 1) of a folder's entries at once."""

    share: float

    def holds(self, vanishing: int, known: int) -> bool:
        """Whether a person must approve that `vanishing` of `known` entries are deleted."""
        return vanishing >= ASK_FROM_ENTRIES and vanishing > known * self.share
