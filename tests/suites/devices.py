"""Small devices over the pure core: a path-based way to author, and delivery by hand."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

from cozysync_conflict import (
    ROOT,
    Action,
    Batch,
    Content,
    Contested,
    Create,
    Delete,
    Dot,
    HybridClock,
    Kind,
    MemoryStore,
    Move,
    NodeId,
    Operation,
    SetAttribute,
    Stamp,
    Store,
    Write,
    apply,
    heads,
    kind_of,
    next_id,
    resolve,
    shown_children,
    winner,
)
from cozysync_conflict.merge import merge


def keyed_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"test" + data).digest()


def content(text: str) -> Content:
    return Content(hashlib.sha256(text.encode()).digest(), text.encode())


def merge_texts(contested: Contested) -> Content | None:
    base = contested.base.detail if contested.base is not None else None
    merged = merge(contested.name, base, [side.detail for side in contested.sides])
    return content(merged.decode()) if merged is not None else None


class Device:
    """One device: what it has applied, and everything it has authored, in order."""

    def __init__(self, name: str, now: Callable[[], int], store: Store | None = None) -> None:
        self.id = hashlib.sha256(name.encode()).digest()[:16]
        self.name = name
        self.store: Store = store if store is not None else MemoryStore()
        self.authored: list[Batch] = []
        self._clock = HybridClock()
        self._now = now

    # --- authoring by path

    def find(self, path: str) -> NodeId:
        node = ROOT
        for name in path.split("/"):
            matches = self.store.named(node, name.encode())
            assert matches, f"{self.name} shows no {path}"
            node = min(matches)
        return node

    def exists(self, path: str) -> bool:
        node = ROOT
        for name in path.split("/"):
            matches = self.store.named(node, name.encode())
            if not matches:
                return False
            node = min(matches)
        return True

    def mkdir(self, path: str) -> NodeId:
        parent, name = self._split(path)
        node = next_id(self.store, keyed_hash, parent, name, Kind.DIRECTORY)
        self.author([Create(node, parent, name)])
        return node

    def write(self, path: str, text: str) -> NodeId:
        parent, name = self._split(path)
        there = [n for n in self.store.named(parent, name) if kind_of(n) is Kind.FILE]
        if there:
            node = min(there)
            seen = tuple(head.dot for head in heads(self.store, node))
            self.author([Write(node, content(text), seen)])
            return node
        node = next_id(self.store, keyed_hash, parent, name, Kind.FILE)
        self.author([Create(node, parent, name), Write(node, content(text), ())])
        return node

    def move(self, old: str, new: str) -> None:
        parent, name = self._split(new)
        self.author([Move(self.find(old), parent, name)])

    def swap(self, one: str, other: str) -> None:
        first, second = self.find(one), self.find(other)
        (p1, n1), (p2, n2) = self._split(one), self._split(other)
        self.author([Move(first, p2, n2), Move(second, p1, n1)])

    def delete(self, path: str) -> None:
        root = self.find(path)
        parent = self.find(path.rpartition("/")[0]) if "/" in path else ROOT
        nodes: list[tuple[NodeId, NodeId]] = []
        queue = [(root, parent)]
        while queue:
            node, above = queue.pop(0)
            nodes.append((node, above))
            queue += [(child.id, node) for child in shown_children(self.store, node)]
        self.author([Delete(Dot(self.id, 0), root, tuple(nodes))])

    def set_attribute(self, path: str, key: str, value: bytes) -> None:
        self.author([SetAttribute(self.find(path), key, value)])

    def author(self, actions: Sequence[Action]) -> set[NodeId]:
        context = self.store.vector()
        counter = context.seen(self.id)
        operations = []
        for action in actions:
            counter += 1
            dot = Dot(self.id, counter)
            if isinstance(action, Delete):
                action = replace(action, group=dot)
            operations.append(Operation(Stamp(self._clock.next(self._now()), self.id), dot, action))
        batch = Batch(self.id, context, tuple(operations))
        self.authored.append(batch)
        return apply(self.store, [batch])

    # --- exchange

    def receive(self, batches: Sequence[Batch], *, resolving: bool = True) -> int:
        """Apply, and settle what clashes; returns the rounds that the resolver took."""
        for batch in batches:
            for operation in batch.operations:
                self._clock.observe(operation.stamp.time)
        touched = apply(self.store, batches)
        return self.settle(touched) if resolving else 0

    def settle(self, touched: set[NodeId]) -> int:
        rounds = 0
        while actions := resolve(
            self.store, touched, label=self._label, hash=keyed_hash, merge=merge_texts
        ):
            rounds += 1
            assert rounds < 16, "the resolver does not come to rest"
            touched = self.author(actions)
        return rounds

    def _label(self, device: bytes, time: int) -> bytes:
        return device.hex()[:4].encode()

    def _split(self, path: str) -> tuple[NodeId, bytes]:
        above, _, name = path.rpartition("/")
        return (self.find(above) if above else ROOT), name.encode()

    # --- what a person sees

    def tree(self) -> dict[str, str | None]:
        """Path → text of a file, None for a directory."""
        seen: dict[str, str | None] = {}
        queue = [(ROOT, "")]
        while queue:
            node, path = queue.pop()
            for child in shown_children(self.store, node):
                where = path + child.name.decode()
                assert where not in seen, f"two nodes at {where}"
                if kind_of(child.id) is Kind.DIRECTORY:
                    seen[where] = None
                    queue.append((child.id, where + "/"))
                else:
                    best = winner(self.store, child.id)
                    seen[where] = best.content.detail.decode() if best else ""
        return dict(sorted(seen.items()))


class Clock:
    """A wall clock that ticks at every look."""

    def __init__(self) -> None:
        self.ms = 1_700_000_000_000

    def __call__(self) -> int:
        self.ms += 1
        return self.ms


def sync(*devices: Device, resolving: bool = True) -> None:
    """Let everybody have everything, until nobody has anything new to say."""
    for _ in range(10):
        before = sum(len(device.authored) for device in devices)
        for device in devices:
            for other in devices:
                if other is not device:
                    device.receive(other.authored, resolving=resolving)
        if sum(len(device.authored) for device in devices) == before:
            return
    raise AssertionError("the devices never come to rest")
