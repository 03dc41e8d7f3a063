"""Becoming part of a vault: making one on a server, or joining that of another device.

Both (and `recover`) end with the secrets file: before it is written this device belongs to no
vault, and whatever else was left by an attempt that broke off is thrown away by the next one. The
caller holds the home's lock.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from cozysync.sync.home import Home
from cozysync.sync.http_remote import HttpRemote
from cozysync.sync.log_reader import WrongLog, read_controls
from cozysync.sync.pin import Pin
from cozysync.sync.remote import Refused
from cozysync.sync.replica import open_replica
from cozysync.sync.seams import Seams
from cozysync.sync.trust import ServerTrust
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
    default_lock,
    save_secrets,
    vault_keys_from_log,
)
from cozysync_protocol import (
    Control,
    Entry,
    ErrorCode,
    ForkDetected,
    LogState,
    Position,
    VaultId,
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


async def check_server(url: str, trust: ServerTrust) -> None:
    """Return when a server that speaks this version answers there; raises `Unreachable`."""
    remote = HttpRemote(url, trust=trust)
    try:
        await remote.info()
    finally:
        await remote.close()


async def found(
    home: Home,
    url: str,
    trust: ServerTrust,
    invitation: str,
    name: str,
    phrase: str,
    seams: Seams,
) -> VaultId:
    """Make a vault on the server at `url`, with this device, called `name`, as its first.

    Its root is the `phrase`, which the person must have by now: it is kept nowhere, and whatever
    happens from here on, it alone leads into the vault. Raises `InVaultAlready`, `Unreachable`,
    `Refused` or `BadName`.
    """
    begin(home)
    root, device = RootKeys.from_phrase(phrase), DeviceKeys.generate(seams.entropy)
    created = create_vault(root, device, name, seams.entropy)
    remote = HttpRemote(url, trust=trust)
    try:
        await remote.create_vault(invitation, encode_entry(created.entry))
    finally:
        await remote.close()
    secrets = Secrets(device, created.keys, root.wrapping_public)
    finish(home, secrets, (created.entry, Position(1)))
    return root.vault


async def join(
    home: Home,
    code: PairingCode,
    name: str,
    seams: Seams,
    learn_server_key: Callable[[bytes], None],
) -> int:
    """Join the vault of the device that shows `code`; returns how many devices are in it.

    The conversation needs no trust in the server; by what to know it from then on the other device
    tells, and `learn_server_key` is called with that before this device is in.

    Raises `InVaultAlready`, `NobodyWaits`, `WrongCode`, `PairingFailed`, `WrongLog`,
    `Unreachable`, `Refused` or `BadName`.
    """
    begin(home)
    device = DeviceKeys.generate(seams.entropy)
    outside = HttpRemote(code.server, trust=ServerTrust(anyone=True))
    try:
        grant = await _converse(outside, code, Newcomer(device.public, name), seams)
    finally:
        await outside.close()
    learn_server_key(grant.server_key)
    inside = HttpRemote(
        code.server, grant.vault, device.id, device.sign, trust=ServerTrust(grant.server_key)
    )
    try:
        keys, devices, pin = await _read_log(inside, device, grant, seams)
    finally:
        await inside.close()
    finish(home, Secrets(device, keys, grant.root_wrapping), None, pin)
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
) -> tuple[VaultKeys, int, Pin]:
    """The vault's keys, how many devices are in it, and where its log ends.

    It is verified to be the log that the other device knows.
    """
    compared = False

    def compare(state: LogState) -> None:
        nonlocal compared
        if compared or state.position < grant.position:
            return
        if state.heads.get(grant.position) != grant.head:
            raise ForkDetected(f"another history up to position {grant.position}")
        compared = True

    def unlock(controls: Iterable[Control]) -> VaultKeys:
        return vault_keys_from_log(device, grant.vault, controls, seams.entropy)

    state, controls = await read_controls(remote, grant.vault, unlock, compare)
    if not compared:
        raise WrongLog(f"it ends at position {state.position} of {grant.position}")
    keys = unlock(controls)
    return keys, sum(not each.revoked for each in state.devices.values()), Pin.at(state)


def begin(home: Home) -> None:
    """Make room for a vault, and throw away what an attempt that broke off has left."""
    if home.has_vault:
        raise InVaultAlready(home)
    home.prepare()
    for suffix in ("", "-wal", "-shm"):
        home.database.with_name(home.database.name + suffix).unlink(missing_ok=True)
    home.bindings_file.unlink(missing_ok=True)


def finish(
    home: Home, secrets: Secrets, first: tuple[Entry, Position] | None, pin: Pin | None = None
) -> None:
    """Write down that this device is in.

    `first` is its first entry, and where in the log it is, when it wrote one itself; `pin` is the
    end of the log that was read to come in.
    """
    replica = open_replica(home.database)
    try:
        if pin is not None:
            pin.save(replica)
        if first is not None:
            entry, position = first
            with replica.database.transaction():
                replica.outbox.add(entry.header.sequence, encode_entry(entry))
                replica.outbox.acknowledge(entry.header.sequence, position)
    finally:
        replica.close()
    save_secrets(home.secrets_file, replace(secrets, lock=default_lock()))
