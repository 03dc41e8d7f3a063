"""Authenticated encryption: AES-256-GCM with a random 96-bit nonce in front.

Every use has a key of its own (for one chunk, one entry, one index), so even two equal nonces
would meet under two keys; nonces are random all the same, so that a cloned or restored disk
repeats none.
"""

from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cozysync.vault.failures import CannotOpen
from cozysync_protocol import padded_size

Entropy = Callable[[int], bytes]
"""Returns that many random bytes; `os.urandom` but for tests and simulations."""

NONCE = 12
TAG = 16
SEAL_OVERHEAD = NONCE + TAG
"""Bytes that sealing adds."""

_LENGTH = 4


def seal(key: bytes, plaintext: bytes, context: bytes, entropy: Entropy) -> bytes:
    """Nonce, ciphertext and tag of `plaintext` under a 32-byte key, bound to `context`."""
    nonce = entropy(NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, context)


def unseal(key: bytes, sealed: bytes, context: bytes, what: str) -> bytes:
    """What `seal` sealed; raises `CannotOpen`, naming `what`, for anything else."""
    if len(sealed) < SEAL_OVERHEAD:
        raise CannotOpen(what)
    try:
        return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], context)
    except InvalidTag as error:
        raise CannotOpen(what) from error


def pad(plaintext: bytes) -> bytes:
    """The length (u32, big endian), the plaintext, and zeros up to a Padmé size."""
    size = _LENGTH + len(plaintext)
    return len(plaintext).to_bytes(_LENGTH, "big") + plaintext + bytes(padded_size(size) - size)


def unpad(padded: bytes, what: str) -> bytes:
    """What `pad` padded; raises `CannotOpen` when the padding is not the one it makes."""
    end = _LENGTH + int.from_bytes(padded[:_LENGTH], "big")
    if end > len(padded) or len(padded) != padded_size(end) or any(padded[end:]):
        raise CannotOpen(what)
    return padded[_LENGTH:end]
