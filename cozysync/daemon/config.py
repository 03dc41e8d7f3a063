"""The configuration: one TOML file, every key known, documented and checked.

Nobody needs a file: every key has a default. A key that nobody knows is refused by name, because
a misspelt setting that is silently ignored is worse than an error.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from cozysync.daemon.config_keys import KEYS, Address, Value, parse_address
from cozysync.replica import Retention
from cozysync.sync.config import EngineConfig
from cozysync.sync.trust import ServerTrust
from cozysync.vault import read_fingerprint
from cozysync.vault.errors import CozyError, ExitCode


class BadConfig(CozyError):
    """The configuration file has something in it that cannot be meant."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """The server that the daemon runs as a child process, when `enabled`."""

    enabled: bool
    listen: Address
    grace_days: float
    active_days: float


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """The door for phones, when `enabled`; `certificate` and `key` are the person's own, if any."""

    enabled: bool
    listen: Address
    hosts: tuple[str, ...]
    certificate: Path | None
    key: Path | None
    contacts: str
    calendars: str


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration of one device."""

    engine: EngineConfig
    embedded: EmbeddedServer
    gateway: GatewaySettings
    log_level: str

    @property
    def trust(self) -> ServerTrust:
        """How the server is known."""
        return ServerTrust(self.engine.server_key)

    @property
    def speaks_tls(self) -> bool:
        """Whether the server is spoken to by TLS."""
        return (self.engine.server or "").startswith("https://")


def load(path: Path) -> Config:
    """The configuration in a file, or the defaults when there is none. Raises `BadConfig`."""
    return _config(_checked(path, _raw(path)))


def change(path: Path, changes: Mapping[str, Value]) -> Config:
    """Set keys (dotted names) in the file, leaving the others; returns the new configuration.

    The file is replaced as a whole, so nobody ever reads half of it.
    """
    values = _checked(path, _raw(path)) | dict(changes)
    config = _config(_checked(path, values))
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    temporary.write_text(tomli_w.dumps(_nested(values)))
    temporary.chmod(0o600)
    temporary.replace(path)
    return config


def _raw(path: Path) -> dict[str, Value]:
    """The keys that the file sets, by dotted name."""
    try:
        with path.open("rb") as file:
            return _flat(path, tomllib.load(file))
    except FileNotFoundError:
        return {}
    except OSError as error:
        why = error.strerror or error
        raise BadConfig(f"{path} cannot be read: {why}.", "Let cozysync read it.") from None
    except (ValueError, RecursionError) as error:
        raise BadConfig(f"{path} is not TOML: {error}.", "Correct that line.") from None


def _flat(path: Path, table: Mapping[str, Any], prefix: str = "") -> dict[str, Value]:
    flat: dict[str, Value] = {}
    for name, value in table.items():
        if isinstance(value, dict) and not prefix:
            flat |= _flat(path, value, f"{name}.")
        else:
            flat[prefix + name] = value
    return flat


def _checked(path: Path, values: Mapping[str, Value]) -> dict[str, Value]:
    known = {key.name: key for key in KEYS}
    checked: dict[str, Value] = {}
    for name, value in values.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise BadConfig(
                f"{path} sets «{name}», which is no key of cozysync.",
                f"Did you mean «{near[0]}»?" if near else "Remove it; docs/CONFIG.md has them all.",
            )
        try:
            checked[name] = known[name].check(value)
        except ValueError as error:
            raise BadConfig(f"{path} sets «{name}» to {value!r}.", f"It must be {error}.") from None
    return checked


def _config(values: Mapping[str, Value]) -> Config:
    def value(name: str) -> Any:
        return values[name] if name in values else defaults[name]

    defaults = {key.name: key.default() for key in KEYS}
    return Config(
        engine=EngineConfig(
            device=value("device"),
            server=value("server") or None,
            server_key=read_fingerprint(value("server_key")) if value("server_key") else b"",
            trash_days=value("trash_days"),
            mass_delete_share=value("mass_delete_share"),
            scan_interval_s=value("scan_interval"),
            uploads=value("uploads"),
            downloads=value("downloads"),
            retention=Retention(
                value("history.all_days"),
                value("history.daily_days"),
                value("history.monthly_days"),
                value("history.deleted_days"),
            ),
        ),
        embedded=EmbeddedServer(
            enabled=value("embedded_server.enabled"),
            listen=parse_address(value("embedded_server.listen")),
            grace_days=value("embedded_server.grace_days"),
            active_days=value("embedded_server.active_days"),
        ),
        gateway=GatewaySettings(
            enabled=value("gateway.enabled"),
            listen=parse_address(value("gateway.listen")),
            hosts=tuple(value("gateway.hosts").split()),
            certificate=Path(value("gateway.certificate"))
            if value("gateway.certificate")
            else None,
            key=Path(value("gateway.key")) if value("gateway.key") else None,
            contacts=value("gateway.contacts"),
            calendars=value("gateway.calendars"),
        ),
        log_level=value("log_level"),
    )


def _file(name: str) -> Path | None:
    return Path(name) if name else None


def _nested(values: Mapping[str, Value]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, value in values.items():
        section, _, key = name.rpartition(".")
        (nested.setdefault(section, {}) if section else nested)[key] = value
    return nested
