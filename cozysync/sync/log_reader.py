"""Reading a vault's log before there is a replica: whoever joins or recovers.

The engine reads the same log again to apply it, for which it needs the keys that this finds.
"""

from collections.abc import Callable, Sequence
from contextlib import aclosing

from cozysync.sync.remote import Remote
from cozysync.sync.snapshots import members_of, opening_of
from cozysync.vault import CozyError, VaultKeys
from cozysync_protocol import (
    Control,
    DeviceId,
    EntryKind,
    ForkDetected,
    LogState,
    ProtocolError,
    VaultId,
    advance,
    decode_control,
    decode_entry,
    hands_out_secrets,
)


class WrongLog(CozyError):
    """The server's log does not verify, or is not the one that was expected."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The server's log is not this vault's: {why}.",
            "Nothing was taken from it. Check that server before you try again.",
        )


async def read_controls(
    remote: Remote,
    vault: VaultId,
    unlock: Callable[[Sequence[Control]], VaultKeys],
    check: Callable[[LogState], None] = lambda state: None,
) -> tuple[LogState, list[Control]]:
    """The verified end of the log, and in order the control actions that hand out secrets.

    Reading begins at a snapshot when there is one, which `unlock` gives the keys to. `check` is
    shown the state at the beginning and after every entry. Raises `WrongLog`, what `check`
    raises, `Unreachable` or `Refused`.
    """
    try:
        state, controls, maker = await _beginning(remote, vault, unlock)
        check(state)
        async with aclosing(remote.log(state.position, 0)) as answers:
            async for frames in answers:
                for frame in frames:
                    entry = decode_entry(frame.entry)
                    before = state
                    state = advance(state, entry, position=frame.position, head=frame.head)
                    check(state)
                    if entry.header.kind is EntryKind.CONTROL and hands_out_secrets(before, state):
                        controls.append(decode_control(entry.body))
        if maker is not None and state.devices[maker].revoked:
            raise ForkDetected("the revocation of the device that made the snapshot is held back")
    except ProtocolError as error:
        raise WrongLog(str(error)) from error
    return state, controls


async def _beginning(
    remote: Remote, vault: VaultId, unlock: Callable[[Sequence[Control]], VaultKeys]
) -> tuple[LogState, list[Control], DeviceId | None]:
    """The state to read on from, the control actions before it, and which device vouches for it."""
    _, pointer = await remote.snapshot()
    if pointer is None:
        return LogState(vault), [], None
    frames = await remote.controls()
    members = members_of(vault, frames)
    if not members.are_behind(pointer):
        return LogState(vault), [], None
    members.check(pointer)
    opening = await opening_of(remote, unlock(members.controls), pointer)
    members.check_opening(pointer, opening.state)
    return opening.state, members.controls_up_to(pointer.position), pointer.device
