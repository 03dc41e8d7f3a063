"""Making what is too large for one entry fit several."""

from collections.abc import Iterator
from dataclasses import replace

from cozysync.replica.body_limits import MAX_BODY, MAX_DELETE_NODES, MAX_OPERATIONS
from cozysync.replica.operation_codec import size_of
from cozysync_conflict import Action, Batch, Delete, Dot, Operation

# The other half of a body is for the locations of chunks.
_ROOM = MAX_BODY // 2


def delete_parts(action: Delete) -> list[Delete]:
    """A delete as several of the same group, each small enough for an entry; usually just one.

    To be called before dots are given out: each part needs its own, and `group` is the dot of
    the first. Nodes stay in order, so a directory comes before what it holds.
    """
    starts = range(0, max(len(action.nodes), 1), MAX_DELETE_NODES)
    return [
        Delete(action.group, action.root, action.nodes[at : at + MAX_DELETE_NODES]) for at in starts
    ]


def parts_of(action: Action, first: Dot) -> list[Action]:
    """An action as those that fit entries: a delete that is too large comes apart, at `first`."""
    if not isinstance(action, Delete):
        return [action]
    return [*delete_parts(replace(action, group=first))]


def split(batch: Batch, room: int = _ROOM, most: int = MAX_OPERATIONS) -> list[Batch]:
    """The batch as several, in order, that take at most `room` bytes each when encoded.

    Dots and context stay as they are: a later part follows on the dots of the one before, and
    that its author had seen those goes without saying. Raises `ValueError` for a single
    operation that does not fit (see `delete_parts`); a batch without operations stays as it is.
    """
    if not batch.operations:
        return [batch]
    return [
        Batch(batch.device, batch.context, part) for part in _parts(batch.operations, room, most)
    ]


def _parts(
    operations: tuple[Operation, ...], room: int, most: int
) -> Iterator[tuple[Operation, ...]]:
    start, size = 0, 0
    for at, operation in enumerate(operations):
        own = size_of(operation.action)
        if own > room:
            raise ValueError(f"one operation of {own} bytes does not fit an entry")
        if size + own > room or at - start == most:
            yield operations[start:at]
            start, size = at, 0
        size += own
    yield operations[start:]
