"""Makes protocol/vectors/wire.json: `python -m tests.unit.protocol.vectors`."""

import json
from pathlib import Path

from cozysync_protocol import (
    Append,
    Begun,
    DeviceRenamed,
    GivenBack,
    LogFrame,
    PackBuilder,
    PacksDoomed,
    Position,
    SnapshotPointer,
    encode,
    encode_control,
    encode_entry,
    encode_frame,
    entry_hash,
    padded_size,
    session_signed_part,
    signed_part,
)
from tests.unit.protocol.logs import ANN, BOB, ROOT, VAULT, Log, added, created, epoch, revoked

VECTORS = Path(__file__).parents[3] / "protocol" / "vectors" / "wire.json"
VALUES = ([], [0, 127, 128, -1, -33, 2**63 - 1], [b"", b"xxx"], ["", "ü"], [None, True])
SIZES = [0, 1, 2, 9, 100, 1000, 4097, 65_537, 1_000_000, 16_777_217]


def make():
    """The vectors; all byte strings in hex."""
    log = Log()
    log.append(ANN)
    log.append(ANN, added(BOB))
    entry = log.append(BOB, packs=(bytes([5]) * 32,), body=b"sealed body")
    encoded = encode_entry(entry)
    builder = PackBuilder()
    builder.add(bytes([1]) * 32, b"a sealed chunk")
    builder.add(bytes([2]) * 32, b"another" * 20)
    pack = builder.finish(lambda index: b"SEALED" + index)
    controls = {
        "vault_created": created(),
        "device_added": added(BOB),
        "device_recovered": added(BOB, ROOT),
        "device_revoked": revoked(BOB),
        "epoch_started": epoch(2, ANN, BOB),
        "packs_doomed": PacksDoomed((bytes([5]) * 32, bytes([6]) * 32)),
        "device_renamed": DeviceRenamed(BOB.id, b"another name"),
    }
    return {
        "codec": {
            repr(value): encode(value).hex()
            for value in (
                [],
                [0, 127, 128, -1, -33, 2**63 - 1],
                [b"", b"x" * 3],
                ["", "ü"],
                [None, True],
            )
        },
        "ids": {
            "root_signing": ROOT.public.hex(),
            "root_wrapping": ROOT.keys.wrapping.hex(),
            "vault": VAULT.hex(),
            "signing": BOB.public.hex(),
            "device": BOB.id.hex(),
        },
        "entry": {
            "signing_seed": (bytes([3]) * 32).hex(),
            "signed_part": signed_part(entry.header, entry.body).hex(),
            "signature": entry.signature.hex(),
            "encoded": encoded.hex(),
            "hash": entry_hash(encoded).hex(),
        },
        "log": {
            "entries": [encode_entry(each).hex() for each in log.entries],
            "heads": [log.state.heads[Position(n)].hex() for n in range(1, 5)],
        },
        "control": {name: encode_control(each).hex() for name, each in controls.items()},
        "frame": encode_frame(LogFrame(log.state.position, log.state.head, encoded)).hex(),
        "append": Append((encoded,)).encode().hex(),
        "given_back": {
            "by_a_device": given_back(log, encoded).encode().hex(),
            "by_invitation": given_back(log, encoded, "an invitation").encode().hex(),
        },
        "begun": {
            "state": log.state.encode().hex(),
            "encoded": begun(log).encode().hex(),
        },
        "session_signed_part": session_signed_part(VAULT, BOB.id, b"nonce").hex(),
        "pack": {"data": pack.data.hex(), "id": pack.id.hex(), "index_sealed_as": "SEALED ‖ index"},
        "snapshot": snapshot(log.state).encode().hex(),
        "padded_size": {str(size): padded_size(size) for size in SIZES},
    }


def given_back(log, encoded, invitation=""):
    """The last entry of a log, given back on the way to one more."""
    frame = LogFrame(log.state.position, log.state.head, encoded)
    return GivenBack(Position(log.state.position + 1), (frame,), invitation)


def begun(log):
    """Where this log begins on a server that has lost it, with the first entry as its witness."""
    first = LogFrame(Position(1), log.state.heads[Position(1)], encode_entry(log.entries[0]))
    return Begun("an invitation", log.state, (first,))


def snapshot(state):
    """The pointer to a snapshot of a state, by its first device."""
    packs = (bytes([5]) * 32,)
    pointer = SnapshotPointer(VAULT, ANN.id, state.position, state.head, state.epoch, 4096, packs)
    return pointer.signed(ANN.sign)


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(make(), indent=1, ensure_ascii=False) + "\n")
