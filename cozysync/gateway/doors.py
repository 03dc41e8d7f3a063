"""The doors that are open. One more is one more line."""

from pathlib import Path

from cozysync.gateway.app import Door
from cozysync.gateway.files import files_door
from cozysync.gateway.sync_api import PREFIX, sync_door


def all_doors(staging: Path) -> tuple[Door, ...]:
    """Every door, freshly made, over views with this staging.

    What phones left behind in memory is gone; what they may go on with is there. Raises `OSError`
    and `sqlite3.Error`.
    """
    return (
        files_door(),
        Door(PREFIX, sync_door(staging)),
    )
