"""The doors that are open. One more is one more line."""

from pathlib import Path

from cozysync.gateway.app import Door
from cozysync.gateway.files import files_door
from cozysync.gateway.items import Homes, items_door
from cozysync.gateway.page import page_door
from cozysync.gateway.sync_api import sync_door


def all_doors(staging: Path, contacts: str, calendars: str) -> tuple[Door, ...]:
    """Every door, freshly made, over views with this staging.

    `contacts` and `calendars` are the folders of the vault that hold these. What phones left behind
    in memory is gone; what they may go on with is there. Raises `OSError` and `sqlite3.Error`.
    """
    return (
        files_door(),
        items_door(Homes(contacts, calendars)),
        sync_door(staging),
        page_door(),
    )
