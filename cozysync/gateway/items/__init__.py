"""Contacts and calendars by CardDAV and CalDAV: Radicale over the view.

They are directories of the vault in the form that vdir has: one contact, event or task a file, and
what an address book or calendar is called in small files beside. So desktop programs and phones
meet in the same data, and what they change apart is merged property by property.
"""

from cozysync.gateway.items.door import ITEMS, items_door
from cozysync.gateway.items.homes import Homes

__all__ = ["ITEMS", "Homes", "items_door"]
