"""The one table of labels, and the one way to derive a key from a key.

Every key, id and piece of authenticated context names its purpose by a label from here, so two
purposes can never share a key by accident. Labels are part of the format: changing one makes
everything sealed before unreadable. `protocol/vectors/keys.json` pins them.
"""

from enum import Enum

from blake3 import blake3


class Label(Enum):
    """What a derived key or an authenticated context is for."""

    # From the recovery phrase.
    ROOT_SIGNING = b"cozysync 1 root signing"
    ROOT_WRAPPING = b"cozysync 1 root wrapping"
    # From the first epoch's secret, so that ids never change.
    NODE_IDS = b"cozysync 1 node ids"
    CHUNK_IDS = b"cozysync 1 chunk ids"
    CONTENT_DIGESTS = b"cozysync 1 content digests"
    # From each epoch's secret.
    CHUNK_KEYS = b"cozysync 1 chunk keys"
    ENTRY_KEYS = b"cozysync 1 entry keys"
    INDEX_KEYS = b"cozysync 1 index keys"
    NAME_KEYS = b"cozysync 1 name keys"
    # Contexts that a seal is bound to.
    SEALED_CHUNK = b"cozysync 1 sealed chunk"
    SEALED_ENTRY = b"cozysync 1 sealed entry"
    SEALED_INDEX = b"cozysync 1 sealed index"
    SEALED_NAME = b"cozysync 1 sealed name"
    SEALED_SECRETS = b"cozysync 1 sealed secrets"
    # Contexts that a wrapped epoch secret is bound to.
    WRAPPED_FOR_DEVICE = b"cozysync 1 wrapped for device"
    WRAPPED_FOR_ROOT = b"cozysync 1 wrapped for root"
    # From the key that two pairing devices agree on.
    PAIRING_OFFERER = b"cozysync 1 pairing offerer"
    PAIRING_JOINER = b"cozysync 1 pairing joiner"
    PAIRING_OFFER_CONFIRMED = b"cozysync 1 pairing offer confirmed"
    PAIRING_JOIN_CONFIRMED = b"cozysync 1 pairing join confirmed"
    PAIRING_INTRODUCTION = b"cozysync 1 pairing introduction"
    PAIRING_GRANT = b"cozysync 1 pairing grant"

    def context(self, *parts: bytes) -> bytes:
        """The label, a zero byte and the parts.

        No label holds a zero byte, so contexts of two labels never coincide; the parts of one
        label have fixed sizes, all but the last.
        """
        return self.value + b"\0" + b"".join(parts)


def derive(key: bytes, label: Label, *parts: bytes) -> bytes:
    """32 bytes derived from a 32-byte key for this purpose and context.

    Keyed BLAKE3 rather than HKDF-Expand: both are pseudorandom functions of a uniform key, and
    one chunk key takes 0.4 µs against 1.5 µs, which counts with thousands of small files.
    """
    return blake3(label.context(*parts), key=key).digest()
