"""This device's own chain of entries: each signed, naming the one before, kept in the outbox."""

from collections.abc import Callable, Iterable

from cozysync.replica import SealedBody, encode_body
from cozysync.sync.replica import Replica
from cozysync.vault import DeviceKeys, VaultKeys
from cozysync_protocol import (
    NO_ENTRY,
    Entry,
    EntryHash,
    EntryHeader,
    EntryKind,
    LogState,
    PackId,
    encode_entry,
    entry_hash,
    sign_entry,
)
from cozysync_protocol import Sequence as EntrySequence


class OwnEntries:
    """Writes entries; inside the caller's transaction."""

    def __init__(
        self,
        replica: Replica,
        device: DeviceKeys,
        keys: Callable[[], VaultKeys],
        state: Callable[[], LogState],
    ) -> None:
        self._replica = replica
        self._device = device
        self._keys = keys
        self._state = state

    def seal(self, body: SealedBody) -> None:
        """An entry with this body, which names the packs that it tells of."""
        header = self._header(EntryKind.SEALED, {location.pack for location in body.chunks})
        sealed = self._keys().seal_entry(header, encode_body(body))
        self._send(sign_entry(header, sealed, self._device.sign))

    def control(self, body: bytes) -> EntrySequence:
        """A control entry; returns its sequence."""
        header = self._header(EntryKind.CONTROL, ())
        self._send(sign_entry(header, body, self._device.sign))
        return header.sequence

    def _send(self, entry: Entry) -> None:
        self._replica.outbox.add(entry.header.sequence, encode_entry(entry))

    def _header(self, kind: EntryKind, packs: Iterable[PackId]) -> EntryHeader:
        state = self._state()
        sequence, previous = self._last(state)
        return EntryHeader(
            vault=state.vault,
            device=self._device.id,
            sequence=EntrySequence(sequence + 1),
            previous=previous,
            seen_position=state.position,
            seen_head=state.head,
            epoch=self._keys().current,
            packs=tuple(sorted(packs)),
            kind=kind,
        )

    def _last(self, state: LogState) -> tuple[int, EntryHash]:
        """Sequence and hash of this device's newest entry, sent or not."""
        last = self._replica.outbox.last()
        logged = state.devices.get(self._device.id)
        if last is not None and (logged is None or last[0] >= logged.sequence):
            return last[0], entry_hash(last[1])
        return (logged.sequence, logged.last) if logged is not None else (0, NO_ENTRY)
