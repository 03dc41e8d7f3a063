"""Becoming part of a vault: making one on a server, or joining that of another device.

Both end with the secrets file: before it is written this device belongs to no vault, and
whatever else was left by an attempt that broke off is thrown away by the next one. The caller
holds the home's lock.
"""

from dataclasses import dataclass

from cozysync.sync.home import Home
from cozysync.sync.http_remote import HttpRemote
from cozysync.sync.remote import Refused
from cozysync.sync.replica import open_replica
from cozysync.sync.seams import Seams
from cozysync.vault import (
    CozyError,
    DeviceKeys,
    ExitCode,
    Grant,
    Join,
    Newcomer,
    PairingCode,
    RootKeys,
    Secrets,
    VaultKeys,
    WrongCode,
    create_vault,
    new_phrase,
    save_secrets,
    vault_keys_from_log,
)
from cozysync_protocol import (
    NOWHERE,
    Control,
    Entry,
    EntryKind,
    ErrorCode,
    ForkDetected,
    LogState,
    Position,
    ProtocolError,
    advance,
    decode_control,
    decode_entry,
    encode_entry,
)

# A waiting read of the mailbox; it is asked again until the mailbox itself expires.
WAIT_S = 30


class InVaultAlready(CozyError):
    """The device has a vault; a second one needs a second home."""

    exit_code = ExitCode.USAGE

    def __init__(self, home: Home) -> None:
        super().__init__(
            f"This device is part of a vault already (its keys are in {home.secrets_file}).",
            "Go on with it (cozysync status), or set COZYSYNC_HOME to another directory for "
            "another vault.",
        )


class NobodyWaits(CozyError):
    """The mailbox of the code is not there."""

    def __init__(self) -> None:
        super().__init__(
            "No device is waiting under this code: it was used, has expired, or is mistyped.",
            "Run cozysync pair on the first device and use the new code within ten minutes.",
        )


class WrongLog(CozyError):
    """The server shows a newcomer another log than the device that let it in has verified."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The server's log is not the one that the other device knows: {why}.",
            "Nothing was taken from it. Check that server before you pair again.",
        )


@dataclass(frozen=True, slots=True)
class Founded:
    """A new vault. `phrase` is shown to the person once and kept nowhere."""

    vault: str
    phrase: str


async def found(home: Home, url: str, invitation: str, name: str, seams: Seams) -> Founded:
    """Make a vault on the server at `url`, with this device, called `name`, as its first.

    Raises `InVaultAlready`, `Unreachable`, `Refused` or `BadName`.
    """
    _begin(home)
    phrase = new_phrase(seams.entropy)
    root, device = RootKeys.from_phrase(phrase), DeviceKeys.generate(seams.entropy)
    created = create_vault(root, device, name, seams.entropy)
    remote = HttpRemote(url)
    try:
        await remote.create_vault(invitation, encode_entry(created.entry))
    finally:
        await remote.close()
    _finish(home, Secrets(device, created.keys, root.wrapping_public), created.entry)
    return Founded(root.vault.hex(), phrase)


async def join(home: Home, code: PairingCode, name: str, seams: Seams) -> int:
    """Join the vault of the device that shows `code`; returns how many devices are in it.

    Raises `InVaultAlready`, `NobodyWaits`, `WrongCode`, `PairingFailed`, `WrongLog`,
    `Unreachable`, `Refused` or `BadName`.
    """
    _begin(home)
    device = DeviceKeys.generate(seams.entropy)
    outside = HttpRemote(code.server)
    try:
        grant = await _converse(outside, code, Newcomer(device.public, name), seams)
    finally:
        await outside.close()
    inside = HttpRemote(code.server, grant.vault, device.id, device.sign)
    try:
        keys, devices = await _read_log(inside, device, grant, seams)
    finally:
        await inside.close()
    _finish(home, Secrets(device, keys, grant.root_wrapping), None)
    return devices


async def _converse(
    remote: HttpRemote, code: PairingCode, newcomer: Newcomer, seams: Seams
) -> Grant:
    join = Join(code, seams.entropy)
    try:
        element = await _collect(remote, code.mailbox, 0)
    except Refused as error:
        raise (NobodyWaits() if error.code is ErrorCode.NOT_FOUND else error) from None
    try:
        await remote.leave(code.mailbox, "join", 0, join.answer(element))
        proof = await _collect(remote, code.mailbox, 1)
        await remote.leave(code.mailbox, "join", 1, join.introduce(proof, newcomer))
        return join.accept(await _collect(remote, code.mailbox, 2))
    except Refused as error:
        # The other side throws the mailbox away when the words are not the same.
        gone = error.code in (ErrorCode.NOT_FOUND, ErrorCode.CONFLICT)
        raise (WrongCode() if gone else error) from None


async def _collect(remote: HttpRemote, box: int, index: int) -> bytes:
    while True:
        message = await remote.collect(box, "offer", index, WAIT_S)
        if message is not None:
            return message


async def _read_log(
    remote: HttpRemote, device: DeviceKeys, grant: Grant, seams: Seams
) -> tuple[VaultKeys, int]:
    """The vault's keys, from a log verified to be the one that the other device knows.

    The engine reads the same log again to apply it, for which it needs these keys first.
    """
    state = LogState(grant.vault)
    controls: list[Control] = []
    try:
        async for frames in remote.log(NOWHERE, 0):
            for frame in frames:
                entry = decode_entry(frame.entry)
                state = advance(state, entry, position=frame.position, head=frame.head)
                _compare(state, grant)
                if entry.header.kind is EntryKind.CONTROL:
                    controls.append(decode_control(entry.body))
    except ProtocolError as error:
        raise WrongLog(str(error)) from error
    if state.position < grant.position:
        raise WrongLog(f"it ends at position {state.position} of {grant.position}")
    keys = vault_keys_from_log(device, grant.vault, controls, seams.entropy)
    return keys, sum(not each.revoked for each in state.devices.values())


def _compare(state: LogState, grant: Grant) -> None:
    if state.position == grant.position and state.head != grant.head:
        raise ForkDetected(f"another history up to position {state.position}")


def _begin(home: Home) -> None:
    if home.has_vault:
        raise InVaultAlready(home)
    home.prepare()
    for suffix in ("", "-wal", "-shm"):
        home.database.with_name(home.database.name + suffix).unlink(missing_ok=True)


def _finish(home: Home, secrets: Secrets, first: Entry | None) -> None:
    replica = open_replica(home.database)
    try:
        if first is not None:
            with replica.database.transaction():
                replica.outbox.add(first.header.sequence, encode_entry(first))
                replica.outbox.acknowledge(first.header.sequence, Position(1))
    finally:
        replica.close()
    save_secrets(home.secrets_file, secrets)
