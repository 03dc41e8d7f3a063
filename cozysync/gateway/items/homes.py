"""Where address books and calendars are in the vault, and by what names phones know them."""

from dataclasses import dataclass
from enum import Enum

from cozysync.gateway.blocking import BlockingView
from cozysync.gateway.errors import Exists, Forbidden, NotDirectory, NotFound
from cozysync.gateway.view import Entry
from cozysync_conflict import Kind


class Sort(Enum):
    """What a collection holds: Radicale's tag, and how the files end."""

    CONTACTS = ("VADDRESSBOOK", ".vcf")
    CALENDAR = ("VCALENDAR", ".ics")

    @property
    def tag(self) -> str:
        """As Radicale calls it."""
        return self.value[0]

    @property
    def ending(self) -> str:
        """Of the files that are its items."""
        return self.value[1]


# A calendar and an address book may bear one name; then the second has this behind it.
_SECOND = "~contacts"

FIRST = {Sort.CONTACTS: "contacts", Sort.CALENDAR: "calendar"}
"""What is made for a phone that finds nothing."""


@dataclass(frozen=True, slots=True)
class Homes:
    """The two folders of the vault, by name."""

    contacts: str = "Contacts"
    calendars: str = "Calendars"

    def path(self, sort: Sort) -> str:
        """The folder that holds all collections of a sort."""
        return f"/{self.contacts if sort is Sort.CONTACTS else self.calendars}"

    def all(self, view: BlockingView) -> dict[str, tuple[Sort, Entry]]:
        """Every collection that the phone may see, by the name that it has for phones."""
        found: dict[str, tuple[Sort, Entry]] = {}
        for sort in (Sort.CALENDAR, Sort.CONTACTS):
            for entry in _directories(view, self.path(sort)):
                name = entry.name
                while name in found:
                    name += _SECOND
                found[name] = (sort, entry)
        return found

    def make(self, view: BlockingView, sort: Sort, name: str) -> Entry:
        """Make a collection. Raises what the view does; `Exists` too for one of the other sort."""
        if name in self.all(view):
            raise Exists(f"{self.path(sort)}/{name}")
        try:
            view.entry(self.path(sort))
        except NotFound:
            view.make_directory(self.path(sort))
        return view.make_directory(f"{self.path(sort)}/{name}")

    def begin(self, view: BlockingView) -> None:
        """Make a first address book and calendar, where there is none and the phone may."""
        for sort, name in FIRST.items():
            if not _directories(view, self.path(sort)):
                try:
                    self.make(view, sort, name)
                except (Exists, Forbidden, NotDirectory):
                    continue


def _directories(view: BlockingView, path: str) -> list[Entry]:
    try:
        children = view.children(path)
    except (NotFound, NotDirectory):
        return []
    return [each for each in children if each.kind is Kind.DIRECTORY and _is_shown(each.name)]


def _is_shown(name: str) -> bool:
    """Whether a name can be told to phones at all: not hidden, and text."""
    return not name.startswith(".") and name.isprintable()
