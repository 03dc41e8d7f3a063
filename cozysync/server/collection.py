"""What the server deletes, and when: log below the snapshot, doomed packs, packs of nobody.

Only devices know what lives, so the server deletes nothing of its own judgement: entries below a
snapshot that a device made, packs that a device doomed, and packs that no entry ever named. For
the first two it waits until every *active* device has read past the snapshot or the doom; a
device that has not come for long does not hold it up, and starts from the snapshot when it
comes. For packs there is a *grace period* besides, and for those of nobody it counts only while
all active devices come: whoever cannot reach the server cannot name what it has sent. A device
whose entry comes too late hears so (`unknown-pack`, `horizon`) and mends it from what it holds.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cozysync.server.marks import Reader
from cozysync.server.packs import Packs
from cozysync.server.store import SqliteStore
from cozysync_protocol import ACTIVE_DAYS, GRACE_DAYS, DeviceId, LogState, PackId, VaultId

DAY_S = 86_400
# Looking costs a listing of all packs: at least once an hour, and not without pause.
LONGEST_PAUSE_S, SHORTEST_PAUSE_S = 3600.0, 1.0


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long the server waits, in seconds."""

    grace_s: float = GRACE_DAYS * DAY_S
    active_s: float = ACTIVE_DAYS * DAY_S

    @property
    def pause_s(self) -> float:
        """How long to wait between two looks: what a short period held is gone soon after it."""
        return min(max(self.grace_s, SHORTEST_PAUSE_S), LONGEST_PAUSE_S)


def reached(
    state: LogState, readers: Mapping[DeviceId, Reader], now_s: float, active_s: float
) -> int:
    """The position that every active device has read; the log's end when none is active."""
    positions = [
        max(reader.position, state.devices[device].seen)
        for device, reader in _active(state, readers, now_s - active_s)
    ]
    return min(positions, default=state.position)


def _active(
    state: LogState, readers: Mapping[DeviceId, Reader], since_s: float
) -> Iterator[tuple[DeviceId, Reader]]:
    for device, reader in readers.items():
        known = state.devices.get(device)
        if known is not None and not known.revoked and reader.came >= since_s:
            yield device, reader


class Collection:
    """Deletes what may be deleted. Calls block and are the store's, one at a time."""

    def __init__(self, store: SqliteStore, packs: Packs, keeping: Keeping) -> None:
        self._store = store
        self._packs = packs
        self._keeping = keeping

    def all_were_here(self, vault: VaultId, now_s: float) -> float:
        """The time up to which all active devices have come; now when there is none."""
        state = self._store.state(vault)
        if state is None:
            return now_s
        readers = self._store.marks.readers(vault)
        active = _active(state, readers, now_s - self._keeping.active_s)
        return min((reader.came for _, reader in active), default=now_s)

    def collect(self, vault: VaultId, now_s: float, orphans_until_s: float | None = None) -> int:
        """Delete of one vault what may go at this time; returns how many packs that were.

        The grace of packs of nobody is over when it was at `orphans_until_s`. Looking for them
        lists all packs (not with None); the rest costs nothing. A kill in the midst loses nothing:
        a pack goes before its note, which then is found again.
        """
        self._store.note_readers()
        state = self._store.state(vault)
        if state is None:
            return 0
        readers = self._store.marks.readers(vault)
        past = reached(state, readers, now_s, self._keeping.active_s)
        self._store.snapshots.truncate(vault, past)
        before = now_s - self._keeping.grace_s
        doomed = self._store.marks.due(vault, past, before)
        for pack in doomed:
            self._packs.delete(vault, pack)
        self._store.forget_packs(vault, doomed)
        lost: list[PackId] = []
        if orphans_until_s is not None:
            lost = self._orphans(vault, min(now_s, orphans_until_s) - self._keeping.grace_s)
        for pack in lost:
            self._packs.delete(vault, pack)
        return len(doomed) + len(lost)

    def _orphans(self, vault: VaultId, before: float) -> list[PackId]:
        """Packs that came before a time, that no entry names and no current snapshot needs."""
        old = [pack for pack, came in self._packs.all(vault) if came <= before]
        named = {*self._store.marks.named(vault, old), *self._store.snapshots.packs(vault)}
        return [pack for pack in old if pack not in named]
