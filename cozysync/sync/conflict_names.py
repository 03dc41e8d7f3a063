"""What a conflict copy's name says of its origin: which device wrote it, and when."""

from collections.abc import Mapping
from datetime import UTC, datetime

from cozysync_conflict import COUNTER_BITS
from cozysync_protocol import DeviceId

_LAST_MS = 253_402_214_400_000
_UNFIT = dict.fromkeys(map(ord, '/\\:*?"<>|\0'), "_")


def conflict_label(names: Mapping[DeviceId, str], device: bytes, time: int) -> bytes:
    """«DEVICE, YYYY-MM-DD HHMM» for a version written by `device` at hybrid time `time`.

    The time is UTC and the name the one in the log, so that every device says the same.
    """
    name = names.get(DeviceId(device), device.hex()[:8]).translate(_UNFIT).strip() or "device"
    return f"{name}, {datetime.fromtimestamp(seconds(time), UTC):%Y-%m-%d %H%M}".encode()


def seconds(time: int) -> float:
    """A hybrid time in seconds since 1970; a wrong clock's far future is cut at the year 9999."""
    return min(time >> COUNTER_BITS, _LAST_MS) / 1000
