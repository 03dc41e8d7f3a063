"""The doors that are open. One more is one more line."""

from cozysync.gateway.app import Door
from cozysync.gateway.files import files_door
from cozysync.gateway.sync_api import PREFIX, sync_door


def all_doors() -> tuple[Door, ...]:
    """Every door, freshly made: what phones left behind in memory is gone."""
    return (
        files_door(),
        Door(PREFIX, sync_door()),
    )
