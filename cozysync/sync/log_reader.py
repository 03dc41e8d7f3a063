"""Reading a vault's log before there is a replica: whoever joins or recovers.

The engine reads the same log again to apply it, for which it needs the keys that this finds.
"""

from collections.abc import Callable

from cozysync.sync.remote import Remote
from cozysync.vault import CozyError
from cozysync_protocol import (
    NOWHERE,
    Control,
    EntryKind,
    LogState,
    ProtocolError,
    VaultId,
    advance,
    decode_control,
    decode_entry,
)


class WrongLog(CozyError):
    """The server's log does not verify, or is not the one that was expected."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The server's log is not this vault's: {why}.",
            "Nothing was taken from it. Check that server before you try again.",
        )


async def read_controls(
    remote: Remote, vault: VaultId, check: Callable[[LogState], None] = lambda state: None
) -> tuple[LogState, list[Control]]:
    """The verified end of the log, and its control actions in order.

    `check` is shown the state after every entry. Raises `WrongLog`, what `check` raises,
    `Unreachable` or `Refused`.
    """
    state = LogState(vault)
    controls: list[Control] = []
    try:
        async for frames in remote.log(NOWHERE, 0):
            for frame in frames:
                entry = decode_entry(frame.entry)
                state = advance(state, entry, position=frame.position, head=frame.head)
                check(state)
                if entry.header.kind is EntryKind.CONTROL:
                    controls.append(decode_control(entry.body))
    except ProtocolError as error:
        raise WrongLog(str(error)) from error
    return state, controls
