"""Forgetting what can no longer matter, once every active device has seen it.

When all devices have seen `stable`, every operation still to come was made by somebody who had
seen it too. So no further move can be concurrent with a deletion in it, nor the other way round:
what is alive of it stays alive until a new deletion, and what is dead stays dead until a new
token. And no placement can come before the horizon.
"""

from cozysync_conflict.clock import Dot, Stamp, VersionVector
from cozysync_conflict.store import Store


def truncate(store: Store, stable: VersionVector, horizon: Stamp) -> None:
    """Drop the history of placements and deletions that all active devices have seen.

    `stable` covers what every active device has seen; every operation that may still come has a
    later stamp than `horizon`. Changes no answer, now or later.
    """
    nodes = [node for each in store.deleted() if (node := store.get(each)) is not None]
    unsettled: set[Dot] = {
        deletion.group
        for node in nodes
        for deletion in node.deletions
        if not stable.covers(deletion.dot)
    }
    for node in nodes:
        if not any(deletion.group in unsettled for deletion in node.deletions):
            node.deletions = []
            node.tokens = node.tokens if node.live else {}
        node.moves = [move for move in node.moves if not stable.covers(move.dot)]
        store.put(node)
    store.drop_placements_before(horizon)
    store.flush()
