"""Handing a secret to the holder of a wrapping key: HPKE (RFC 9180), base mode.

DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM; the encapsulated key stands before the
ciphertext. Base mode authenticates no sender: who wrapped a secret is vouched for by the
signature of the log entry that carries it.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from cozysync.vault.failures import BadKey, CannotOpen
from cozysync.vault.labels import Label
from cozysync_protocol import DeviceId, Epoch, VaultId

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def device_info(vault: VaultId, epoch: Epoch, device: DeviceId) -> bytes:
    """What an epoch's secret is bound to when it is wrapped for a device."""
    return Label.WRAPPED_FOR_DEVICE.context(vault, epoch.to_bytes(8, "big"), device)


def root_info(vault: VaultId, epoch: Epoch) -> bytes:
    """What an epoch's secret is bound to when it is wrapped for the root."""
    return Label.WRAPPED_FOR_ROOT.context(vault, epoch.to_bytes(8, "big"))


def wrap(secret: bytes, wrapping: bytes, info: bytes, whose: str) -> bytes:
    """`secret` for the holder of this X25519 public key (32 bytes).

    Raises `BadKey`, naming `whose`, for a key that no honest device has.
    """
    try:
        return _SUITE.encrypt(secret, X25519PublicKey.from_public_bytes(wrapping), info)
    except ValueError as error:
        raise BadKey(whose) from error


def unwrap(wrapped: bytes, private: X25519PrivateKey, info: bytes) -> bytes:
    """What `wrap` wrapped; raises `CannotOpen`."""
    try:
        return _SUITE.decrypt(wrapped, private, info)
    except (InvalidTag, ValueError) as error:
        raise CannotOpen("a wrapped secret") from error
