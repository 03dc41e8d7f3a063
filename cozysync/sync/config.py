"""What a person may set about the engine. Where it is read from is the daemon's matter."""

from dataclasses import dataclass, field

from cozysync.replica import Retention

DEFAULT_TRASH_DAYS = 30
# A clean-up of half a folder is rare; an unmounted disk or a wrong script takes nearly all.
DEFAULT_MASS_DELETE_SHARE = 0.5
# Watching finds changes at once; the scan is for what it missed and costs about 0.1 s for each
# 10,000 files.
DEFAULT_SCAN_INTERVAL_S = 600.0
# A loopback or LAN server is kept busy by four; more only takes memory, 9 MiB each.
DEFAULT_TRANSFERS = 4


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """The settings of one engine.

    `device` is the name that others see. `server` is the server's URL, and
    `server_key` the fingerprint of its key (empty: an authority vouches). Deleted and
    replaced files rest `trash_days` days. A scan that would delete more than `mass_delete_share`
    (0 to 1) of a folder asks first. Every `scan_interval_s` seconds all folders are looked
    through. `uploads` and `downloads` are how many packs move at once. `retention` is how long
    old versions are kept.
    """

    device: str
    server: str | None = None
    server_key: bytes = b""
    trash_days: int = DEFAULT_TRASH_DAYS
    mass_delete_share: float = DEFAULT_MASS_DELETE_SHARE
    scan_interval_s: float = DEFAULT_SCAN_INTERVAL_S
    uploads: int = DEFAULT_TRANSFERS
    downloads: int = DEFAULT_TRANSFERS
    retention: Retention = field(default_factory=Retention)
