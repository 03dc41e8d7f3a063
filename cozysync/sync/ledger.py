"""The one place where a device's replica changes: authoring and receiving.

Both are single transactions. *Authoring* stamps actions, applies them, resolves what they clash
with, seals them into signed entries and puts those into the outbox; the caller's own rows (the
disk index) change in the same transaction. *Receiving* verifies entries in log order, opens and
applies them, resolves, and authors what the resolver decided. So after any kill the replica,
the outbox and the index agree, and whatever was not committed happens again.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import trio

from cozysync.replica import MAX_CHUNKS, Opening, SealedBody, parts_of, split
from cozysync.replica.database import told
from cozysync.sync.conflict_names import conflict_label
from cozysync.sync.in_use import obey_doom
from cozysync.sync.merges import Merges
from cozysync.sync.opened import body_of
from cozysync.sync.own_entries import OwnEntries
from cozysync.sync.pin import Pin
from cozysync.sync.receipts import Receipts
from cozysync.sync.replica import Replica
from cozysync.sync.seams import Seams
from cozysync.sync.signal import Signal
from cozysync.vault import DeviceKeys, VaultKeys, secrets_for_device
from cozysync_conflict import (
    Action,
    Batch,
    Dot,
    HybridClock,
    NodeId,
    Operation,
    Stamp,
    apply,
    next_id,
    resolve,
)
from cozysync_conflict import Kind as NodeKind
from cozysync_protocol import (
    MAX_ENTRY_PACKS,
    ChunkId,
    ChunkLocation,
    Control,
    DeviceId,
    EntryKind,
    ForkDetected,
    LogFrame,
    LogState,
    NotAllowed,
    PackId,
    PacksDoomed,
    Position,
    advance,
    decode_control,
    decode_entry,
    hands_out_secrets,
)
from cozysync_protocol import Sequence as EntrySequence

T = TypeVar("T")

_SEALED = EntryKind.SEALED

# conflicts.md: a conflict settles in one extra round; needing more is a fault of the resolver.
RESOLVER_ROUNDS = 16

# Nodes to be settled that are remembered at most: some 10 MB.
UNSETTLED = 100_000

CLOCK = "clock"
"""The newest hybrid time, in the replica's settings."""

LOG_BYTES = "log_bytes"
"""How much log has been read since the replica was made, in the replica's settings."""


class Ledger:
    """The replica of one device, with the keys to write to it and to read the log.

    Every use goes through `do`, which runs one piece of work at a time away from the event
    loop. `author` and `receive` are such work.
    """

    def __init__(
        self,
        replica: Replica,
        device: DeviceKeys,
        keys: VaultKeys,
        seams: Seams,
        remember: Callable[[VaultKeys], None],
    ) -> None:
        self.replica = replica
        self.device = device
        self.keys = keys
        self.pin = Pin.load(replica)
        self._remember = remember
        self.outgoing = Signal()
        self.merges = Merges(lambda: self.keys)
        self.listeners: list[Callable[[set[NodeId]], None]] = []
        # Told when chunks that were missed have a place (again), and when packs were retired.
        self.arrivals: list[Callable[[], None]] = []
        self.retired = Signal()
        self._missed: set[ChunkId] = set()
        # Told when packs were doomed in which something lies that is in use.
        self.endangered = Signal()
        self._arrived = self._retired = self._endangered = False
        self._seams = seams
        self.receipts = Receipts(replica.outbox, device.id)
        self.own = OwnEntries(replica, device, lambda: self.keys, self.log_state)
        self._lock = trio.Lock()
        self._clock = HybridClock(replica.settings.get_int(CLOCK))
        self._touched: set[NodeId] = set()
        self._unsettled: set[NodeId] = set()
        self._authored = False

    async def do(self, work: Callable[[], T]) -> T:
        """Run `work` alone on the replica, off the event loop; tell listeners what it touched."""
        async with self._lock:
            try:
                with told(self.replica.database.path):
                    result = await self._seams.offload(work)
            except BaseException:
                self.replica.tree.forget()
                self._touched, self._authored = set(), False
                self._arrived = self._retired = self._endangered = False
                raise
            touched, self._touched = self._touched, set()
            authored, self._authored = self._authored, False
        arrived, self._arrived = self._arrived, False
        retired, self._retired = self._retired, False
        if authored:
            self.outgoing.set()
        if retired:
            self.retired.set()
        if self._endangered:
            self._endangered = False
            self.endangered.set()
        self.merges.tell()
        if touched:
            for listener in self.listeners:
                listener(touched)
        if arrived:
            for arrival in self.arrivals:
                arrival()
        return result

    # --- state -----------------------------------------------------------------------------

    def log_state(self) -> LogState:
        """What has been verified of the log; at position 0 on a new device."""
        return self.replica.cursor.load() or LogState(self.keys.vault)

    def new_node(self, parent: NodeId, name: bytes, kind: NodeKind) -> NodeId:
        """The id for a new node at this place (conflicts.md, rule 4)."""
        return next_id(self.replica.tree, self.keys.node_hash, parent, name, kind)

    def device_names(self) -> dict[DeviceId, str]:
        """The names of all devices that the log has enrolled."""
        devices = self.log_state().devices.items()
        return {device: self.keys.open_name(device, each.sealed_name) for device, each in devices}

    # --- authoring -------------------------------------------------------------------------

    def author(self, actions: Sequence[Action], chunks: Iterable[ChunkId] = ()) -> list[Dot]:
        """Make these actions this device's own; returns the dot of each.

        `chunks` are those that the written contents need: where they lie is told along, unless
        an entry has told it before.

        To be called as work of `do`, inside the database's transaction. Afterwards the replica
        shows the actions and what the resolver made of them, and the outbox holds the entries.
        """
        dots, touched = self._author(actions, chunks)
        self._resolve(touched)
        return dots

    def settle(self, nodes: set[NodeId], chunks: Iterable[ChunkId] = ()) -> None:
        """Let the resolver look at these nodes; work of `do`.

        `chunks` are those of contents that it may decide to write.
        """
        with self.replica.database.transaction():
            self._resolve(nodes, chunks)

    def settle_everything(self) -> None:
        """Settle what a kill, or an older version of the resolver, left; work of `do`."""
        tree = self.replica.tree
        self.settle({*tree.contested(), *tree.clashing()})

    def _resolve(self, touched: set[NodeId], chunks: Iterable[ChunkId] = ()) -> None:
        self._touched |= touched
        names: dict[DeviceId, str] = {}

        def label(device: bytes, time: int) -> bytes:
            names.update(names or self.device_names())
            return conflict_label(names, device, time)

        for _ in range(RESOLVER_ROUNDS):
            self.merges.forget(touched)
            actions = resolve(
                self.replica.tree,
                touched,
                label=label,
                hash=self.keys.node_hash,
                merge=self.merges,
            )
            if not actions:
                return
            _, touched = self._author(actions, chunks)
            self._touched |= touched
        raise RuntimeError("conflicts did not settle")

    def _author(
        self, actions: Sequence[Action], chunks: Iterable[ChunkId] = ()
    ) -> tuple[list[Dot], set[NodeId]]:
        batch, dots = self._stamped(actions)
        chunks = set(chunks)
        locations = self.replica.chunks.unannounced(chunks)
        self.replica.chunks.mark_announced([location.chunk for location in locations])
        self._note_arrivals(locations)
        needed = self.own.needed(actions, chunks)
        for part in split(batch):
            self.own.seal(SealedBody(part, tuple(locations)), needed)
            locations, needed = [], set()
        self._authored = True
        self.replica.history.add([batch])
        return dots, apply(self.replica.tree, [batch])

    def _stamped(self, actions: Iterable[Action]) -> tuple[Batch, list[Dot]]:
        me = self.device.id
        context = self.replica.tree.vector()
        counter = context.seen(me)
        now = self._seams.now_ms()
        operations: list[Operation] = []
        dots: list[Dot] = []
        for action in actions:
            dots.append(Dot(me, counter + 1))
            for part in parts_of(action, dots[-1]):
                counter += 1
                stamp = Stamp(self._clock.next(now), me)
                operations.append(Operation(stamp, Dot(me, counter), part))
        self.replica.settings.set_int(CLOCK, self._clock.last)
        return Batch(me, context, tuple(operations)), dots

    def miss(self, chunks: Iterable[ChunkId], packs: Iterable[PackId]) -> None:
        """Note that these chunks could not be had, from these packs or at all; work of `do`.

        The packs are retired, here and by an entry for everybody: see `ChunkIndex.retire`.
        """
        with self.replica.database.transaction():
            self._missed |= set(chunks)
            fresh = sorted(self.replica.chunks.retire(packs))
            for at in range(0, len(fresh), MAX_ENTRY_PACKS):
                batch, _ = self._stamped(())
                self.own.seal(SealedBody(batch, (), tuple(fresh[at : at + MAX_ENTRY_PACKS])))
                self._authored = self._retired = True

    def announce(self, locations: Sequence[ChunkLocation]) -> None:
        """Tell everybody of new places of chunks, which count from now on; work of `do`."""
        with self.replica.database.transaction():
            for at in range(0, len(locations), MAX_CHUNKS):
                some = tuple(locations[at : at + MAX_CHUNKS])
                batch, _ = self._stamped(())
                self.own.seal(SealedBody(batch, some))
                self.replica.chunks.add(some, announced=True)
                self._note_arrivals(some)
            self._authored = True

    def _note_arrivals(self, locations: Iterable[ChunkLocation]) -> None:
        arrived = self._missed & {location.chunk for location in locations}
        self._missed -= arrived
        self._arrived = self._arrived or bool(arrived)

    def write_control(self, body: bytes) -> EntrySequence:
        """Put a control entry into the outbox, inside a transaction; returns its sequence."""
        self._authored = True
        return self.own.control(body)

    # --- receiving -------------------------------------------------------------------------

    def receive(self, frames: Sequence[LogFrame], *, more: bool = False) -> None:
        """Verify, open, apply and resolve entries as the log hands them out; work of `do`.

        `more` says that others follow at once: what conflicts is settled only with the last of
        them, or a device that was away for long would settle every step of a story of which it
        is about to hear the end.

        Raises the errors of `cozysync_protocol.advance` and `Malformed`; nothing has changed
        then, not even for the frames before the bad one.
        """
        with self.replica.database.transaction():
            state = self.log_state()
            bodies: list[SealedBody] = []
            doomed: list[PackId] = []
            for frame in frames:
                entry = decode_entry(frame.entry)
                before = state
                state = advance(state, entry, position=frame.position, head=frame.head)
                self.pin.check(state)
                if entry.header.device == self.device.id:
                    self.receipts.seen(entry.header.sequence, frame.position)
                if entry.header.kind is EntryKind.SEALED:
                    bodies.append(body_of(self.keys, entry))
                else:
                    control = decode_control(entry.body)
                    self.learn([control] if hands_out_secrets(before, state) else ())
                    doomed += control.packs if isinstance(control, PacksDoomed) else ()
            self.replica.cursor.save(state)
            self._authored |= self.receipts.compare(state)
            self.replica.frames.add(frames)
            self._count(frames)
            self._unsettled |= self._apply(bodies)
            if doomed and obey_doom(self.replica, doomed):
                self._retired = self._endangered = True
            if not more or len(self._unsettled) > UNSETTLED:
                touched, self._unsettled = self._unsettled, set()
                self._resolve(touched)

    def adopt(self, install: Callable[[], Opening]) -> None:
        """Take a snapshot in place of what was read of the log; work of `do`.

        `install` puts the snapshot's rows in place. What this device wrote and the snapshot does
        not hold comes on top of it, and what of that waits to be sent still does. Whatever
        `install` raises leaves everything as it was.
        """
        with self.replica.database.transaction():
            opening = install()
            self.replica.tree.forget()
            state, outbox = opening.state, self.replica.outbox
            known = state.devices.get(self.device.id)
            if known is not None and known.revoked:
                raise NotAllowed("a snapshot by which this device is not in the vault")
            self.pin.check(state)
            came_in = max(self.pin.position, outbox.reached())
            if known is None and self.pin.position and state.position > came_in:
                raise ForkDetected("a snapshot of a history into which this device never came")
            sequence = known.sequence if known else EntrySequence(0)  # who came later has none
            self.replica.cursor.save(state)
            self._clock.observe(opening.clock)
            outbox.acknowledge_up_to(sequence, state.position)
            mine = [decode_entry(entry) for _, entry in outbox.after(sequence)]
            touched = self._apply([body_of(self.keys, e) for e in mine if e.header.kind is _SEALED])
            self.replica.settings.set_int(CLOCK, self._clock.last)
            tree = self.replica.tree
            self._unsettled = touched | {*tree.contested(), *tree.clashing()}
            self._touched |= tree.everything()

    def learn(self, controls: Iterable[Control]) -> None:
        """Take the secrets that control entries bring, and have them safe before any use."""
        for control in controls:
            fresh = secrets_for_device(self.device, self.keys.vault, control)
            for epoch, secret in fresh.items():
                if epoch not in self.keys.epochs:
                    self.keys = self.keys.with_epoch(epoch, secret)
                    self._remember(self.keys)

    def _count(self, frames: Sequence[LogFrame]) -> None:
        settings, read = self.replica.settings, sum(len(frame.entry) for frame in frames)
        settings.set_int(LOG_BYTES, settings.get_int(LOG_BYTES) + read)

    def _apply(self, bodies: Sequence[SealedBody]) -> set[NodeId]:
        if not bodies:
            return set()
        locations = [location for body in bodies for location in body.chunks]
        retired = [pack for body in bodies for pack in body.retired]
        if retired:
            self.replica.chunks.retire(retired)
            self._retired = True
        self.replica.chunks.add(locations, announced=True)
        self._note_arrivals(locations)
        heard: dict[DeviceId, int] = {}
        for batch in (body.batch for body in bodies if body.batch.operations):
            self._clock.observe(batch.operations[-1].stamp.time)
            heard[DeviceId(batch.device)] = batch.operations[-1].stamp.time
        for device, time in heard.items():
            self.replica.settings.set_int(last_written(device), time)
        self.replica.settings.set_int(CLOCK, self._clock.last)
        batches = [body.batch for body in bodies]
        self.replica.history.add(batches)
        return apply(self.replica.tree, batches)

    def reopen(self, after: Position) -> None:
        """Send again what the server had taken behind a position, and lost; work of `do`."""
        with self.replica.database.transaction():
            self._authored |= self.receipts.reopen(after)

    def acknowledge(self, sent: Sequence[EntrySequence], positions: Sequence[Position]) -> None:
        """Note the positions that the server gave to entries of the outbox; work of `do`."""
        with self.replica.database.transaction():
            self.receipts.note(sent, positions)
            self._authored |= self.receipts.compare(self.log_state())


def last_written(device: DeviceId) -> str:
    """The setting that holds the hybrid time of a device's newest entry."""
    return f"last written {device.hex()}"
