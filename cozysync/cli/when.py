"""Times as a tired person types them, in the time zone of this computer."""

import re
from datetime import datetime, timedelta

import typer

_AGO = re.compile(r"(\d{1,9})\s*(s|sec|m|min|h|hour|d|day|w|week)[a-z]*(\s+ago)?$")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_CLOCK = ("%H:%M", "%H:%M:%S")


def when(words: str, now: datetime | None = None) -> float:
    """Seconds since 1970 for «14:00», «yesterday», «yesterday 9:30», «2 days ago», «2026-03-05
    14:00», or what `cozysync log --json` shows. Raises `typer.BadParameter`.

    A time that is given to the second means its end, so that what the log shows under that
    second is included; «yesterday» is its end, too, and a date is the end of that day.
    """
    now = now or datetime.now().astimezone()
    plain = words.strip().lower()
    if re.fullmatch(r"\d{9,12}(\.\d{1,9})?", plain):
        return float(plain)
    ago = _AGO.fullmatch(plain)
    if plain == "now":
        return now.timestamp()
    if ago is not None:
        return now.timestamp() - int(ago[1]) * _UNITS[ago[2][0]]
    found = _day_and_clock(plain, now)
    if found is None:
        found = _date(words.strip())
    if found is None:
        raise typer.BadParameter(
            f"«{words}» is no time. Say it like 14:00, yesterday, '2 hours ago', 2026-03-05, or "
            "'2026-03-05 14:00'."
        )
    return found.timestamp()


def _day_and_clock(plain: str, now: datetime) -> datetime | None:
    day, _, clock = plain.partition(" ")
    days = {"today": 0, "yesterday": 1}
    if not plain:
        return None
    if day not in days:
        day, clock = "today", plain
    start = (now - timedelta(days=days[day])).replace(hour=0, minute=0, second=0, microsecond=0)
    if not clock:
        return start + timedelta(days=1, microseconds=-1)
    for form in _CLOCK:
        try:
            time = datetime.strptime(clock, form)
        except ValueError:
            continue
        found = start.replace(hour=time.hour, minute=time.minute, second=time.second)
        return _end_of_second(found)
    return None


def _date(words: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(words).astimezone()
    except ValueError:
        return None
    if len(words) == len("2026-03-05"):
        return found + timedelta(days=1, microseconds=-1)
    return _end_of_second(found)


def _end_of_second(time: datetime) -> datetime:
    return time if time.microsecond else time.replace(microsecond=999_999)
