"""From the outbox to the server, in order."""

from functools import partial

import trio

from cozysync.sync.ledger import Ledger
from cozysync.sync.link import Link
from cozysync.sync.remote import Refused, Remote
from cozysync_protocol import MAX_APPEND_BYTES, ErrorCode

# Entries of one request. A request costs about a millisecond whatever it carries, and the
# reader at the other end starts on what it has.
ENTRIES_PER_REQUEST = 64
# How long starting from a snapshot is given before the outbox is looked at again.
HORIZON_PAUSE_S = 0.5


async def push(ledger: Ledger, link: Link, remote: Remote) -> None:
    """Send what the outbox holds, for ever.

    An entry that was sent but not acknowledged is sent again: the server answers with the
    position that it gave the first time. Raises `Refused` when the server will not have an
    entry.
    """
    while True:
        pending = await ledger.do(
            lambda: ledger.replica.outbox.pending(ENTRIES_PER_REQUEST, MAX_APPEND_BYTES)
        )
        if not pending:
            await ledger.outgoing.wait()
            continue
        entries = tuple(entry for _, entry in pending)
        try:
            appended = await link.attempt(partial(remote.append, entries))
        except Refused as error:
            if error.code is not ErrorCode.HORIZON:
                raise
            # It was taken long ago: the snapshot that the puller now starts from says so.
            await trio.sleep(HORIZON_PAUSE_S)
            continue
        sent = [sequence for sequence, _ in pending]
        positions = [position for position, _ in appended.positions]
        await ledger.do(partial(ledger.acknowledge, sent, positions))
