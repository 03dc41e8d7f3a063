"""The small interface for own apps: the tree in JSON, versioned below `/api/v1`.

`table` says what an operation is, and one table of them (`operations`) both serves and describes
itself (`openapi`), so neither can tell something else than the other.
"""

from cozysync.gateway.sync_api.door import PREFIX, sync_door

__all__ = ["PREFIX", "sync_door"]
