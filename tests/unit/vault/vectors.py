"""Makes protocol/vectors/keys.json: `python -m tests.unit.vault.vectors`.

Everything random is drawn from `counted`, so that the vectors can be made again.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from mnemonic import Mnemonic

from cozysync.vault import (
    DeviceKeys,
    Grant,
    Join,
    Label,
    Newcomer,
    Offer,
    RootKeys,
    VaultKeys,
    fingerprint,
    parse_code,
    passphrase_lock,
    show_fingerprint,
)
from cozysync.vault.labels import derive
from cozysync.vault.lock import LANES, MEMORY_KIB, PASSES
from cozysync.vault.wrapping import device_info, root_info
from cozysync_protocol import (
    EntryHash,
    EntryHeader,
    EntryKind,
    Epoch,
    HeadHash,
    PackId,
    Position,
    Sequence,
)
from tests.unit.vault.by_hand import hpke

VECTORS = Path(__file__).parents[3] / "protocol" / "vectors" / "keys.json"

ROOT_ENTROPY = bytes(range(32))
SECRETS = {Epoch(1): bytes([0x11]) * 32, Epoch(2): bytes([0x22]) * 32}
PLAINTEXT = b"The quick brown fox jumps over the lazy dog"
NAME = "büro"
PASSPHRASE = "correct horse battery stäple"
CODE = "192.168.1.5:8017/42-apple-river-stone"


def counted(size: int) -> bytes:
    """Bytes 0, 1, 2…: what stands in for randomness in the vectors."""
    return bytes(range(size))


def header(keys: VaultKeys, device: DeviceKeys) -> EntryHeader:
    return EntryHeader(
        vault=keys.vault,
        device=device.id,
        sequence=Sequence(7),
        previous=EntryHash(bytes([0x33]) * 32),
        seen_position=Position(9),
        seen_head=HeadHash(bytes([0x44]) * 32),
        epoch=Epoch(2),
        packs=(PackId(bytes([0x55]) * 32),),
        kind=EntryKind.SEALED,
    )


def newcomer() -> Newcomer:
    return Newcomer(DeviceKeys(bytes([0x66]) * 32, bytes([0x77]) * 32).public, NAME)


def grant(root: RootKeys) -> Grant:
    head = HeadHash(bytes([0x88]) * 32)
    return Grant(root.signing_public, root.wrapping_public, Position(12), head, bytes(32))


def conversation(root: RootKeys) -> dict[str, str]:
    """All messages of one pairing. The two sides draw different numbers, as they must."""
    offer = Offer(parse_code(CODE), counted)
    join = Join(parse_code(CODE), lambda size: bytes(reversed(range(size))))
    said = {"start": offer.start()}
    said["answer"] = join.answer(said["start"])
    said["confirm"] = offer.confirm(said["answer"])
    said["introduce"] = join.introduce(said["confirm"], newcomer())
    offer.meet(said["introduce"])
    said["grant"] = offer.grant(grant(root))
    return {step: message.hex() for step, message in said.items()}


def server_certificate() -> bytes:
    """A certificate that is the same whenever it is made."""
    key = Ed25519PrivateKey.from_private_bytes(bytes([0xBB]) * 32)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cozysync")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(key.public_key()).serial_number(7)
    builder = builder.not_valid_before(datetime(2000, 1, 1, tzinfo=UTC))
    made = builder.not_valid_after(datetime(2999, 1, 1, tzinfo=UTC)).sign(key, None)
    return made.public_bytes(Encoding.DER)


def make() -> dict[str, object]:
    """The vectors; all byte strings in hex."""
    phrase = Mnemonic("english").to_mnemonic(ROOT_ENTROPY)
    root = RootKeys.from_phrase(phrase)
    device = DeviceKeys(bytes([0x99]) * 32, bytes([0xAA]) * 32)
    keys = VaultKeys(root.vault, SECRETS, counted)
    chunk = keys.chunk_id(PLAINTEXT)
    head = header(keys, device)
    return {
        "derive": {
            label.name: {
                "label": label.value.decode(),
                "key": SECRETS[Epoch(1)].hex(),
                "context": b"context".hex(),
                "derived": derive(SECRETS[Epoch(1)], label, b"context").hex(),
            }
            for label in Label
        },
        "root": {
            "entropy": ROOT_ENTROPY.hex(),
            "phrase": phrase,
            "signing_private": derive(ROOT_ENTROPY, Label.ROOT_SIGNING).hex(),
            "wrapping_private": derive(ROOT_ENTROPY, Label.ROOT_WRAPPING).hex(),
            "signing_public": root.signing_public.hex(),
            "wrapping_public": root.wrapping_public.hex(),
            "vault": root.vault.hex(),
            "certificate": root.certify(device.public).hex(),
        },
        "device": {
            "signing_private": device.private_bytes()[0].hex(),
            "wrapping_private": device.private_bytes()[1].hex(),
            "signing_public": device.public.signing.hex(),
            "wrapping_public": device.public.wrapping.hex(),
            "device": device.id.hex(),
        },
        "epochs": {str(epoch): secret.hex() for epoch, secret in SECRETS.items()},
        "ids": {
            "plaintext": PLAINTEXT.hex(),
            "node_hash": keys.node_hash(PLAINTEXT).hex(),
            "chunk_id": chunk.hex(),
            "content_digest_of_that_chunk_twice": keys.content_digest([chunk, chunk]).hex(),
        },
        "sealed": {
            "chunk": bytes(keys.seal_chunk(chunk, PLAINTEXT)).hex(),
            "entry_associated_data": head.associated_data().hex(),
            "entry_body": keys.seal_entry(head, PLAINTEXT).hex(),
            "index": keys.seal_index(PLAINTEXT).hex(),
            "name": NAME,
            "name_sealed": keys.seal_name(device.id, NAME).hex(),
        },
        "wrapped": {
            "ephemeral_private": counted(32).hex(),
            "epoch_1_for_device": hpke(
                counted(32),
                device.public.wrapping,
                device_info(root.vault, Epoch(1), device.id),
                SECRETS[Epoch(1)],
            ).hex(),
            "epoch_2_for_root": hpke(
                counted(32),
                root.wrapping_public,
                root_info(root.vault, Epoch(2)),
                SECRETS[Epoch(2)],
            ).hex(),
        },
        "passphrase": {
            "passphrase": PASSPHRASE,
            "salt": counted(16).hex(),
            "memory_kib": MEMORY_KIB,
            "passes": PASSES,
            "lanes": LANES,
            "key": passphrase_lock(PASSPHRASE, counted).key.hex(),
        },
        "server": {
            "certificate": server_certificate().hex(),
            "fingerprint": fingerprint(server_certificate()).hex(),
            "key": show_fingerprint(fingerprint(server_certificate())),
        },
        "pairing": {"code": CODE, **conversation(root)},
    }


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(make(), indent=2, ensure_ascii=False) + "\n")
