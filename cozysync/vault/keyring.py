"""A vault's secret keys, and everything that is named or sealed with them.

How to think about it. Each *epoch* has one secret of 32 bytes; revoking a device starts a new
epoch. From an epoch's secret come four keys (for chunks, entries, pack indexes and names), and
from those a key of its own for every single thing that is sealed. Ids and digests come from the
first epoch's secret for ever, so that contents keep their ids across epochs.

Everything here is synchronous, and safe to call from several threads at once.
"""

import os
from collections.abc import Iterable, Mapping

from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cozysync.vault.failures import BadName, CannotOpen, MissingEpoch, NotEnrolled
from cozysync.vault.labels import Label, derive
from cozysync.vault.seal import NONCE, SEAL_OVERHEAD, Entropy, pad, seal, unpad, unseal
from cozysync_protocol import ChunkId, DeviceId, Entry, EntryHeader, Epoch, VaultId

EPOCH_SECRET = 32
"""Bytes of an epoch's secret."""

FIRST_EPOCH = Epoch(1)

CHUNK_OVERHEAD = 4 + SEAL_OVERHEAD
"""Bytes that sealing adds to a chunk: the epoch (u32), nonce and tag."""

MAX_DEVICE_NAME = 255
"""Bytes of a device's name in UTF-8: a file name holds it, as conflict names need."""

_EPOCH = 4
_SALT = 16
_CHUNK_HEADER = _EPOCH + NONCE
# Putting the header before 512 KiB of ciphertext by copying both took up to 400 µs beside 28 µs
# of AES, nearly all of it fresh memory; below some 32 KiB the copy is the cheaper one.
_SEAL_IN_PLACE_FROM = 32 * 1024


class _EpochKeys:
    """The four keys of one epoch, derived once."""

    __slots__ = ("chunks", "entries", "indexes", "names", "prefix", "secret")

    def __init__(self, vault: VaultId, epoch: Epoch, secret: bytes) -> None:
        self.secret = secret
        self.prefix = epoch.to_bytes(_EPOCH, "big")
        self.chunks = derive(secret, Label.CHUNK_KEYS, vault)
        self.entries = derive(secret, Label.ENTRY_KEYS, vault)
        self.indexes = derive(secret, Label.INDEX_KEYS, vault)
        self.names = derive(secret, Label.NAME_KEYS, vault)


class VaultKeys:
    """The secrets of one vault that a device holds.

    `epochs` maps each epoch to its secret (32 bytes) and must hold the first, else `NotEnrolled`
    is raised. Values are immutable: `with_epoch` gives a new keyring.
    """

    __slots__ = ("_by_epoch", "_chunk_aad", "_chunk_ids", "_digests", "_entropy", "_node_ids",
                 "_now", "current", "vault")  # fmt: skip

    def __init__(
        self, vault: VaultId, epochs: Mapping[Epoch, bytes], entropy: Entropy = os.urandom
    ) -> None:
        if FIRST_EPOCH not in epochs:
            raise NotEnrolled
        if any(len(secret) != EPOCH_SECRET for secret in epochs.values()):
            raise CannotOpen("an epoch's secret")
        self.vault = vault
        self.current = max(epochs)
        self._entropy = entropy
        self._by_epoch = {
            epoch: _EpochKeys(vault, epoch, secret) for epoch, secret in sorted(epochs.items())
        }
        self._now = self._by_epoch[self.current]
        first = epochs[FIRST_EPOCH]
        self._node_ids = derive(first, Label.NODE_IDS, vault)
        self._chunk_ids = derive(first, Label.CHUNK_IDS, vault)
        self._digests = derive(first, Label.CONTENT_DIGESTS, vault)
        self._chunk_aad = Label.SEALED_CHUNK.context(vault)

    def __repr__(self) -> str:
        return f"VaultKeys(vault={self.vault.hex()}, epochs={list(self._by_epoch)})"

    @property
    def epochs(self) -> tuple[Epoch, ...]:
        """The epochs whose secret is held, in order."""
        return tuple(self._by_epoch)

    def secret(self, epoch: Epoch) -> bytes:
        """An epoch's secret, to wrap it for somebody; raises `MissingEpoch`."""
        return self._epoch(epoch, "a secret").secret

    def with_epoch(self, epoch: Epoch, secret: bytes) -> "VaultKeys":
        """This keyring and one more epoch."""
        secrets = {known: keys.secret for known, keys in self._by_epoch.items()}
        return VaultKeys(self.vault, {**secrets, epoch: secret}, self._entropy)

    # Names: keyed hashes, equal within a vault and meaningless outside.

    def node_hash(self, data: bytes) -> bytes:
        """32 bytes to make a node's id from."""
        return blake3(data, key=self._node_ids).digest()

    def chunk_id(self, plaintext: bytes | bytearray | memoryview) -> ChunkId:
        """The id of a chunk with this content."""
        return ChunkId(blake3(plaintext, key=self._chunk_ids).digest())

    def content_digest(self, chunks: Iterable[ChunkId]) -> bytes:
        """32 bytes that name a file's content, given the ids of its chunks in order."""
        return blake3(b"".join(chunks), key=self._digests).digest()

    # Chunks: epoch (u32, big endian), nonce, ciphertext, tag.

    def seal_chunk(self, chunk: ChunkId, plaintext: bytes) -> bytes | bytearray:
        """The sealed form of a chunk under the current epoch, bound to vault and chunk id."""
        # `seal` and `derive` written out: this is the one path where microseconds count.
        nonce = self._entropy(NONCE)
        cipher = AESGCM(blake3(chunk, key=self._now.chunks).digest())
        context = self._chunk_aad + chunk
        if len(plaintext) < _SEAL_IN_PLACE_FROM:
            return self._now.prefix + nonce + cipher.encrypt(nonce, plaintext, context)
        sealed = bytearray(CHUNK_OVERHEAD + len(plaintext))
        sealed[:_CHUNK_HEADER] = self._now.prefix + nonce
        cipher.encrypt_into(nonce, plaintext, context, memoryview(sealed)[_CHUNK_HEADER:])
        return sealed

    def open_chunk(self, sealed: bytes | bytearray | memoryview, chunk: ChunkId) -> bytes:
        """What was sealed as this chunk; raises `CannotOpen` or `MissingEpoch`.

        Whether its hash is the chunk's id is for the caller to check: it may be compressed.
        """
        if len(sealed) < CHUNK_OVERHEAD:
            raise CannotOpen("a chunk")
        epoch = self._epoch(int.from_bytes(sealed[:_EPOCH], "big"), "a chunk")
        key = blake3(chunk, key=epoch.chunks).digest()
        nonce, body = sealed[_EPOCH : _EPOCH + NONCE], sealed[_EPOCH + NONCE :]
        try:
            return AESGCM(key).decrypt(nonce, body, self._chunk_aad + chunk)
        except InvalidTag as error:
            raise CannotOpen("a chunk") from error

    # Entries: the epoch stands in the header, and all of the header is bound in.

    def seal_entry(self, header: EntryHeader, plaintext: bytes) -> bytes:
        """The body of an entry with this header; raises `MissingEpoch` for `header.epoch`."""
        context = Label.SEALED_ENTRY.context(header.associated_data())
        return seal(self._entry_key(header), pad(plaintext), context, self._entropy)

    def open_entry(self, entry: Entry) -> bytes:
        """What `seal_entry` sealed; raises `CannotOpen` or `MissingEpoch`."""
        context = Label.SEALED_ENTRY.context(entry.header.associated_data())
        padded = unseal(self._entry_key(entry.header), entry.body, context, "an entry")
        return unpad(padded, "an entry")

    def _entry_key(self, header: EntryHeader) -> bytes:
        epoch = self._epoch(header.epoch, "an entry")
        place = header.device + header.sequence.to_bytes(8, "big")
        return blake3(place, key=epoch.entries).digest()

    # Pack indexes and device names: epoch, salt (16 bytes), nonce, ciphertext, tag. They have no
    # number to derive their own key from when they are made, so a random salt stands in.

    def seal_index(self, index: bytes) -> bytes:
        """The sealed index of a pack; not padded, for the pack itself is."""
        salt = self._entropy(_SALT)
        key = blake3(salt, key=self._now.indexes).digest()
        context = Label.SEALED_INDEX.context(self.vault)
        return self._now.prefix + salt + seal(key, index, context, self._entropy)

    def open_index(self, sealed: bytes) -> bytes:
        """What `seal_index` sealed; raises `CannotOpen` or `MissingEpoch`."""
        what = "a pack's index"
        epoch, salt, rest = self._salted(sealed, what)
        key = blake3(salt, key=epoch.indexes).digest()
        return unseal(key, rest, Label.SEALED_INDEX.context(self.vault), what)

    def seal_name(self, device: DeviceId, name: str) -> bytes:
        """A device's name, sealed and padded, bound to the device; raises `BadName`."""
        encoded = name.encode("utf-8", "replace")
        if not 0 < len(encoded) <= MAX_DEVICE_NAME or not name.isprintable():
            raise BadName(MAX_DEVICE_NAME)
        salt = self._entropy(_SALT)
        key = blake3(salt, key=self._now.names).digest()
        context = Label.SEALED_NAME.context(self.vault, device)
        return self._now.prefix + salt + seal(key, pad(encoded), context, self._entropy)

    def open_name(self, device: DeviceId, sealed: bytes) -> str:
        """What `seal_name` sealed; raises `CannotOpen` or `MissingEpoch`."""
        what = "a device's name"
        epoch, salt, rest = self._salted(sealed, what)
        key = blake3(salt, key=epoch.names).digest()
        context = Label.SEALED_NAME.context(self.vault, device)
        name = unpad(unseal(key, rest, context, what), what).decode("utf-8", "replace")
        if not 0 < len(name) <= MAX_DEVICE_NAME or not name.isprintable():
            raise CannotOpen(what)
        return name

    def _salted(self, sealed: bytes, what: str) -> tuple[_EpochKeys, bytes, bytes]:
        if len(sealed) < _EPOCH + _SALT:
            raise CannotOpen(what)
        epoch = self._epoch(int.from_bytes(sealed[:_EPOCH], "big"), what)
        return epoch, sealed[_EPOCH : _EPOCH + _SALT], sealed[_EPOCH + _SALT :]

    def _epoch(self, epoch: int, what: str) -> _EpochKeys:
        try:
            return self._by_epoch[Epoch(epoch)]
        except KeyError as error:
            raise MissingEpoch(what, epoch) from error
