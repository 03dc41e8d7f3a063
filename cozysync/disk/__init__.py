"""A folder on a real disk: its marker, index and ignore rules, scanning and placing."""

from cozysync.disk.databases import (
    InUse,
    full_stat,
    is_database,
    open_still,
    without_companions,
)
from cozysync.disk.ground import ClosableDisk, Ground, RealGround, Watch
from cozysync.disk.ignore import (
    BUILT_IN,
    IGNORE_FILE,
    Ignore,
)
from cozysync.disk.index import (
    ASIDE,
    ASIDE_NODE,
    INDEX_COMPONENT,
    INDEX_MIGRATIONS,
    DiskIndex,
    IndexRow,
    new_row,
    pack_heads,
)
from cozysync.disk.journal import JOURNAL_MIGRATION, Intent, Journal
from cozysync.disk.names import Fold, fold, probe_fold
from cozysync.disk.place import (
    STAGING,
    Placer,
)
from cozysync.disk.posix import (
    PRIVATE,
    Disk,
    Entry,
    PosixDisk,
    Stat,
    write_all,
)
from cozysync.disk.root import (
    MARKER,
    FolderError,
    RootState,
    check_root,
    prepare_root,
)
from cozysync.disk.scan import (
    RACY_NS,
    Appeared,
    Changed,
    Findings,
    Moved,
    Unscannable,
    Vanished,
    is_racy,
    scan,
)
from cozysync.disk.trash import TRASH, empty_trash
from cozysync.disk.watch import (
    DEBOUNCE_MS,
    POLL_S,
    STEP_MS,
    Watcher,
)

__all__ = [
    "ASIDE",
    "ASIDE_NODE",
    "BUILT_IN",
    "DEBOUNCE_MS",
    "IGNORE_FILE",
    "INDEX_COMPONENT",
    "INDEX_MIGRATIONS",
    "JOURNAL_MIGRATION",
    "MARKER",
    "POLL_S",
    "PRIVATE",
    "RACY_NS",
    "STAGING",
    "STEP_MS",
    "TRASH",
    "Appeared",
    "Changed",
    "ClosableDisk",
    "Disk",
    "DiskIndex",
    "Entry",
    "Findings",
    "Fold",
    "FolderError",
    "Ground",
    "Ignore",
    "InUse",
    "IndexRow",
    "Intent",
    "Journal",
    "Moved",
    "Placer",
    "PosixDisk",
    "RealGround",
    "RootState",
    "Stat",
    "Unscannable",
    "Vanished",
    "Watch",
    "Watcher",
    "check_root",
    "empty_trash",
    "fold",
    "full_stat",
    "is_database",
    "is_racy",
    "new_row",
    "open_still",
    "pack_heads",
    "prepare_root",
    "probe_fold",
    "scan",
    "without_companions",
    "write_all",
]
