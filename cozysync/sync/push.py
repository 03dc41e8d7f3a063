"""From the outbox to the server, in order."""

from collections.abc import Awaitable, Callable
from functools import partial

import trio

from cozysync.sync.ledger import Ledger
from cozysync.sync.link import Link
from cozysync.sync.remote import Refused, Remote
from cozysync_protocol import MAX_APPEND_BYTES, ErrorCode, Position, Sequence

# Entries of one request. A request costs about a millisecond whatever it carries, and the
# reader at the other end starts on what it has.
ENTRIES_PER_REQUEST = 64
# How long starting from a snapshot is given before the outbox is looked at again.
HORIZON_PAUSE_S = 0.5
# Refusals in a row after which mending the cause is given up.
MOST_MENDED = 5

Mend = Callable[[Refused, list[bytes]], Awaitable[bool]]
"""Mends why the server refuses these entries, if that can be; whether to send them again."""


async def push(ledger: Ledger, link: Link, remote: Remote, mend: Mend) -> None:
    """Send what the outbox holds, for ever.

    An entry that was sent but not acknowledged is sent again: the server answers with the
    position that it gave the first time. Raises `Refused` when the server will not have an
    entry.
    """

    def next_ones() -> tuple[list[tuple[Sequence, bytes]], Position]:
        pending = ledger.replica.outbox.pending(ENTRIES_PER_REQUEST, MAX_APPEND_BYTES)
        return pending, ledger.log_state().position

    refusals = 0
    while True:
        pending, verified = await ledger.do(next_ones)
        if not pending:
            await ledger.outgoing.wait()
            continue
        entries = [entry for _, entry in pending]
        try:
            appended = await link.attempt(partial(remote.append, entries, verified))
        except Refused as error:
            if error.code is ErrorCode.HORIZON:
                # It was taken long ago: the snapshot that the puller now starts from says so.
                await trio.sleep(HORIZON_PAUSE_S)
                continue
            refusals += 1
            if refusals > MOST_MENDED or not await mend(error, entries):
                raise
            continue
        refusals = 0
        sent = [sequence for sequence, _ in pending]
        positions = [position for position, _ in appended.positions]
        await ledger.do(partial(ledger.acknowledge, sent, positions))
