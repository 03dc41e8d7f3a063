"""From a verified entry to its body, which may claim no more than the entry's header says."""

from cozysync.replica import SealedBody, decode_body
from cozysync.vault import VaultKeys
from cozysync_protocol import Entry, Malformed


def body_of(keys: VaultKeys, entry: Entry) -> SealedBody:
    """The opened body; raises `Malformed`, and what opening raises."""
    body = decode_body(keys.open_entry(entry))
    if body.batch.device != entry.header.device:
        raise Malformed("an entry with operations of another device")
    packs = set(entry.header.packs)
    if any(location.pack not in packs for location in body.chunks):
        raise Malformed("an entry with chunks in packs that it does not name")
    return body
