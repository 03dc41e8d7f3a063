"""Every bound of the protocol, with its reason. All sizes in bytes, all times in seconds."""

MAX_DEPTH = 6
"""Nesting of arrays in one message: the deepest message uses 4; more is an attack on the parser."""

MAX_INTEGER = 2**63 - 1
"""So that every integer fits SQL and the signed integers of other languages."""

MAX_ENTRY_BODY = 8 * 1024 * 1024
"""One entry is held in memory whole, several times over, on phones too."""

MAX_ENTRY_PACKS = 4096
"""Packs one entry may refer to: 64 GiB of content at 16 MiB a pack."""

MAX_ENTRY = MAX_ENTRY_BODY + MAX_ENTRY_PACKS * 34 + 1024
"""An encoded entry: body, pack ids (32 bytes and 2 of framing), and the fixed fields."""

MAX_PACK = 32 * 1024 * 1024
"""A pack is checked and opened in memory; 16 MiB is usual, one large chunk more must fit."""

MAX_PACK_CHUNKS = 65_536
"""Chunks in one pack: 16 MiB of the smallest chunks worth packing (256 bytes)."""

MAX_CHUNK = 8 * 1024 * 1024
"""A plaintext chunk; the chunker's own bound is lower."""

MAX_APPEND_ENTRIES = 256
"""Entries in one append: all or none means that they share one transaction."""

MAX_APPEND_BYTES = 16 * 1024 * 1024
"""Bytes of one append; at least one entry of the largest size fits."""

MAX_SEALED_NAME = 512
"""A device's name, sealed: 255 bytes of name, padding, and what sealing adds."""

MAX_WRAPPED_KEY = 2048
"""A wrapped epoch secret; leaves room for the larger post-quantum hybrids."""

MAX_DEVICES = 1024
"""Devices a vault may ever have had; a new epoch wraps its secret for each."""

MAX_EPOCHS = 65_535
"""Epochs of a vault: one a revoked device, far beyond MAX_DEVICES."""

MAX_CONTROL_BODY = 4 * 1024 * 1024
"""The largest control body: a new epoch for MAX_DEVICES devices."""

MAX_MESSAGE = 64 * 1024
"""Any API message that is neither an append nor a pack."""

MAX_SNAPSHOT_PACKS = 1_800
"""Packs of one snapshot: as many as a message can name; 14 GiB at 8 MiB a pack."""

MAX_DOOMED = 4096
"""Packs doomed by one entry; more take more entries."""

MAX_PACK_LIST = 8192
"""Pack ids asked about in one request."""

MAX_MAILBOX_MESSAGE = 16 * 1024
"""One message between two devices that pair."""

MAX_MAILBOX_MESSAGES = 8
"""Messages each side may leave in a mailbox; pairing needs 4."""

MAILBOX_SECONDS = 600
"""A mailbox's life: long enough to walk to the other machine."""

MAX_WAIT_SECONDS = 60
"""How long a reader may ask to wait: below the time-out of common proxies."""

SESSION_SECONDS = 3600
"""A session token's life: it is taken from memory, so a theft stays short."""

CHALLENGE_SECONDS = 60
"""How long a challenge may be answered."""

INVITATION_SECONDS = 7 * 24 * 3600
"""How long an invitation may be used."""

MAX_INVITATION = 64
"""An invitation code, in characters."""

GRACE_DAYS = 7
"""Days before a pack goes that is doomed or that no entry names, unless the server is told
otherwise: a device that is cut off in the middle of an upload has a week."""

ACTIVE_DAYS = 30
"""Days after which a device that has not come holds nothing up any more, unless the server is told
otherwise. Coming later costs it a start from the snapshot, and nothing else."""
