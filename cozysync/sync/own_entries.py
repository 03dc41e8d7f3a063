"""This device's own chain of entries: each signed, naming the one before, kept in the outbox.

An entry names every pack in which a chunk lies that its contents need, whether it tells where or
an earlier one did: from then on nobody dooms such a pack without having seen the entry.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from cozysync.content import decode_recipe
from cozysync.replica import SealedBody, decode_body, encode_body
from cozysync.sync.replica import Replica
from cozysync.vault import DeviceKeys, VaultKeys
from cozysync_conflict import Action, Batch, Write
from cozysync_protocol import (
    MAX_ENTRY_PACKS,
    NO_ENTRY,
    ChunkId,
    Entry,
    EntryHash,
    EntryHeader,
    EntryKind,
    LogState,
    Malformed,
    PackId,
    PacksDoomed,
    decode_control,
    decode_entry,
    encode_entry,
    entry_hash,
    sign_entry,
)
from cozysync_protocol import Sequence as EntrySequence

_ALL = 1 << 62


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

    def seal(self, body: SealedBody, needed: Iterable[PackId] = ()) -> None:
        """An entry with this body, which names the packs that it tells of and those `needed`."""
        named = sorted({*needed, *(location.pack for location in body.chunks)})
        while len(named) > MAX_ENTRY_PACKS:
            told = {location.pack for location in body.chunks}
            rest = [pack for pack in named if pack not in told][:MAX_ENTRY_PACKS]
            self._seal(SealedBody(Batch(body.batch.device, body.batch.context, ())), rest)
            named = sorted(set(named) - set(rest))
        self._seal(body, named)

    def control(self, body: bytes) -> EntrySequence:
        """A control entry; returns its sequence."""
        header = self._header(EntryKind.CONTROL, ())
        self._send(sign_entry(header, body, self._device.sign))
        return header.sequence

    def needed(self, actions: Sequence[Action], chunks: Iterable[ChunkId]) -> set[PackId]:
        """The packs in which the chunks lie that the contents of these actions need.

        `chunks` are those that their author knows of; of a long content the recipe itself tells
        only where the list of its chunks is.
        """
        wanted = set(chunks)
        for action in actions:
            if isinstance(action, Write) and action.content.detail:
                with suppress(Malformed):  # as a hostile device wrote it, and a conflict copies it
                    recipe = decode_recipe(action.content.detail)
                    wanted.update(chunk for chunk, _ in (*recipe.chunks, *recipe.lists))
        index = self._replica.chunks
        return {place.pack for place in index.locate(index.known(wanted)).values()}

    def write_again(self, missing: set[PackId], *, dooms: bool) -> bool:
        """Sign unsent entries anew, from the first on that the server cannot take.

        That is one that names a pack in `missing`, or, with `dooms`, one that dooms packs. They say
        the same as before, but name no missing pack, tell of no place in one, and doom nothing.
        The entries before it stay as they are, for they may be on their way. Whether there was any.
        """

        def is_refused(entry: Entry) -> bool:
            return not missing.isdisjoint(entry.header.packs) or (dooms and _dooms(entry))

        known = self._state().devices.get(self._device.id)
        logged = known.sequence if known is not None else 0  # others have read those
        pending = self._replica.outbox.pending(_ALL)
        entries = [decode_entry(entry) for sequence, entry in pending if sequence > logged]
        first = next((n for n, entry in enumerate(entries) if is_refused(entry)), len(entries))
        if first < len(entries):
            self._replica.outbox.take_back(entries[first].header.sequence)
        for entry in entries[first:]:
            self._again(entry, missing, dooms=dooms)
        return first < len(entries)

    def _again(self, entry: Entry, missing: set[PackId], *, dooms: bool) -> None:
        if entry.header.kind is EntryKind.SEALED:
            body = decode_body(self._keys().open_entry(entry))
            chunks = tuple(place for place in body.chunks if place.pack not in missing)
            named = [pack for pack in entry.header.packs if pack not in missing]
            self._seal(replace(body, chunks=chunks), named)
        elif dooms and _dooms(entry):
            # Something must bear its number: others may wait for those that follow.
            nothing = Batch(self._device.id, self._replica.tree.vector(), ())
            self._seal(SealedBody(nothing), ())
        else:
            self.control(entry.body)

    def _seal(self, body: SealedBody, packs: Iterable[PackId]) -> None:
        header = self._header(EntryKind.SEALED, packs)
        sealed = self._keys().seal_entry(header, encode_body(body))
        self._send(sign_entry(header, sealed, self._device.sign))

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
            packs=tuple(packs),
            kind=kind,
        )

    def _last(self, state: LogState) -> tuple[int, EntryHash]:
        """Sequence and hash of this device's newest entry, sent or not."""
        last = self._replica.outbox.last()
        logged = state.devices.get(self._device.id)
        if last is not None and (logged is None or last[0] >= logged.sequence):
            return last[0], entry_hash(last[1])
        return (logged.sequence, logged.last) if logged is not None else (0, NO_ENTRY)


def _dooms(entry: Entry) -> bool:
    return entry.header.kind is EntryKind.CONTROL and isinstance(
        decode_control(entry.body), PacksDoomed
    )
