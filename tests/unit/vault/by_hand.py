"""The derivations and HPKE once more, straight from their definitions, to compare with."""

import hmac
from hashlib import sha256

from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def derived(key: bytes, label: bytes, *parts: bytes) -> bytes:
    return blake3(label + b"\0" + b"".join(parts), key=key).digest()


def aes_gcm(key: bytes, nonce: bytes, plaintext: bytes, context: bytes) -> bytes:
    return nonce + AESGCM(key).encrypt(nonce, plaintext, context)


def hpke(ephemeral: bytes, public: bytes, info: bytes, plaintext: bytes) -> bytes:
    """RFC 9180 base mode: DHKEM(X25519, HKDF-SHA256) 0x20, HKDF-SHA256 1, AES-256-GCM 2."""
    private = X25519PrivateKey.from_private_bytes(ephemeral)
    encapsulated = private.public_key().public_bytes_raw()
    kem = b"KEM\x00\x20"
    shared = private.exchange(X25519PublicKey.from_public_bytes(public))
    secret = _expand(
        kem, _extract(kem, b"", b"eae_prk", shared), b"shared_secret", encapsulated + public, 32
    )
    suite = b"HPKE\x00\x20\x00\x01\x00\x02"
    context = b"\0" + _extract(suite, b"", b"psk_id_hash", b"")
    context += _extract(suite, b"", b"info_hash", info)
    scheduled = _extract(suite, secret, b"secret", b"")
    key = _expand(suite, scheduled, b"key", context, 32)
    nonce = _expand(suite, scheduled, b"base_nonce", context, 12)
    return encapsulated + AESGCM(key).encrypt(nonce, plaintext, b"")


def _extract(suite: bytes, salt: bytes, label: bytes, material: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + material, "sha256")


def _expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.new(key, labelled + b"\1", sha256).digest()[:length]
