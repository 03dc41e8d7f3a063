"""What to do when the server will not take an entry as it is.

`horizon`: the entry was taken, its receipt was lost, and the log has gone on without it.
`pack-in-use`: a doom crossed an entry of somebody else. `unknown-pack`: the server has lost a pack
that the entry names (`Setbacks`), or a device that did not know of the entry has doomed it. What
was to be said is then said again, by entries that the server can take; what lay in the packs is
sent anew by `Repairs`.
"""

from collections.abc import Sequence
from functools import partial

import trio

from cozysync.sync.ledger import Ledger
from cozysync.sync.link import Link
from cozysync.sync.pull import Puller
from cozysync.sync.remote import Refused, Remote
from cozysync.sync.setbacks import Setbacks
from cozysync_protocol import MAX_PACK_LIST, ErrorCode, PackId

# How long the puller is given to start from a snapshot before the outbox is looked at again.
HORIZON_PAUSE_S = 0.5
# Refusals in a row after which mending the cause is given up.
MOST_MENDED = 8


class Mender:
    """Mends the outbox of one device."""

    def __init__(
        self, ledger: Ledger, link: Link, remote: Remote, puller: Puller, setbacks: Setbacks
    ) -> None:
        self._ledger = ledger
        self._link = link
        self._remote = remote
        self._puller = puller
        self._setbacks = setbacks

    async def mend(self, error: Refused, entries: Sequence[bytes], refusals: int) -> bool:
        """See `push.Mend`."""
        if error.code is ErrorCode.HORIZON:
            # The snapshot that the puller now starts from says that the entry was taken.
            await trio.sleep(HORIZON_PAUSE_S)
            return True
        if refusals > MOST_MENDED:
            return False
        doomed = error.code is ErrorCode.UNKNOWN_PACK and refusals > 1
        if error.code is not ErrorCode.PACK_IN_USE and not doomed:
            # A pack that is noted as lost may be named; one that is doomed still may not.
            return await self._setbacks.mend(error, entries)
        await self._puller.reach(await self._puller.end())
        missing: set[PackId] = set()
        named = await self._ledger.do(self._named)
        for at in range(0, len(named), MAX_PACK_LIST):
            some = named[at : at + MAX_PACK_LIST]
            missing.update(await self._link.attempt(partial(self._remote.missing_packs, some)))
        dooms = error.code is ErrorCode.PACK_IN_USE
        await self._ledger.do(partial(self._write_again, missing, dooms=dooms))
        return True

    def _write_again(self, missing: set[PackId], *, dooms: bool) -> None:
        with self._ledger.replica.database.transaction():
            self._ledger.own.write_again(missing, dooms=dooms)
        self._ledger.miss((), missing)

    def _named(self) -> list[PackId]:
        named = self._ledger.replica.outbox.packs()
        return sorted(pack for pack in named if pack not in self._ledger.replica.spool)
