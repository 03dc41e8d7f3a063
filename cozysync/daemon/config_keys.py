"""The keys of the configuration: names, defaults, forms, checks and meanings.

One list; reading, checking, messages and the documentation all follow from it.
"""

import ipaddress
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cozysync.replica import Retention
from cozysync.sync.config import (
    DEFAULT_MASS_DELETE_SHARE,
    DEFAULT_SCAN_INTERVAL_S,
    DEFAULT_TRANSFERS,
    DEFAULT_TRASH_DAYS,
)
from cozysync.vault import read_fingerprint
from cozysync_protocol import ACTIVE_DAYS, GRACE_DAYS

LOG_LEVELS = ("debug", "info", "warning", "error")
DEFAULT_LISTEN = "127.0.0.1:7717"
DEFAULT_GATEWAY = "127.0.0.1:7718"

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens; port 0 asks the system for a free one."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its dotted name, default, form for a person, check and meaning.

    `check` returns the value as it is used, or raises `ValueError` with what would be right.
    """

    name: str
    default: Callable[[], Value]
    form: str
    check: Callable[[Value], Value]
    meaning: str


def parse_address(text: str) -> Address:
    """`HOST:PORT` (an IPv6 host in brackets); raises `ValueError` saying what would be right."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65_535:
        raise ValueError(f"{text!r} is not HOST:PORT, such as {DEFAULT_LISTEN}")
    return Address(host.removeprefix("[").removesuffix("]"), int(port))


_HOST = re.compile(r"[A-Za-z0-9.:_-]{1,253}", re.ASCII)
_FOLDER = re.compile(r"(?!\.{1,2}$)[^/\0]{1,60}")
_SIZE = re.compile(r"(\d{1,9}) ?([KMGT]i?B|B)?", re.IGNORECASE | re.ASCII)


def parse_size(text: str) -> int:
    """Bytes of a size such as 500MB or 50GiB; raises `ValueError` saying what would be right."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a size, such as 50GiB or 500MB")
    unit = (found[2] or "B").upper()
    step = 1024 if "I" in unit else 1000
    return int(found[1]) * int(step ** "BKMGT".index(unit[0]))


def device_name() -> str:
    """The name that a device has unless it is given one: the machine's."""
    return socket.gethostname().partition(".")[0] or "device"


def _text(longest: int) -> Callable[[Value], Value]:
    def check(value: Value) -> Value:
        if not isinstance(value, str) or not 0 < len(value.encode()) <= longest:
            raise ValueError(f"a text of 1 to {longest} bytes")
        return value

    return check


def _url(value: Value) -> Value:
    if not isinstance(value, str) or (value and not value.startswith(("http://", "https://"))):
        raise ValueError("a URL that starts with https:// or http://")
    return value.rstrip("/")


def _fingerprint(value: Value) -> Value:
    if not isinstance(value, str):
        raise ValueError("a text")
    if value:
        read_fingerprint(value)
    return value


def _whole(least: int, most: int) -> Callable[[Value], Value]:
    def check(value: Value) -> Value:
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return value

    return check


def _number(least: float, most: float) -> Callable[[Value], Value]:
    def check(value: Value) -> Value:
        if type(value) not in (int, float) or not least <= float(value) <= most:
            raise ValueError(f"a number from {least:g} to {most:g}")
        return float(value)

    return check


def _choice(choices: tuple[str, ...]) -> Callable[[Value], Value]:
    def check(value: Value) -> Value:
        if value not in choices:
            raise ValueError("one of " + ", ".join(choices))
        return value

    return check


def _switch(value: Value) -> Value:
    if type(value) is not bool:
        raise ValueError("true or false")
    return value


def _hosts(value: Value) -> Value:
    if not isinstance(value, str) or not all(_HOST.fullmatch(each) for each in value.split()):
        raise ValueError("names or addresses without ports, with spaces between them")
    return " ".join(value.split()).lower()


def _path(value: Value) -> Value:
    if not isinstance(value, str) or (value and not Path(value).is_absolute()):
        raise ValueError("an absolute path")
    return value


def _folder(value: Value) -> Value:
    if not isinstance(value, str) or not _FOLDER.fullmatch(value):
        raise ValueError("the name of a folder of the vault")
    return value


def _listen(value: Value) -> Value:
    if not isinstance(value, str):
        raise ValueError("a text HOST:PORT")
    parse_address(value)
    return value


KEYS: tuple[Key, ...] = (
    Key("device", device_name, "text", _text(255), "The name of this device, as others see it."),
    Key(
        "server",
        lambda: "",
        "URL",
        _url,
        "The server's address; set when the vault is made or joined.",
    ),
    Key(
        "server_key",
        lambda: "",
        "43 characters",
        _fingerprint,
        "What `cozysync server key` prints on the server: whoever does not hold that key is not "
        "spoken to. Empty when an authority vouches for the server, or without TLS.",
    ),
    Key(
        "trash_days",
        lambda: DEFAULT_TRASH_DAYS,
        "days, 0 to 3650",
        _whole(0, 3650),
        "How long deleted and replaced files rest in a folder's local trash.",
    ),
    Key(
        "mass_delete_share",
        lambda: DEFAULT_MASS_DELETE_SHARE,
        "share, 0 to 1",
        _number(0, 1),
        "When more than this share of a folder vanishes within ten minutes, the rest is held until "
        "somebody decides: cozysync approve. 1 lets every deletion through.",
    ),
    Key(
        "scan_interval",
        lambda: DEFAULT_SCAN_INTERVAL_S,
        "seconds, 1 to 86400",
        _number(1, 86_400),
        "How often all folders are looked through for what watching has missed.",
    ),
    Key(
        "uploads",
        lambda: DEFAULT_TRANSFERS,
        "1 to 64",
        _whole(1, 64),
        "Packs sent at once; each takes about 9 MiB of memory.",
    ),
    Key(
        "downloads",
        lambda: DEFAULT_TRANSFERS,
        "1 to 64",
        _whole(1, 64),
        "Packs fetched at once; each takes about 16 MiB of memory.",
    ),
    Key(
        "history.all_days",
        lambda: Retention().all_days,
        "days, 0 to 36500",
        _whole(0, 36_500),
        "For how many days after it was replaced every version of a file is kept.",
    ),
    Key(
        "history.daily_days",
        lambda: Retention().daily_days,
        "days, 0 to 36500",
        _whole(0, 36_500),
        "For how many days the last version of each day is kept after that.",
    ),
    Key(
        "history.monthly_days",
        lambda: Retention().monthly_days,
        "days, 0 to 36500",
        _whole(0, 36_500),
        "For how many days the last version of each month is kept after that; 0 is for ever.",
    ),
    Key(
        "history.deleted_days",
        lambda: Retention().deleted_days,
        "days, 0 to 36500",
        _whole(0, 36_500),
        "For how many days what was deleted can be brought back. Of several devices the one that "
        "keeps the least decides what the server keeps.",
    ),
    Key(
        "log_level",
        lambda: "info",
        ", ".join(LOG_LEVELS),
        _choice(LOG_LEVELS),
        "How much the daemon's log tells.",
    ),
    Key(
        "embedded_server.enabled",
        lambda: False,
        "true or false",
        _switch,
        "Whether the daemon runs a server of its own; cozysync up turns it on.",
    ),
    Key(
        "embedded_server.listen",
        lambda: DEFAULT_LISTEN,
        "HOST:PORT",
        _listen,
        "Where the embedded server listens. Other machines reach it only at an address of yours "
        "that is not 127.0.0.1.",
    ),
    Key(
        "embedded_server.grace_days",
        lambda: float(GRACE_DAYS),
        "days, 0 to 3650",
        _number(0, 3650),
        "How long the embedded server keeps packs that nobody needs any more.",
    ),
    Key(
        "embedded_server.active_days",
        lambda: float(ACTIVE_DAYS),
        "days, 0 to 3650",
        _number(0, 3650),
        "After how many days a device that has not come holds up no clearing of the embedded "
        "server. When it comes it starts from a snapshot, and loses nothing.",
    ),
    Key(
        "gateway.enabled",
        lambda: False,
        "true or false",
        _switch,
        "Whether the daemon lets phones in; cozysync gateway enable turns it on.",
    ),
    Key(
        "gateway.listen",
        lambda: DEFAULT_GATEWAY,
        "HOST:PORT",
        _listen,
        "Where the gateway listens. Anything but this machine alone is always spoken to by TLS.",
    ),
    Key(
        "gateway.hosts",
        lambda: "",
        "names",
        _hosts,
        "Names and addresses, with spaces between them, by which phones call the gateway besides "
        "this machine's own. A request for any other is refused.",
    ),
    Key(
        "gateway.certificate",
        lambda: "",
        "path",
        _path,
        "Your own certificate with its chain, in PEM; empty for one that the gateway makes itself.",
    ),
    Key("gateway.key", lambda: "", "path", _path, "The private key of that certificate, in PEM."),
    Key(
        "gateway.contacts",
        lambda: "Contacts",
        "name",
        _folder,
        "The folder of the vault whose directories are address books, a contact a file.",
    ),
    Key(
        "gateway.calendars",
        lambda: "Calendars",
        "name",
        _folder,
        "The folder of the vault whose directories are calendars, an event or a task a file.",
    ),
)
