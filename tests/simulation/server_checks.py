"""What the server must hold whatever happened to it, and what it must let go of."""

import hashlib

from cozysync.server.verify import verify
from cozysync.sync.in_use import recipes_in_use, shown_recipes
from cozysync_conflict import Kind
from cozysync_protocol import (
    EntryKind,
    PacksDoomed,
    SnapshotPointer,
    decode_control,
    decode_entry,
)
from tests.suites.memory_disk import contents

ALL = 1 << 40
# A pack's index and its frame, besides what lies in it.
OF_A_CHUNK, OF_A_PACK = 120, 200


class Promises:
    """What one server has acknowledged: entries at their places, and the packs that they name.

    A pack that no entry names is promised for the grace period alone, and one that an entry dooms
    no longer.
    """

    def __init__(self, vault, grace_s, trace):
        self._vault, self._grace_s, self._trace = vault, grace_s, trace
        self._places = {}
        self._came = {}
        self._packs = {}  # by name, as far as they were there when an entry named them
        self._doomed = set()
        self._two_places = []
        self.has_forgotten = False

    def stored(self, pack, packs):
        """The server said that it has this pack."""
        path = packs.path(self._vault, pack)
        if path.exists():
            self._came[pack] = path.stat().st_mtime

    def took(self, entries, places, packs):
        """The server said that it has these entries."""
        for entry, place in zip(entries, places, strict=True):
            if entry not in self._places:
                self._places[entry] = place
                self._note(decode_entry(entry), packs)
            elif self._places[entry] != place:
                self._two_places.append(place)

    def _note(self, entry, packs):
        for pack in entry.header.packs:
            if packs.size(self._vault, pack) is not None:
                self._packs[pack] = entry
        if entry.header.kind is EntryKind.CONTROL:
            control = decode_control(entry.body)
            if isinstance(control, PacksDoomed):
                self._trace.count("pack doomed", len(control.packs))
                self._doomed |= set(control.packs)

    def forget(self, packs):
        """What went with a disk is promised no more; entries are, for devices give them back."""
        for known in (self._packs, self._came):
            for pack in [each for each in known if packs.size(self._vault, each) is None]:
                self.has_forgotten = True
                del known[pack]

    def broken(self, store, packs, now_s):
        """What was promised and is not held, a sentence each."""
        for place in self._two_places:
            yield f"the server gave an entry another place, {place[0]}"
        start = store.snapshots.start(self._vault)
        held = _frames(store, self._vault, start) | _frames(store, self._vault, 0, control=True)
        for entry, place in self._places.items():
            may_be_gone = place[0] <= start and decode_entry(entry).header.kind is EntryKind.SEALED
            if held.get(entry) != place and not may_be_gone:
                yield f"the server acknowledged an entry at {place[0]} and does not hold it"
        fresh = {pack for pack, came in self._came.items() if now_s < came + self._grace_s}
        for pack in sorted((self._packs.keys() | fresh) - self._doomed):
            if not _is_whole(packs, self._vault, pack):
                yield f"the server promised to keep pack {pack.hex()[:8]} and does not hold it"
        _, pointer = store.snapshots.pointer(self._vault)
        if start and (not pointer or SnapshotPointer.decode(pointer).position < start):
            yield f"the log begins at {start}, and no snapshot leads there"
        for pack in store.snapshots.packs(self._vault):
            if not _is_whole(packs, self._vault, pack):
                yield f"a piece of the snapshot is gone, pack {pack.hex()[:8]}"


def finds_nothing(server):
    """What the server's own look through everything has to say."""
    for finding in verify(server.data).findings:
        yield f"verify: {finding.kind} {finding.where}: {finding.what}"


def is_small(server, devices):
    """What is kept on the server that nobody needs, once everybody has tidied up and it has looked.

    A pack moves when less than half of it is in use: so twice of what lives may be there.
    """
    store, packs, vault = server.store, server.packs, server.vault
    snapshot = set(store.snapshots.packs(vault))
    kept = {pack: packs.size(vault, pack) for pack, _ in packs.all(vault)}
    live = {place.chunk: place for device in devices for place in _in_use(device)}
    shown = {place.pack for device in devices for place in _in_use(device, shown_recipes)}
    needed = {place.pack for place in live.values()}
    for pack in sorted(kept.keys() - snapshot - needed):
        yield f"pack {pack.hex()[:8]} is kept, and nobody needs anything in it"
    most = 2 * sum(place.length + OF_A_CHUNK for place in live.values()) + OF_A_PACK * len(needed)
    size = sum(kept[pack] for pack in needed & kept.keys())
    if size > most:
        yield f"{size} bytes of packs are kept, for what needs {most} at most"
    for pack in sorted(shown - kept.keys()):
        yield f"pack {pack.hex()[:8]} is needed and not there"


def held_by_nobody(server, devices):
    """Whether what is shown and cannot be had is on no disk, after the server has lost packs."""
    lost = {
        chunk
        for device in devices
        for chunk, place in _places(device, shown_recipes).items()
        if place is None or server.packs.size(server.vault, place.pack) is None
    }
    held = {
        devices[0].engine.ledger.keys.chunk_id(node.data)
        for device in devices
        for node in contents(device.files.root, private=True).values()
        if node.kind is Kind.FILE
    }
    return server.promises.has_forgotten and bool(lost) and not lost & held


def _in_use(device, recipes=recipes_in_use):
    return [place for place in _places(device, recipes).values() if place is not None]


def _places(device, recipes):
    replica = device.engine.replica
    wanted = {
        chunk
        for recipe in recipes(replica.database.connection)
        for chunk, _ in (*recipe.chunks, *recipe.lists)
    }
    return dict.fromkeys(wanted) | replica.chunks.locate(wanted)


def _frames(store, vault, after, **which):
    frames = store.read(vault, after, ALL, ALL, **which)
    return {frame.entry: (frame.position, frame.head) for frame in frames}


def _is_whole(packs, vault, pack):
    path = packs.path(vault, pack)
    return path.exists() and hashlib.sha256(path.read_bytes()).digest() == pack
