"""The replicated tree and its resolver: pure, without I/O or clock. See conflict/THEORY.md."""

from cozysync_conflict.apply import (
    apply,
)
from cozysync_conflict.clock import (
    COUNTER_BITS,
    Dot,
    HybridClock,
    Stamp,
    VersionVector,
)
from cozysync_conflict.memory import (
    MemoryStore,
)
from cozysync_conflict.operations import (
    NODE_ID_BYTES,
    ROOT,
    Action,
    Batch,
    Content,
    Create,
    Delete,
    Kind,
    MissingOperations,
    Move,
    NodeId,
    Operation,
    SetAttribute,
    Write,
    kind_of,
    node_id,
)
from cozysync_conflict.queries import (
    attribute,
    distinct_heads,
    heads,
    is_shown,
    next_id,
    path_of,
    shown_children,
    winner,
)
from cozysync_conflict.resolve import (
    CONFLICT_OF,
    Label,
    Merge,
    resolve,
)
from cozysync_conflict.store import (
    Deletion,
    DirectoryMove,
    Head,
    Node,
    Placement,
    Store,
)
from cozysync_conflict.truncate import (
    truncate,
)

__all__ = [
    "CONFLICT_OF",
    "COUNTER_BITS",
    "NODE_ID_BYTES",
    "ROOT",
    "Action",
    "Batch",
    "Content",
    "Create",
    "Delete",
    "Deletion",
    "DirectoryMove",
    "Dot",
    "Head",
    "HybridClock",
    "Kind",
    "Label",
    "MemoryStore",
    "Merge",
    "MissingOperations",
    "Move",
    "Node",
    "NodeId",
    "Operation",
    "Placement",
    "SetAttribute",
    "Stamp",
    "Store",
    "VersionVector",
    "Write",
    "apply",
    "attribute",
    "distinct_heads",
    "heads",
    "is_shown",
    "kind_of",
    "next_id",
    "node_id",
    "path_of",
    "resolve",
    "shown_children",
    "truncate",
    "winner",
]
