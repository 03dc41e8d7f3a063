"""What one server grants to whom: every bound of traffic, with its reason."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Rates are requests a second; `burst` is how many may come at once after a rest."""

    device_rate: float = 300
    device_burst: int = 3000
    """A device sends one append at a time and takes over a millisecond for each: an honest one is
    never near it, and one that runs wild leaves the others their share."""

    stranger_rate: float = 20
    stranger_burst: int = 200
    """An address without a session: opening sessions, pairing, making vaults. All devices behind
    one router come from one address, and after an outage all at once."""

    device_waiting: int = 16
    all_waiting: int = 20_000
    """Readers that wait for news: about 10 KB each."""

    device_uploads: int = 16
    all_uploads: int = 128
    """Packs under way: a megabyte of memory each; a device opens 12 connections."""

    device_appends: int = 4
    all_appends: int = 32
    """Appends under way: up to 16 MiB of memory each."""

    all_small_appends: int = 1_000
    """Of those that say beforehand that they are small, as nearly all are: 64 KiB each."""

    silence_s: float = 30
    """How long nothing may come of a body that was announced."""

    slowest_bytes_per_s: int = 1024
    grace_s: float = 30
    """A body may be slower than that only for so long: else a drop now and then holds a place for
    ever. A line of 9,600 baud is just fast enough."""
