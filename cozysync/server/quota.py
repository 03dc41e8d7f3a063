"""How much each vault may keep here, packs and log together."""

from collections import Counter
from collections.abc import Callable

from cozysync.server.failures import Refusal
from cozysync_protocol import ErrorCode, VaultId

# Entries are still taken when no pack is: whoever deletes files or revokes a device to make room
# must be able to say so.
ENTRIES_BEYOND = 64 * 1024 * 1024
# Counting anew looks at every pack. It is done when a vault seems full, for things may have gone.
COUNT_EVERY_S = 10.0


class Quota:
    """Checks what comes in against `most` bytes a vault (None: no bound).

    `count` tells what a vault keeps, and blocks; `now_s` is any clock in seconds.
    """

    def __init__(
        self, most: int | None, count: Callable[[VaultId], int], now_s: Callable[[], float]
    ) -> None:
        self._most = most
        self._count = count
        self._now_s = now_s
        self._used: dict[VaultId, int] = {}
        self._coming: Counter[VaultId] = Counter()
        self._counted_at: dict[VaultId, float] = {}

    def expect_pack(self, vault: VaultId, size: int) -> None:
        """Keep room for a pack until `came`; raises `Refusal` when there is none; blocks."""
        self._check(vault, size, 0)
        self._coming[vault] += size

    def came(self, vault: VaultId, size: int, *, whole: bool) -> None:
        """A pack that was expected is here, or will not come."""
        self._coming[vault] -= size
        if whole:
            self.add(vault, size)

    def check_entries(self, vault: VaultId, size: int) -> None:
        """Raise `Refusal` when entries of this size do not fit; blocks."""
        self._check(vault, size, ENTRIES_BEYOND)

    def add(self, vault: VaultId, size: int) -> None:
        """Note that so many bytes were taken in."""
        if vault in self._used:
            self._used[vault] += size

    def _check(self, vault: VaultId, size: int, beyond: int) -> None:
        if self._most is None:
            return
        if vault not in self._used:
            self._recount(vault)
        if not self._fits(vault, size, beyond) and self._is_old(vault):
            self._recount(vault)
        if not self._fits(vault, size, beyond):
            used, most = self._used[vault] / 2**20, self._most / 2**20
            raise Refusal(
                ErrorCode.VAULT_FULL, f"the vault keeps {used:.0f} MiB of at most {most:.0f} MiB"
            )

    def _fits(self, vault: VaultId, size: int, beyond: int) -> bool:
        assert self._most is not None
        return self._used[vault] + self._coming[vault] + size <= self._most + beyond

    def _is_old(self, vault: VaultId) -> bool:
        return not 0 <= self._now_s() - self._counted_at[vault] < COUNT_EVERY_S

    def _recount(self, vault: VaultId) -> None:
        self._used[vault] = self._count(vault)
        self._counted_at[vault] = self._now_s()
