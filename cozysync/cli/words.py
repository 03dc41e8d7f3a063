"""How values are told to people."""

from datetime import datetime


def size(amount: float) -> str:
    """Bytes in the unit that reads best."""
    if amount == 1:
        return "1 byte"
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def plain(text: str) -> str:
    """A name of a file may hold anything, even what would steer the terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def moment(seconds: float, form: str = "%Y-%m-%d %H:%M") -> str:
    """A time in the time zone of this computer."""
    return f"{datetime.fromtimestamp(seconds).astimezone():{form}}"
