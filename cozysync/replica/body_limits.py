"""How much one sealed body may hold, and why."""

from cozysync_protocol import MAX_ENTRY_BODY

# Room that sealing, the epoch and padding (Padmé adds 12 % at the very most, under 1 % at this
# size; an eighth is simple and safe) take of an entry's body.
MAX_BODY = MAX_ENTRY_BODY - MAX_ENTRY_BODY // 8

# Decoded, an operation weighs about 600 bytes: this many stay below 40 MB. A first upload of
# 10,000 small files takes about 21,000.
MAX_OPERATIONS = 65_536

# A chunk takes 32 bytes of id and at most 15 of numbers, and a pack 32: with as many packs as an
# entry may refer to, this many stay below half a body, so that half is always free for operations.
MAX_CHUNKS = 65_536

# Nodes of one part of a delete, each at most two ids of 18 bytes: 1.2 MB.
MAX_DELETE_NODES = 32_768

# Linux allows 255 bytes and macOS 255 UTF-16 units, which is up to 765 bytes.
MAX_NAME = 1_024

# A file's recipe (or a link's target) inside a write. Recipes longer than this go into chunks.
MAX_DETAIL = 1 << 20

# Versions that one write supersedes: as many as devices may have edited one file apart.
MAX_SUPERSEDED = 1_024

MAX_ATTRIBUTE_KEY = 64
MAX_ATTRIBUTE_VALUE = 4_096
