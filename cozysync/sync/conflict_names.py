"""What a conflict copy's name says of its origin: which device wrote it, and when."""

from collections.abc import Mapping
from datetime import UTC, datetime

from cozysync_protocol import DeviceId

# HybridClock: milliseconds in the upper bits, a counter in the lower 16.
_COUNTER_BITS = 16
_UNFIT = dict.fromkeys(map(ord, '/\\:*?"<>|\0'), "_")


def conflict_label(names: Mapping[DeviceId, str], device: bytes, time: int) -> bytes:
    """«DEVICE, YYYY-MM-DD HHMM» for a version written by `device` at hybrid time `time`.

    The time is UTC and the name the one in the log, so that every device says the same.
    """
    name = names.get(DeviceId(device), device.hex()[:8]).translate(_UNFIT).strip() or "device"
    seconds = min(time >> _COUNTER_BITS, 253_402_300_799_000) / 1000
    return f"{name}, {datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H%M}".encode()
