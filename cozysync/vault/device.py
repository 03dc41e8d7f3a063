"""A device's own keys."""

import os

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from cozysync.vault.seal import Entropy
from cozysync.vault.wrapping import unwrap
from cozysync_protocol import DeviceId, PublicKeys

SEED = 32
"""Bytes of a private key, signing or wrapping."""


class DeviceKeys:
    """A device's private keys: Ed25519 to sign its entries, X25519 to be given secrets.

    `signing` and `wrapping` are the private keys' 32 bytes; nothing shows them but
    `private_bytes`, which the secrets file needs.
    """

    __slots__ = ("_private", "_signing", "_wrapping", "id", "public")

    def __init__(self, signing: bytes, wrapping: bytes) -> None:
        self._private = (signing, wrapping)
        self._signing = Ed25519PrivateKey.from_private_bytes(signing)
        self._wrapping = X25519PrivateKey.from_private_bytes(wrapping)
        self.public = PublicKeys(
            signing=self._signing.public_key().public_bytes_raw(),
            wrapping=self._wrapping.public_key().public_bytes_raw(),
        )
        self.id: DeviceId = self.public.device

    @classmethod
    def generate(cls, entropy: Entropy = os.urandom) -> "DeviceKeys":
        """New keys for a new device."""
        return cls(entropy(SEED), entropy(SEED))

    def __repr__(self) -> str:
        return f"DeviceKeys(id={self.id.hex()})"

    def private_bytes(self) -> tuple[bytes, bytes]:
        """The private signing and wrapping keys, for the secrets file alone."""
        return self._private

    def sign(self, text: bytes) -> bytes:
        """The 64-byte Ed25519 signature of this device."""
        return self._signing.sign(text)

    def unwrap(self, wrapped: bytes, info: bytes) -> bytes:
        """A secret that was wrapped for this device; raises `CannotOpen`."""
        return unwrap(wrapped, self._wrapping, info)
