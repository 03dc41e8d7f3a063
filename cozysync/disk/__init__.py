"""A folder on a real disk: its marker, index and ignore rules."""

from cozysync.disk.ignore import (
    BUILT_IN,
    IGNORE_FILE,
    Ignore,
)
from cozysync.disk.index import (
    INDEX_COMPONENT,
    INDEX_MIGRATIONS,
    DiskIndex,
    IndexRow,
    new_row,
    pack_heads,
)
from cozysync.disk.posix import (
    PRIVATE,
    Disk,
    Entry,
    PosixDisk,
    Stat,
)
from cozysync.disk.root import (
    FolderError,
    RootState,
    check_root,
    prepare_root,
)

__all__ = [
    "BUILT_IN",
    "IGNORE_FILE",
    "INDEX_COMPONENT",
    "INDEX_MIGRATIONS",
    "PRIVATE",
    "Disk",
    "DiskIndex",
    "Entry",
    "FolderError",
    "Ignore",
    "IndexRow",
    "PosixDisk",
    "RootState",
    "Stat",
    "check_root",
    "new_row",
    "pack_heads",
    "prepare_root",
]
