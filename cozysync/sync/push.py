"""From the outbox to the server, in order."""

from collections.abc import Awaitable, Callable
from functools import partial

from cozysync.replica import packs_of
from cozysync.sync.ledger import Ledger
from cozysync.sync.link import Link
from cozysync.sync.remote import Refused, Remote
from cozysync_protocol import MAX_APPEND_BYTES, MAX_PACK_LIST, Appended, PackId, Sequence

# Entries of one request. A request costs about a millisecond whatever it carries, and the
# reader at the other end starts on what it has.
ENTRIES_PER_REQUEST = 64
Mend = Callable[[Refused, list[bytes], int], Awaitable[bool]]
"""Mends why the server refuses these entries, for the how manieth time in a row, if that can be;
whether to send what the outbox then holds."""


async def push(ledger: Ledger, link: Link, remote: Remote, mend: Mend) -> None:
    """Send what the outbox holds, for ever; before an entry the packs of it that are spooled.

    An entry that was sent but not acknowledged is sent again: the server answers with the
    position that it gave the first time. Raises `Refused` when the server will not have an
    entry, and `mend` cannot help.
    """

    def next_ones() -> list[tuple[Sequence, bytes]]:
        return ledger.replica.outbox.pending(ENTRIES_PER_REQUEST, MAX_APPEND_BYTES)

    async def append(entries: list[bytes]) -> Appended:
        # At every attempt: what has been read since the first may be what the server has lost.
        state = await ledger.do(ledger.log_state)
        return await remote.append(entries, max(state.position, ledger.pin.position))

    async def deliver(packs: list[PackId]) -> None:
        for at in range(0, len(packs), MAX_PACK_LIST):
            some = packs[at : at + MAX_PACK_LIST]
            for pack in await link.attempt(partial(remote.missing_packs, some)):
                data = await ledger.do(partial(spool.read, pack))
                if data is not None:
                    await link.attempt(partial(remote.put_pack, pack, data))

    spool = ledger.replica.spool
    refusals = 0
    while True:
        pending = await ledger.do(next_ones)
        if not pending:
            await ledger.outgoing.wait()
            continue
        entries = [entry for _, entry in pending]
        spooled = [pack for pack in packs_of(entries) if pack in spool] if spool else []
        try:
            await deliver(spooled)
            appended = await link.attempt(partial(append, entries))
        except Refused as error:
            refusals += 1
            if not await mend(error, entries, refusals):
                raise
            continue
        refusals = 0
        sent = [sequence for sequence, _ in pending]
        positions = [position for position, _ in appended.positions]
        await ledger.do(partial(ledger.acknowledge, sent, positions))
        await ledger.do(partial(spool.discard, spooled))
