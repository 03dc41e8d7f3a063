"""What else to do when a server may have gone back: see which packs went with it.

Packs that the log names and the server lacks are noted as lost with the server, so that it takes
entries that name them, and retired for everybody: whoever holds what was in them sends it anew
(`sync/repair.py`).
"""

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import islice

from cozysync.sync.ledger import Ledger
from cozysync.sync.link import Link
from cozysync.sync.pull import Puller
from cozysync.sync.remote import Refused, Remote
from cozysync_protocol import MAX_PACK_LIST, ErrorCode, PackId, decode_entry

# A server's disk may lose packs without a word; asking costs a request for every 1,500.
CHECK_EVERY_S = 86_400.0


class Setbacks:
    """Notices what the server has lost besides the log."""

    def __init__(self, ledger: Ledger, link: Link, remote: Remote, puller: Puller) -> None:
        self._ledger = ledger
        self._link = link
        self._remote = remote
        self._puller = puller

    async def run(self) -> None:
        """Look at the start, whenever something was given back, and once a day."""
        while True:
            # Only what has been read to the end tells where everything lies.
            await self._puller.reach_end()
            await self._give_up(await self._ledger.do(self._ledger.replica.chunks.packs))
            await self._puller.gave_back.wait_at_most(CHECK_EVERY_S)

    async def mend(self, error: Refused, entries: Sequence[bytes]) -> bool:
        """Mend why the server refuses entries, if it has gone back; whether to send them again."""
        match error.code:
            case ErrorCode.ROLLED_BACK | ErrorCode.CHAIN_BROKEN:
                await self._puller.end()
                return True
            case ErrorCode.UNKNOWN_PACK:
                named = {pack for entry in entries for pack in decode_entry(entry).header.packs}
                still_here = any(pack in self._ledger.replica.spool for pack in named)
                return await self._give_up(sorted(named)) or still_here
        return False

    async def _give_up(self, packs: Iterable[PackId]) -> bool:
        """Let everybody know which of these packs the server lacks; whether there are any."""
        any_missing = False
        spool = self._ledger.replica.spool  # what waits there is still to be sent
        remaining = iter([pack for pack in packs if pack not in spool])
        while some := list(islice(remaining, MAX_PACK_LIST)):
            missing = await self._link.attempt(partial(self._remote.missing_packs, some))
            if missing:
                any_missing = True
                await self._link.attempt(partial(self._remote.lose, missing))
                await self._ledger.do(partial(self._ledger.miss, (), missing))
        return any_missing
