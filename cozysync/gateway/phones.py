"""The phones that this gateway serves, and the file that they are kept in.

The daemon alone writes the file, whole, with no password in it. When a phone was last here is
written down now and then: what counts is in memory.
"""

import hashlib
import hmac
import json
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cozysync.gateway.scope import Scope
from cozysync.vault import NO_PASSWORD, AppPassword, new_app_password
from cozysync.vault.errors import CozyError, ExitCode

VERSION = 1
"""Of the file. A newer one is refused, not guessed at."""

SEEN_EVERY_S = 600.0
"""How old the times in the file may be of when a phone was last here."""

MOST_PHONES = 256

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}", re.ASCII)
_REMEMBERED_KEY = 32


class PhonesDamaged(CozyError):
    """The file of the phones does not read."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"{path}, which lists your phones, cannot be used: {why}.",
            "Remove it and add your phones anew: cozysync phone add NAME. No file is lost by that.",
        )


class BadPhone(CozyError):
    """A phone that cannot be added, or is not there."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True)
class Phone:
    """`name` is what the phone logs in with; times are in seconds since 1970."""

    name: str
    scope: Scope
    added_s: float
    password: AppPassword
    seen_s: float | None = None


class PhoneBook:
    """Phones by name, in a file. `check` may be called from threads; the rest from the loop."""

    def __init__(self, path: Path, now_s: Callable[[], float]) -> None:
        """Raises `PhonesDamaged`."""
        self._path = path
        self._now_s = now_s
        self._phones = {each.name: each for each in _phones_in(path)}
        # A password that was right once costs no slow hash again, as long as this process lives.
        self._remembered: dict[str, bytes] = {}
        self._key = os.urandom(_REMEMBERED_KEY)
        self._kept_s = now_s()

    def all(self) -> tuple[Phone, ...]:
        """Every phone, by name."""
        return tuple(self._phones[name] for name in sorted(self._phones))

    def add(self, name: str, scope: Scope) -> str:
        """Let a phone in; returns its password, which nobody can show again.

        Raises `BadPhone` for a name that is taken or cannot be one.
        """
        if not _NAME.fullmatch(name):
            raise BadPhone(
                f"«{name}» cannot be the name of a phone.",
                "Use up to 32 small letters, digits, - and _, such as anna-phone.",
            )
        if name in self._phones:
            raise BadPhone(
                f"There is a phone «{name}» already.",
                f"Choose another name, or revoke that one first: cozysync phone revoke {name}.",
            )
        if len(self._phones) >= MOST_PHONES:
            raise BadPhone(
                f"There are {MOST_PHONES} phones already.",
                "Revoke those that you do not use: cozysync phone list.",
            )
        shown, password = new_app_password()
        self._keep(self._phones | {name: Phone(name, scope, self._now_s(), password)})
        return shown

    def revoke(self, name: str) -> None:
        """Put a phone out: its next request is refused. Raises `BadPhone` for an unknown one."""
        if name not in self._phones:
            raise BadPhone(f"There is no phone «{name}».", "See cozysync phone list.")
        self._remembered.pop(name, None)
        self._keep({each: phone for each, phone in self._phones.items() if each != name})

    def recalled(self, name: str, password: str) -> Phone | None:
        """The phone whose password this is known to be from an earlier `check`; quick."""
        known = self._remembered.get(name, b"")
        if hmac.compare_digest(known, self._short(password)):
            return self._phones.get(name)
        return None

    def check(self, name: str, password: str) -> Phone | None:
        """The phone that bears this name and password, None for any other. Takes 30 ms always."""
        phone = self._phones.get(name)
        fits = (phone.password if phone is not None else NO_PASSWORD).fits(password)
        now = self._phones.get(name)  # it may have been revoked meanwhile
        if phone is None or now is None or not fits or now.password is not phone.password:
            return None
        self._remembered[name] = self._short(password)
        return now

    def seen(self, name: str) -> None:
        """Note that a phone is here now."""
        phone = self._phones.get(name)
        if phone is None:
            return
        now = self._now_s()
        first = phone.seen_s is None
        self._phones[name] = replace(phone, seen_s=now)
        if first or now - self._kept_s > SEEN_EVERY_S:
            self.keep_seen()

    def keep_seen(self) -> None:
        """Write down when the phones were last here; a full disk is no reason to stop."""
        with suppress(OSError):
            self._keep(self._phones)

    def _keep(self, phones: dict[str, Phone]) -> None:
        """Replace the file, then what is in memory: what was told is durable."""
        rows = [_row(phones[name]) for name in sorted(phones)]
        _write(self._path, json.dumps({"version": VERSION, "phones": rows}, indent=1) + "\n")
        self._phones = phones
        self._kept_s = self._now_s()

    def _short(self, password: str) -> bytes:
        data = password.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(data, key=self._key, digest_size=32).digest()


def _row(phone: Phone) -> dict[str, Any]:
    return {
        "name": phone.name,
        "folders": None if phone.scope.folders is None else list(phone.scope.folders),
        "read_only": phone.scope.read_only,
        "added": phone.added_s,
        "seen": phone.seen_s,
        "password": phone.password.to_json(),
    }


def _phone(row: Any) -> Phone:
    folders = row["folders"]
    if not _NAME.fullmatch(row["name"]) or type(row["read_only"]) is not bool:
        raise ValueError("a phone in it has no proper name or rights")
    if folders is not None and not (
        isinstance(folders, list) and all(isinstance(each, str) for each in folders)
    ):
        raise ValueError("the folders of a phone in it are no names")
    return Phone(
        name=row["name"],
        scope=Scope(None if folders is None else tuple(folders), row["read_only"]),
        added_s=float(row["added"]),
        password=AppPassword.of(row["password"]),
        seen_s=None if row["seen"] is None else float(row["seen"]),
    )


def _phones_in(path: Path) -> list[Phone]:
    try:
        found = json.loads(path.read_bytes())
        if not isinstance(found, dict) or found.get("version") != VERSION:
            raise PhonesDamaged(path, f"it is not of version {VERSION}")
        return [_phone(row) for row in found["phones"]]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise PhonesDamaged(path, error.strerror or "it cannot be read") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise PhonesDamaged(path, "it is damaged") from error


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)  # a revocation that a power cut takes back would be none
    finally:
        os.close(directory)
