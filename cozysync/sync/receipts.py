"""What the server said it took of this device's entries, beside what it shows of them.

An entry that was taken stands in the log where the server said. Where it does not, the server has
lost it (a backup was brought back), or never kept it; then it is sent again. A server that takes
one entry again and again, and does not show it, is no accident: others wait for it in vain.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from cozysync.replica import Outbox
from cozysync_protocol import DeviceId, ForkDetected, LogState, Position
from cozysync_protocol import Sequence as EntrySequence

MOST_SENT_AGAIN = 3


class Receipts:
    """The positions in one outbox. Changes belong into the caller's transaction."""

    def __init__(self, outbox: Outbox, device: DeviceId) -> None:
        self._outbox = outbox
        self._device = device
        self._again: Counter[EntrySequence] = Counter()

    def note(self, sent: Sequence[EntrySequence], positions: Sequence[Position]) -> None:
        """The server said that it took these entries, at these positions."""
        for sequence, position in zip(sent, positions, strict=True):
            self._outbox.acknowledge(sequence, position)

    def seen(self, sequence: EntrySequence, position: Position) -> None:
        """An entry of this device stands in the log."""
        self._outbox.acknowledge(sequence, position)
        self._again.pop(sequence, None)

    def compare(self, state: LogState) -> bool:
        """Send again what was taken no later than this and is not there; whether there is any.

        Raises `ForkDetected` when that happened too often to one entry.
        """
        known = state.devices.get(self._device)
        there = known.sequence if known is not None else EntrySequence(0)
        return self._count(self._outbox.reopen_missing(state.position, there))

    def reopen(self, after: Position) -> bool:
        """Send again what was taken behind a position, where the log ends; whether there is any.

        Raises as `compare`.
        """
        return self._count(self._outbox.reopen(after))

    def _count(self, sequences: Iterable[EntrySequence]) -> bool:
        self._again.update(sequences)
        for sequence in sequences:
            if self._again[sequence] > MOST_SENT_AGAIN:
                self._again.clear()  # whoever tries again after the alarm begins anew
                raise ForkDetected(
                    f"it took entry {sequence} of this device again and again, and does not show it"
                )
        return bool(sequences)
